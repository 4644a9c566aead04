"""What is said of a 16×16 block: skip, merge, vectors, intra modes; integers only.

    skip? ─▶ which neighbour's vector
      └▶ merge? ─▶ which neighbour's vector ─▶ residual
           └▶ intra? ─▶ four modes ─▶ residual
                └▶ split? ─▶ one vector, or four ─▶ residual

Fields are kept for every leaf (8×8 pixels), with a border of one, and always hold what was said last of a
place:
mode (rows + 2, columns + 3) int8: 0 nothing, 1 skip, 2 inter, 3 intra; mv (…, 2) int32 in quarter pixels a
frame.
"""

import numpy as np

from ...system.compiled import inner
from .binary_coder import code_bit, code_direct, code_single
from .residual import RESIDUAL_CONTEXTS, RESIDUAL_SETS, code_exp_golomb

NONE, SKIP, INTER, INTRA = range(4)
#: Vectors that a block may take over from its surroundings.
CANDIDATES = 5
#: Largest vector component in quarter pixels.
LIMIT = 4 * 128
KINDS = 3  # levels 0, 1 to 3, 4 and more
SKIP_SIDES = RESIDUAL_CONTEXTS
_SKIP1 = SKIP_SIDES + KINDS * 64
_SKIP2 = _SKIP1 + KINDS * 256
_SKIP3 = _SKIP2 + KINDS * 64
MERGE_SIDES = _SKIP3 + KINDS * 32
_MERGE1 = MERGE_SIDES + KINDS * 16
INTRA_SIDES = _MERGE1 + KINDS * 64
_INTRA1 = INTRA_SIDES + 16
SPLIT_SIDES = _INTRA1 + 64
_SPLIT1 = SPLIT_SIDES + KINDS * 16
WHICH = _SPLIT1 + KINDS * 64
_VZERO = WHICH + KINDS * 2 * 8
_VSIZE = _VZERO + 32
INTRA_MODE_SIDES = _VSIZE + 4 * 48
_IMODE1 = INTRA_MODE_SIDES + 8 * 64
BLOCK_CONTEXTS = _IMODE1 + 8
_W = RESIDUAL_SETS
BLOCK_SETS = _W + 8


@inner
def candidates(mode, mv, r, c, out):
    """Vectors that block (r, c), its first leaf's place in the fields, may take over → out (CANDIDATES,
    2); how many.
    """
    n = 0
    for i in range(7):
        if i == 0:
            y, x = r + 1, c - 1
        elif i == 1:
            y, x = r - 1, c + 1
        elif i == 2:
            y, x = r - 1, c + 2
        elif i == 3:
            y, x = r, c
        elif i == 4:
            y, x = r + 2, c
        elif i == 5:
            y, x = r, c + 2
        else:
            y, x = 0, 0
        vy, vx = np.int32(0), np.int32(0)
        if i < 6:
            if y >= mode.shape[0] or x >= mode.shape[1] or mode[y, x] == NONE or mode[y, x] == INTRA:
                continue
            vy, vx = mv[y, x, 0], mv[y, x, 1]
        known = False
        for j in range(n):
            if out[j, 0] == vy and out[j, 1] == vx:
                known = True
        if not known:
            out[n, 0], out[n, 1] = vy, vx
            n += 1
            if n == CANDIDATES:
                break
    return n


@inner
def predicted_vector(mode, mv, r, c, size):
    """Median of the vectors to the left, above and above right of the block of `size` leaves at (r, c)."""
    ly, lx, ay, ax, by, bx = 0, 0, 0, 0, 0, 0
    n = 0
    if mode[r, c - 1] == SKIP or mode[r, c - 1] == INTER:
        ly, lx = mv[r, c - 1, 0], mv[r, c - 1, 1]
        n += 1
    if mode[r - 1, c] == SKIP or mode[r - 1, c] == INTER:
        ay, ax = mv[r - 1, c, 0], mv[r - 1, c, 1]
        n += 2
    if mode[r - 1, c + size] == SKIP or mode[r - 1, c + size] == INTER:
        by, bx = mv[r - 1, c + size, 0], mv[r - 1, c + size, 1]
        n += 4
    if n == 1:
        return ly, lx
    if n == 2:
        return ay, ax
    if n == 4:
        return by, bx
    return (
        max(min(ly, ay), min(max(ly, ay), by)),
        max(min(lx, ax), min(max(lx, ax), bx)),
    )


@inner
def skip_context(mode, lasts, r, c):
    """How many of the neighbours were skipped."""
    return (
        (mode[r, c - 1] == SKIP)
        + 2 * (mode[r - 1, c] == SKIP)
        + 4 * (mode[r, c] == SKIP)
        + 8 * (mode[r - 1, c + 2] == SKIP)
    )


@inner
def code_skip(cd, kind, mode, lasts, r, c, flag):
    """Whether the block has neither vectors of its own nor a residual."""
    context = skip_context(mode, lasts, r, c)
    later = (mode[r, c + 2] == SKIP) + 2 * (mode[r + 2, c] == SKIP if r + 2 < mode.shape[0] else 0)
    cd.ctx[0] = SKIP_SIDES + kind * 64 + context
    cd.ctx[1] = _SKIP1 + kind * 256 + context * 16 + later * 4 + (mode[r - 1, c - 1] == SKIP) * 2
    here = (
        min(lasts[r, c], 3) + min(lasts[r + 1, c], 3) + min(lasts[r, c + 1], 3) + min(lasts[r + 1, c + 1], 3)
    )
    near = (
        min(lasts[r, c - 1], 3)
        + min(lasts[r + 1, c - 1], 3)
        + min(lasts[r - 1, c], 3)
        + min(lasts[r - 1, c + 1], 3)
    )
    cd.ctx[2] = _SKIP2 + kind * 64 + min(here, 7) * 8 + min(near, 7)
    cd.ctx[3] = _SKIP3 + kind * 32 + mode[r, c] * 8 + later
    return code_bit(cd, 4, _W + kind, flag)


@inner
def code_merge(cd, kind, mode, r, c, flag):
    """Whether the block takes over a vector."""
    same = (mode[r, c - 1] == SKIP) + (mode[r - 1, c] == SKIP)
    cd.ctx[0] = MERGE_SIDES + kind * 16 + same
    cd.ctx[1] = _MERGE1 + kind * 64 + mode[r, c - 1] * 16 + mode[r - 1, c] * 4 + mode[r, c]
    return code_bit(cd, 2, _W + 3, flag)


@inner
def code_intra(cd, mode, r, c, flag):
    """Whether the block is predicted from its surroundings in the same frame."""
    cd.ctx[0] = INTRA_SIDES + (mode[r, c - 1] == INTRA) + (mode[r - 1, c] == INTRA)
    cd.ctx[1] = _INTRA1 + mode[r, c - 1] * 16 + mode[r - 1, c] * 4 + mode[r, c]
    return code_bit(cd, 2, _W + 4, flag)


@inner
def code_split(cd, kind, mode, mv, r, c, flag):
    """Whether each leaf has a vector of its own."""
    rough = 0
    if mode[r, c - 1] == INTER and (
        mv[r, c - 1, 0] != mv[r + 1, c - 1, 0] or mv[r, c - 1, 1] != mv[r + 1, c - 1, 1]
    ):
        rough += 1
    if mode[r - 1, c] == INTER and (
        mv[r - 1, c, 0] != mv[r - 1, c + 1, 0] or mv[r - 1, c, 1] != mv[r - 1, c + 1, 1]
    ):
        rough += 1
    cd.ctx[0] = SPLIT_SIDES + kind * 16 + rough
    cd.ctx[1] = _SPLIT1 + kind * 64 + mode[r, c - 1] * 16 + mode[r - 1, c] * 4 + mode[r, c]
    return code_bit(cd, 2, _W + 5, flag)


@inner
def code_which(cd, kind, merge, count, index):
    """Which of `count` candidates."""
    for i in range(count - 1):
        if code_single(cd, WHICH + (kind * 2 + merge) * 8 + i, np.int64(index > i)) == 0:
            return i
    return count - 1


@inner
def code_vector(cd, split, dy, dx):
    """A vector's difference to its prediction, each component within ±2·LIMIT."""
    zy = code_single(cd, _VZERO + split * 8, np.int64(dy != 0))
    zx = code_single(cd, _VZERO + split * 8 + 1 + zy, np.int64(dx != 0))
    dy = _component(cd, split * 2, dy) if zy else np.int64(0)
    dx = _component(cd, split * 2 + 1, dx) if zx else np.int64(0)
    return dy, dx


@inner
def _component(cd, which, d):
    sign = code_direct(cd, np.int64(d < 0))
    m = code_exp_golomb(cd, _VSIZE + which * 48, 11, abs(d) - 1) + 1
    return -m if sign else m


@inner
def code_intra_mode(cd, left, above, value):
    """Mode 0 … 5 of a leaf, given those of the leaves to the left and above (6: not intra)."""
    for i in range(5):
        cd.ctx[0] = INTRA_MODE_SIDES + (i * 8 + left) * 8 + above
        cd.ctx[1] = _IMODE1 + i
        if code_bit(cd, 2, _W + 6, np.int64(value != i)) == 0:
            return i
    return 5
