"""How each block's time is cut: one flag a window, split or not, from the whole tree down; integers only."""

import numpy as np

from ...system.compiled import inner, kernel
from ...system.held import held
from .binary_coder import code_bit
from .block_syntax import BLOCK_CONTEXTS, BLOCK_SETS

_P0 = BLOCK_CONTEXTS
_P1 = _P0 + 8 * 9
_P2 = _P1 + 8 * 81
PARTITION_CONTEXTS = _P2 + 8 * 9 * 9
PARTITION_SETS = BLOCK_SETS + 8


@kernel
def code_cut(cd, levels, cut):
    """Code the windows of all blocks of a tree, in raster order; see `code_partition`."""
    cd = held(cd)
    for br in range(cut.shape[1]):
        for bc in range(cut.shape[2]):
            code_partition(cd, levels, cut, br, bc)


@inner
def code_partition(cd, levels, cut, br, bc):
    """Code the windows of block (br, bc): cut (frames, rows, columns) int8 holds the level of the window of
    every frame.

    A tree of 2**levels frames. The decoder fills cut.
    """
    start = 0
    frames = 1 << levels
    while start < frames:
        level = _open_level(start, levels)
        while level > 0:
            left = cut[start, br, bc - 1] if bc > 0 else 7
            above = cut[start, br - 1, bc] if br > 0 else 7
            corner = cut[start, br - 1, bc + 1] if br > 0 and bc + 1 < cut.shape[2] else 7
            before = cut[start - 1, br, bc] if start > 0 else 7
            cd.ctx[0] = _P0 + level * 9 + _relation(left, level) * 3 + _relation(above, level)
            cd.ctx[1] = _P1 + (level * 9 + left) * 9 + above
            cd.ctx[2] = _P2 + (level * 9 + before) * 9 + _relation(corner, level) * 3 + _relation(left, level)
            split = code_bit(cd, 3, BLOCK_SETS + level, np.int64(cut[start, br, bc] < level))
            if split == 0:
                break
            level -= 1
        for t in range(start, start + (1 << level)):
            cut[t, br, bc] = level
        start += 1 << level


@inner
def _open_level(start, levels):
    """The level of the largest window that starts at `start`: every larger one around it has been split."""
    level = 0
    while level < levels and start & ((1 << (level + 1)) - 1) == 0:
        level += 1
    return level


@inner
def _relation(level, here):
    """Whether a neighbour's window is larger than one of level `here` (2), as large (1) or smaller (0)."""
    return 2 if level > here else (1 if level == here else 0)
