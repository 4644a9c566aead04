"""The frames of a GOP to its bytes: for each tree its cut is chosen, then its nodes are coded.

frames of a tree ──partition──▶ cut ──flags──▶ bytes
       └──────────nodes of the cut, in order──▶ bytes, restored frames
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ...bitstream.adaptive.binary_coder import finish
from ...bitstream.adaptive.partition_flags import code_cut
from ...system.threads import prefetch
from .analysis import Analysis
from .bases import Bases
from .effort import Effort
from .gop_bytes import join_gop
from .gop_state import BLOCK, GopState, Planes, nodes_at, planes_of, trees_of
from .partition import Plan, Planner, single_frames

# Bytes that an encoder may write for a pixel before it gives up: raw pixels take 3.
_BYTES_PER_PIXEL = 4


def encode_gop(pixels: NDArray[np.uint8], top: int, quality: float, bases: Bases, effort: Effort) -> bytes:
    """Pixels (T, H, W, 1 or 3) uint8 of a GOP → its bytes.

    top: level of the largest windows.   quality: 0 … 100.
    """
    frames, height, width, _ = pixels.shape
    state = GopState((height, width), top, quality, bases, capacity=capacity_of(frames, height, width))
    shares = encode_frames(state, pixels, top, effort)
    return join_gop(shares, finish(state.coder))


def capacity_of(frames: int, height: int, width: int) -> int:
    """Bytes that a GOP's encoder may write."""
    return _BYTES_PER_PIXEL * frames * (height + BLOCK) * (width + BLOCK) + 4096


def encode_frames(state: GopState, pixels: NDArray[np.uint8], top: int, effort: Effort) -> tuple[int, ...]:
    """Encode a GOP's pixels from a new state on. Returns block frames in windows of 1, 2, … 2^top frames."""
    analysis = Analysis(state, effort.tries)
    first, every = planes_of(pixels[:1]), np.ones(state.blocks, np.bool_)
    analysis.encode(state, 0, 0, 0, every, first, intra=True)
    state.finish_frame(0, 0, first)
    shares = np.zeros(top + 1, np.int64)
    # Trees are planned by another thread while those before are coded.
    for time, level, original, plan in prefetch(_planned(pixels, top, state, effort), 1):
        shares += np.bincount(plan.cut.ravel(), minlength=top + 1)
        _encode_tree(state, analysis, original, plan, time, level)
        state.end_tree(level)
    return tuple(shares.tolist())


def _planned(
    pixels: NDArray[np.uint8], top: int, state: GopState, effort: Effort
) -> Iterator[tuple[int, int, Planes, Plan]]:
    """First frame and level, frames from index 1 on, and plan of each tree."""
    planner = Planner(state, effort.tries) if effort.windows else None
    for time, level in trees_of(len(pixels), top):
        before = np.zeros((1, *state.frames.shape[1:]), np.int16)
        original = np.concatenate([before, planes_of(pixels[time : time + (1 << level)])])
        plan = planner.plan(original, time, level) if planner else single_frames(state, level)
        yield time, level, original, plan


def _encode_tree(
    state: GopState, analysis: Analysis, original: Planes, plan: Plan, time: int, level: int
) -> None:
    code_cut(state.coder, level, plan.cut)
    for index in range(1 << level):
        state.begin_frame(index + 1, plan.cut[index])
        analysis.see(original[index + 1], state.reference)
        for above, blocks in nodes_at(plan.cut, index):
            analysis.encode(state, above, index + 1, time + index, blocks, original, plan.hints[index])
        state.finish_frame(index + 1, time + index, original)
