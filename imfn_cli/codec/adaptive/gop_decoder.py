"""A GOP's bytes to its frames, tree by tree."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...bitstream.adaptive.binary_coder import fed
from ...bitstream.adaptive.partition_flags import code_cut
from .bases import Bases
from .gop_encoder import windows_of
from .gop_state import GopState, Mask, nodes_at, pixels_of
from .kernels.block_decoder import decode_node
from .tree_bytes import Tree


class DecodedTree(NamedTuple):
    """pixels (T, H, W, 1 or 3) uint8.   cut (T, rows, columns): level of every frame's and block's window."""

    pixels: NDArray[np.uint8]
    cut: NDArray[np.int8]


class GopDecoder:
    """Decodes one GOP: the first frame, then tree after tree, in order.

    size: (H, W, 1 or 3).   top: level of the largest windows.   quality: 0 … 100.
    """

    def __init__(self, size: tuple[int, int, int], top: int, quality: float, bases: Bases) -> None:
        self._size, self._top = size, top
        self._state = GopState(size[:2], top, quality, bases)
        self._begun = False

    def tree(self, tree: Tree, level: int) -> DecodedTree:
        """The next 2^level frames.

        Raises ValueError if it cannot be a tree of that level at this place; nothing can
        follow then. Whatever bytes there are, the work is bounded by the frames.
        """
        state = self._state
        if tree.first == self._begun or level > (self._top if self._begun else 0):
            raise ValueError("it is not of this place in its GOP")
        state.coder = fed(state.coder, tree.payload)
        cut = np.zeros((1 << level, *state.blocks), np.int8)
        if tree.first:
            self._begun = True
            self._frame(0, [(0, np.ones(state.blocks, np.bool_))], intra=True)
            return DecodedTree(pixels_of(state.frames[:1], self._size), cut)
        code_cut(state.coder, level, cut)
        if windows_of(cut) != tree.windows:
            raise ValueError("its windows are not those that it says")
        for index in range(1 << level):
            state.begin_frame(index + 1, cut[index])
            self._frame(index + 1, list(nodes_at(cut, index)))
        pixels = pixels_of(state.frames[1 : 1 + (1 << level)], self._size)
        state.end_tree(level)
        return DecodedTree(pixels, cut)

    def _frame(self, index: int, nodes: list[tuple[int, Mask]], *, intra: bool = False) -> None:
        state = self._state
        state.code_step()
        for level, blocks in nodes:
            decode_node(state.node(level, index, intra=intra), blocks)
        state.finish_frame(index)
