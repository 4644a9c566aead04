"""The frames of a GOP to its bytes: for each tree its cut is chosen, then its nodes are coded.

frames of a tree ──partition──▶ cut ──flags──▶ bytes
       └──────────nodes of the cut, in order──▶ bytes, restored frames
"""

import numpy as np
from numpy.typing import NDArray

from ...bitstream.adaptive.binary_coder import finish
from ...bitstream.adaptive.partition_flags import code_partition
from .analysis import Analysis
from .bases import Bases
from .gop_bytes import join_gop
from .gop_state import GopState, nodes_at, planes_of, trees_of
from .partition import choose_cut

# Bytes that an encoder may write for a pixel before it gives up: raw pixels take 3.
_BYTES_PER_PIXEL = 4


def encode_gop(pixels: NDArray[np.uint8], top: int, quality: float, bases: Bases) -> bytes:
    """Pixels (T, H, W, 1 or 3) uint8 of a GOP → its bytes.

    top: level of the largest windows.   quality: 0 … 100.
    """
    frames, height, width, _ = pixels.shape
    capacity = _BYTES_PER_PIXEL * frames * (height + 16) * (width + 16) + 4096
    state = GopState((height, width), top, quality, bases, capacity=capacity)
    analysis = Analysis(state)
    original = np.zeros_like(state.frames)
    original[:1] = planes_of(pixels[:1])
    every = np.ones(state.blocks, np.bool_)
    analysis.encode(state, 0, 0, 0, every, original, intra=True)
    state.finish_frame(0, 0, original)
    shares = np.zeros(top + 1, np.int64)
    for time, level in trees_of(frames, top):
        length = 1 << level
        original[1 : 1 + length] = planes_of(pixels[time : time + length])
        cut = choose_cut(state, analysis, original, time, level)
        shares += np.bincount(cut.ravel(), minlength=top + 1)
        for row in range(state.blocks[0]):
            for column in range(state.blocks[1]):
                code_partition(state.coder, level, cut, row, column)
        for index in range(length):
            state.begin_frame(index + 1, cut[index])
            analysis.see_reference(state.reference)
            for node_level, blocks in nodes_at(cut, index):
                analysis.encode(state, node_level, index + 1, time + index, blocks, original)
            state.finish_frame(index + 1, time + index, original)
        state.end_tree(level)
    return join_gop(tuple(shares.tolist()), finish(state.coder))
