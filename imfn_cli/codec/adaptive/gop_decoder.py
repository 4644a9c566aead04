"""A GOP's bytes to its frames."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from ...bitstream.adaptive.partition_flags import code_cut
from .bases import Bases
from .gop_bytes import split_gop
from .gop_state import GopState, Mask, nodes_at, pixels_of, trees_of
from .kernels.block_decoder import decode_node


def decode_gop(
    data: bytes,
    frames: int,
    size: tuple[int, int, int],
    top: int,
    quality: float,
    bases: Bases,
    tell_cut: Callable[[NDArray[np.int8]], None] = lambda _: None,
) -> Iterator[NDArray[np.uint8]]:
    """The frames of a GOP, tree by tree: pixels (·, *size) uint8, in order.

    size: (H, W, 1 or 3).   top: level of the largest windows.   tell_cut: called before each tree's frames
    come, the first frame's too, with (T, rows, columns), the level of the window of every frame and block.

    Raises ValueError if the bytes cannot be a GOP of so many frames. Whatever bytes there are, the work is
    bounded by the frames.
    """
    shares, payload = split_gop(data, top)
    state = GopState(size[:2], top, quality, bases, data=payload)
    _decode(state, 0, 0, 0, np.ones(state.blocks, np.bool_), intra=True)
    state.finish_frame(0, 0)
    tell_cut(np.zeros((1, *state.blocks), np.int8))
    yield pixels_of(state.frames[:1], size)
    found = np.zeros(top + 1, np.int64)
    for time, level in trees_of(frames, top):
        cut = np.zeros((1 << level, *state.blocks), np.int8)
        code_cut(state.coder, level, cut)
        found += np.bincount(cut.ravel(), minlength=top + 1)
        for index in range(1 << level):
            state.begin_frame(index + 1, cut[index])
            for node_level, blocks in nodes_at(cut, index):
                _decode(state, node_level, index + 1, time + index, blocks)
            state.finish_frame(index + 1, time + index)
        tell_cut(cut)
        yield pixels_of(state.frames[1 : 1 + (1 << level)], size)
        state.end_tree(level)
    if tuple(found.tolist()) != shares:
        raise ValueError("its windows are not those that it says")


def _decode(state: GopState, level: int, index: int, time: int, blocks: Mask, *, intra: bool = False) -> None:
    decode_node(state.node(level, index, time, intra=intra), blocks)
