"""What is known of the blocks of a GOP while it is coded, what a node is coded with, and scratch for a block.

Leaves are vectors of C numbers a frame, plane by plane: R, G, B, each of 8 rows of 8 pixels.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ....bitstream.adaptive import block_syntax as bs
from ....bitstream.adaptive.binary_coder import Coder
from .intra import MODES

#: Numbers of a leaf: channels of the linear tree.
C = 192


class Fields(NamedTuple):
    """What is known of every leaf, newest last; with a border of one (see `block_syntax`)."""

    grid: NDArray[np.int16]
    lasts: NDArray[np.int16]
    mode: NDArray[np.int8]
    mv: NDArray[np.int32]
    imode: NDArray[np.int8]


def new_fields(height: int, width: int) -> Fields:
    """For frames of height × width pixels, multiples of 16; nothing known."""
    rows, columns = height // 8 + 2, width // 8 + 3
    return Fields(
        np.zeros((rows, columns, C), np.int16),
        np.zeros((rows, columns), np.int16),
        np.zeros((rows, columns), np.int8),
        np.zeros((rows, columns, 2), np.int32),
        np.full((rows, columns), MODES, np.int8),
    )


class Work(NamedTuple):
    """Scratch of one block. pred (F, 3, 16, 16) int32, q (4, C) int32, acc (F·C,) int64, …"""

    pred: NDArray[np.int32]
    q: NDArray[np.int32]
    acc: NDArray[np.int64]
    narrow: NDArray[np.int32]
    tap: NDArray[np.int32]
    cand: NDArray[np.int32]
    vec: NDArray[np.int32]
    last: NDArray[np.int64]
    leaf: NDArray[np.int32]


def new_work(frames: int) -> Work:
    """For windows of `frames` frames."""
    return Work(
        np.zeros((frames, 3, 16, 16), np.int32),
        np.zeros((4, C), np.int32),
        np.zeros(frames * C, np.int64),
        np.zeros(frames * C, np.int32),
        np.zeros((24, 16), np.int32),
        np.zeros((bs.CANDIDATES + 4, 2), np.int32),
        np.zeros((4, 2), np.int32),
        np.zeros(4, np.int64),
        np.zeros(C, np.int32),
    )


class Node(NamedTuple):
    """What both sides code a node with.

    near, both: see `tables`.   basis (C, F·C) int32.   step in 1/64 grey levels.   frames (…, 3, H', W'),
    of which the node restores its blocks in t0 … t0 + F − 1.   ref (3, …): the reference frame, bordered.
    """

    cd: Coder
    near: NDArray[np.int16]
    both: NDArray[np.int16]
    basis: NDArray[np.int32]
    level: int
    intra: bool
    step: int
    frames: NDArray[np.int16]
    t0: int
    ref: NDArray[np.int16]
    fd: Fields
    wk: Work
