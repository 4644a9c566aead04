"""What encoder and decoder of a GOP of an adaptive forest know alike, and what the frames go through.

    first frame (intra blocks) ─▶ tree of up to 64 frames ─▶ tree ─▶ …   each tree: cut, then its nodes

A GOP of T frames is one intra frame and then trees of 2^l frames: full ones, then the binary expansion of the
rest. Every 16×16 block of a tree is cut into dyadic windows; a node is a window and its blocks.
Nodes come in order of their first frame, longer windows first, so when one is coded the frame before it is
complete. Frames are int16 in 1/16 grey levels, planes R, G, B, padded to whole blocks by their border.
"""

import copy
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ...bitstream.adaptive.binary_coder import new_coder, silent
from ...bitstream.adaptive.frame_flags import CONTEXTS, SETS, code_filtered, code_step_offset
from ...motion.interpolate import BORDER, pad_frame
from .bases import Bases
from .kernels.block_state import C, Fields, Node, Work, new_fields, new_work
from .kernels.deblock import deblock
from .kernels.frames import copy_blocks, squared_error
from .kernels.loop_filter import filter_frame
from .parameters import ACTIVITY, deblocking_thresholds, step_at
from .tables import TABLES, Tables

#: Side of a block in pixels.
BLOCK = 16
#: Value of a grey level.
GREY = 16
#: Levels of windows: 1 to 64 frames.
LEVELS = 7
Planes = NDArray[np.int16]
Mask = NDArray[np.bool_]


class GopState:
    """The state of one GOP.

    size: (H, W).   top: level of the largest trees.   quality: 0 … 100.   capacity: bytes of a tree that an
    encoder may write.   step, number: of the frame at hand, in 1/64 grey levels; counted from 0.
    frames (1 + 2^top, 3, H', W') int16: the restored frame before the tree, then the tree's.
    """

    def __init__(
        self,
        size: tuple[int, int],
        top: int,
        quality: float,
        bases: Bases,
        *,
        capacity: int = 0,
        tables: Tables = TABLES,
    ) -> None:
        height, width = size[0] + -size[0] % BLOCK, size[1] + -size[1] % BLOCK
        self.quality, self.bases, self.tables = quality, bases, tables
        self.blocks = height // BLOCK, width // BLOCK
        self.coder = new_coder(CONTEXTS, SETS, capacity=capacity)
        self.coder.p[:], self.coder.n[:], self.coder.w[:] = tables.p, tables.n, tables.w
        self.fields = new_fields(height, width)
        self.frames: Planes = np.zeros((1 + (1 << top), 3, height, width), np.int16)
        self.frames[0] = 128 * GREY
        self.reference: Planes = np.zeros((3, height + 2 * BORDER, width + 2 * BORDER), np.int16)
        self.step, self.number = step_at(quality, 0), 0
        self._work: dict[int, Work] = {}

    def code_step(self, offset: int = 0) -> None:
        """Say, or hear, with which step the frame at hand is coded. offset: see `step_at`."""
        self.step = step_at(self.quality, code_step_offset(self.coder, offset))

    def node(self, level: int, index: int, *, intra: bool = False) -> Node:
        """A node of `level` that begins at frame `index` of `frames`, the frame at hand."""
        if level not in self._work:
            self._work[level] = new_work(1 << level)
        basis = self.bases.integers[level]
        return Node(
            *(self.coder, self.tables.near, self.tables.both, basis, level, intra, self.step),
            *(self.frames, index, self.reference, self.fields, self._work[level]),
        )

    def copied(self) -> "GopState":
        """Another state that goes on from here by itself; what it codes goes nowhere."""
        other = copy.copy(self)
        other._work = {}
        other.coder = silent(self.coder)
        other.fields = Fields(**{name: field.copy() for name, field in self.fields._asdict().items()})
        other.frames = self.frames.copy()
        other.reference = self.reference.copy()
        return other

    def begin_frame(self, index: int, cut: NDArray[np.int8]) -> None:
        """Make frame `index` of `frames` ready for the nodes that begin there.

        cut (rows, columns): level of each block's window. The frame before becomes the reference frame. What
        no earlier window has restored holds what the frame before does, until it is coded.
        """
        pad_frame(self.frames[index - 1], self.reference)
        copy_blocks(self.frames[index - 1], self.frames[index], index - 1, cut)

    def finish_frame(self, index: int, original: Planes | None = None) -> None:
        """Smooth frame `index` of `frames` once all its blocks are there.

        Leaf edges first, then the loop filter. original (1 + 2^top, 3, H', W'): the encoder's frames, which
        say whether the filter helps; a decoder has none.
        """
        frame, fields, step = self.frames[index], self.fields, self.step
        self.number += 1
        deblock(frame, fields.lasts, fields.mode, fields.mv, *deblocking_thresholds(step))
        self.filter_frame(frame, max(1, step >> 2), None if original is None else original[index])

    def filter_frame(self, frame: Planes, step: int, original: Planes | None) -> None:
        """The loop filter of one frame (3, H', W'), where the coder says so. step in 1/16 grey levels."""
        if original is None:
            if code_filtered(self.coder, False):
                self._filter(frame, step)
            return
        before = frame.copy()
        self._filter(frame, step)
        helps = squared_error(frame, original) < squared_error(before, original)
        if not code_filtered(self.coder, helps):
            frame[:] = before

    def pad(self, frame: Planes) -> None:
        """Put a frame with its border where the reference frame is, which the next frame makes anew."""
        pad_frame(frame, self.reference)

    def _filter(self, frame: Planes, step: int) -> None:
        self.pad(frame)
        lasts, modes = self.fields.lasts, self.fields.mode
        filter_frame(self.reference, frame, lasts, modes, step, self.tables.loop, ACTIVITY)

    def end_tree(self, level: int) -> None:
        """Go on to the next tree: its frame before is the last of this one."""
        self.frames[0] = self.frames[1 << level]


def trees_of(frames: int, top: int) -> Iterator[tuple[int, int]]:
    """First frame and level of each tree of a GOP of so many frames, without the first, which is intra."""
    time = 1
    while time < frames:
        level = min(top, (frames - time).bit_length() - 1)
        yield time, level
        time += 1 << level


def nodes_at(cut: NDArray[np.int8], index: int) -> Iterator[tuple[int, Mask]]:
    """Level and blocks (rows, columns) of the nodes that begin at frame `index` of a tree, longest first.

    cut (frames, rows, columns): the level of the window of every frame and block.
    """
    for level in reversed(range(LEVELS)):
        if index % (1 << level) == 0:
            blocks = cut[index] == level
            if blocks.any():
                yield level, blocks


def planes_of(pixels: NDArray[np.uint8]) -> Planes:
    """Pixels (T, H, W, 1 or 3) uint8 → (T, 3, H', W') int16, 1/16 grey levels; gray becomes three planes."""
    _, height, width, channels = pixels.shape
    padding = ((0, 0), (0, -height % BLOCK), (0, -width % BLOCK), (0, 0))
    padded = np.pad(pixels, padding, mode="edge").astype(np.int16) * GREY
    if channels == 1:
        padded = padded.repeat(3, axis=3)
    return np.ascontiguousarray(padded.transpose(0, 3, 1, 2))


def pixels_of(planes: Planes, size: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Planes (T, 3, H', W') → pixels (T, *size) uint8; gray is the mean of the planes."""
    height, width, channels = size
    pixels = np.empty((len(planes), *size), np.uint8)
    # One frame at a time: what is between is four times as large.
    for frame, out in zip(planes, pixels, strict=True):
        shown = frame[:, :height, :width].astype(np.int32)
        if channels == 1:
            shown = (shown.sum(axis=0, keepdims=True) * 2 + 3) // 6
        out[:] = np.clip((shown + GREY // 2) // GREY, 0, 255).transpose(1, 2, 0)
    return pixels


def leaves_of(frames: NDArray[np.generic]) -> NDArray[np.float32]:
    """The leaves of frames (T, 3, H', W'), block by block: (T, leaves, C) float32."""
    count, planes, height, width = frames.shape
    blocks = frames.reshape(count, planes, height // BLOCK, 2, 8, width // BLOCK, 2, 8)
    return blocks.transpose(0, 2, 5, 3, 6, 1, 4, 7).reshape(count, -1, C).astype(np.float32)
