"""What is known of the blocks of a GOP while it is coded, and scratch for one block."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...bitstream.adaptive import block_syntax as bs
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
        np.zeros((24, 16), np.int32),
        np.zeros((bs.CANDIDATES + 4, 2), np.int32),
        np.zeros((4, 2), np.int32),
        np.zeros(4, np.int64),
        np.zeros(C, np.int32),
    )
