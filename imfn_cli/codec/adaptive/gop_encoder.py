"""The frames of a GOP to its trees' bytes: for each tree its cut is chosen, then its nodes are coded.

frames of a tree ──partition──▶ cut ──flags──▶ bytes
       └──────────nodes of the cut, in order──▶ bytes, restored frames
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...bitstream.adaptive.binary_coder import finish
from ...bitstream.adaptive.partition_flags import code_cut
from ...system.threads import prefetch
from .analysis import Analysis
from .bases import Bases
from .effort import Effort
from .gop_state import BLOCK, GopState, Planes, nodes_at, planes_of, trees_of
from .parameters import offset_of
from .partition import Plan, Planner, single_frames
from .tree_bytes import Tree, join_tree

# Bytes that an encoder may write for a pixel before it gives up: raw pixels take 3.
_BYTES_PER_PIXEL = 4


#: Frames (H, W, 1 or 3) uint8, one by one or as an array.
Frames = Sequence[NDArray[np.uint8]] | NDArray[np.uint8]


class _Planned(NamedTuple):
    """A tree, its frames from index 1 on, and how it is to be coded."""

    level: int
    original: Planes
    plan: Plan


class GopEncoder:
    """Encodes one GOP, its first frame and then tree after tree, from a new state on."""

    def __init__(self, state: GopState, effort: Effort) -> None:
        self._state, self._effort = state, effort
        self._analysis = Analysis(state, effort)
        self._planner: Planner | None = None

    def first(self, pixels: NDArray[np.uint8]) -> bytes:
        """The bytes of the first frame (1, H, W, 1 or 3) uint8."""
        state, original = self._state, planes_of(pixels)
        state.code_step(offset_of(state.number))
        every = np.ones(state.blocks, np.bool_)
        self._analysis.encode(state, 0, 0, every, original, intra=True)
        state.finish_frame(0, original)
        if self._effort.windows:
            self._planner = Planner(state, self._effort)
        return join_tree(Tree(True, {}, finish(state.coder)))

    def tree(self, pixels: NDArray[np.uint8]) -> bytes:
        """The bytes of the next 2^l frames (2^l, H, W, 1 or 3) uint8."""
        return self._encoded(self._planned(pixels))

    def trees(self, frames: Frames, top: int) -> Iterator[tuple[int, bytes]]:
        """Level and bytes of each tree of a GOP's frames, the first of which is coded already.

        Trees are planned by another thread while those before are coded.
        """
        pieces = (frames[at : at + (1 << level)] for at, level in trees_of(len(frames), top))
        planned = (self._planned(np.stack(list(piece))) for piece in pieces)
        for tree in prefetch(planned, 1):
            yield tree.level, self._encoded(tree)

    def _planned(self, pixels: NDArray[np.uint8]) -> _Planned:
        level = len(pixels).bit_length() - 1
        before = np.zeros((1, *self._state.frames.shape[1:]), np.int16)
        original = np.concatenate([before, planes_of(pixels)])
        planner = self._planner
        plan = single_frames(self._state, level) if planner is None else planner.plan(original, level)
        return _Planned(level, original, plan)

    def _encoded(self, planned: _Planned) -> bytes:
        state, (level, original, (cut, hints)) = self._state, planned
        code_cut(state.coder, level, cut)
        for index in range(1 << level):
            state.begin_frame(index + 1, cut[index])
            state.code_step(offset_of(state.number))
            self._analysis.see(original[index + 1], state.reference)
            for above, blocks in nodes_at(cut, index):
                # Single frames are searched anew: what they refer to is not what analysis saw.
                found = hints[index] if above else None
                self._analysis.encode(state, above, index + 1, blocks, original, found)
            state.finish_frame(index + 1, original)
        state.end_tree(level)
        return join_tree(Tree(False, windows_of(cut), finish(state.coder)))


def encode_gop(
    frames: Frames, top: int, quality: float, bases: Bases, effort: Effort
) -> Iterator[tuple[int, bytes]]:
    """The frames of a GOP, each (H, W, 1 or 3) uint8 → level and bytes of each of its trees.

    top: level of the largest windows.   quality: 0 … 100.
    """
    encoder = GopEncoder(new_state(frames[0].shape[:2], top, quality, bases), effort)
    yield 0, encoder.first(frames[0][None])
    yield from encoder.trees(frames, top)


def new_state(size: tuple[int, ...], top: int, quality: float, bases: Bases) -> GopState:
    """The state of an encoder of frames of `size` (H, W)."""
    height, width = size
    return GopState((height, width), top, quality, bases, capacity=capacity_of(1 << top, height, width))


def capacity_of(frames: int, height: int, width: int) -> int:
    """Bytes that a tree's encoder may write."""
    return _BYTES_PER_PIXEL * frames * (height + BLOCK) * (width + BLOCK) + 4096


def windows_of(cut: NDArray[np.int8]) -> dict[int, int]:
    """Level above 0 → block frames in windows of it; those that there are. cut (frames, rows, columns)."""
    shares = np.bincount(cut.ravel()).tolist()
    return {level: share for level, share in enumerate(shares) if level and share}
