"""The quantised residual of one leaf: C symbols in channels of falling energy, coded in contexts; integers
only.

    coded flag ─▶ last channel that is not 0 ─▶ from there down to channel 0: zero?, one?, magnitude, sign

Contexts: the channel itself, magnitudes of the channels that go with it (`Tables.near`) in this leaf, in
the leaves to
the left and above, and what this place held before (`grid`, which always holds the newest symbols of every
place).
"""

import numpy as np

from ...system.compiled import inner
from .binary_coder import Coder, code_bit, code_direct, code_single

CHANNELS = 192
#: Kinds of residual, each with contexts of its own: intra, one frame, a window of 2 to 8, of 16 and more.
KINDS = 4
_BANDS = 12
_BAND_STARTS = (0, 1, 2, 4, 7, 11, 17, 26, 40, 60, 90, 130)
_LAST_STARTS = (0, 1, 2, 3, 4, 5, 7, 9, 12, 16, 22, 30, 42, 60, 86, 126, 192)
BAND = np.array([sum(k >= s for s in _BAND_STARTS) - 1 for k in range(CHANNELS)], np.int64)
LAST = np.array([sum(k >= s for s in _LAST_STARTS) - 1 for k in range(CHANNELS)], np.int64)
LAST_START = np.array(_LAST_STARTS, np.int64)
#: Highest magnitude that is coded in unary, and the bits of what may follow (Exp-Golomb).
UNARY = 15
MAX_SYMBOL = (1 << 15) - 1
# Sum of magnitudes → context.
_SUM = np.array([0, 1, 2, 3, 4, 4, 5, 5, 5, 6, 6, 6, 6, 6, 6] + [7] * 200, np.int64)

# Context numbers: where each kind of context starts.
ZERO_NEAR = 0
ZERO_SIDES = ZERO_NEAR + KINDS * CHANNELS * 6
_S2 = ZERO_SIDES + KINDS * CHANNELS * 9
_S3 = _S2 + KINDS * _BANDS * 64
_S4 = _S3 + KINDS * CHANNELS * 16
_S5 = _S4 + KINDS * _BANDS * 9 * 6 * 3
ONE_NEAR = _S5 + KINDS * _BANDS * 64
_G1 = ONE_NEAR + KINDS * CHANNELS * 4
_G2 = _G1 + KINDS * _BANDS * 32
_G3 = _G2 + KINDS * _BANDS * 64
MORE_BAND = _G3 + KINDS * CHANNELS * 4
_M1 = MORE_BAND + KINDS * 16 * _BANDS
_M2 = _M1 + KINDS * 16 * 8
_L0 = _M2 + KINDS * 16 * 8
LAST_SIDES = _L0 + KINDS * 16
_L2 = LAST_SIDES + KINDS * 16 * 17
_L3 = _L2 + KINDS * 16 * 17
_LL = _L3 + KINDS * 16 * 17 * 17
CODED_PLACE = _LL + KINDS * 16 * 8
_C1 = CODED_PLACE + KINDS * 16
_C2 = _C1 + KINDS * 17 * 17
_C3 = _C2 + KINDS * 17 * 16
_E0 = _C3 + KINDS * 17
_N0 = _E0 + 64
RESIDUAL_CONTEXTS = _N0 + KINDS * 8 * 9
# Sets of mixing weights.
_WS, _WG, _WM, _WL, _WC = (
    0,
    KINDS * _BANDS,
    2 * KINDS * _BANDS,
    2 * KINDS * _BANDS + KINDS,
    2 * KINDS * _BANDS + 2 * KINDS,
)
RESIDUAL_SETS = _WC + KINDS


@inner
def code_coded_flag(cd, kind, lasts, r, c, place, flag):
    """Whether leaf (r, c) has any symbol but 0.

    Lasts: 1 + last channel of every leaf, with a border, 0 for none.
    """
    left, above, before = bucket_of(lasts[r, c - 1]), bucket_of(lasts[r - 1, c]), bucket_of(lasts[r, c])
    cd.ctx[0] = CODED_PLACE + kind * 16 + place
    cd.ctx[1] = _C1 + (kind * 17 + left) * 17 + above
    cd.ctx[2] = _C2 + (kind * 17 + before) * 16 + place
    near = (
        (left > 0) + (above > 0) + (lasts[r - 1, c + 1] > 0) + (lasts[r + 1, c] > 0) + (lasts[r, c + 1] > 0)
    )
    cd.ctx[3] = _C3 + kind * 17 + near * 2 + (before > 0)
    return code_bit(cd, 4, _WC + kind, flag)


@inner
def bucket_of(last):
    return LAST[last - 1] + 1 if last > 0 else 0


@inner
def _code_last(cd, kind, lasts, r, c, last):
    left, above, before = bucket_of(lasts[r, c - 1]), bucket_of(lasts[r - 1, c]), bucket_of(lasts[r, c])
    bucket = LAST[last] if last >= 0 else 0
    node = 1
    for level in range(4):
        bit = (bucket >> (3 - level)) & 1
        cd.ctx[0] = _L0 + kind * 16 + node
        cd.ctx[1] = LAST_SIDES + (kind * 16 + node) * 17 + max(left, above)
        cd.ctx[2] = _L2 + (kind * 16 + node) * 17 + before
        cd.ctx[3] = _L3 + ((kind * 16 + node) * 17 + left) * 17 + above
        bit = code_bit(cd, 4, _WL + kind, bit)
        node = node * 2 + bit
    bucket = node - 16
    size = LAST_START[bucket + 1] - LAST_START[bucket]
    offset = last - LAST_START[bucket]
    # Truncated binary: the two highest bits adapt.
    bits = 0
    while (1 << bits) < size:
        bits += 1
    value = 0
    for b in range(bits - 1, -1, -1):
        if value + (1 << b) >= size:
            continue
        bit = (offset >> b) & 1
        if b >= bits - 2:
            bit = code_single(
                cd, _LL + (kind * 16 + bucket) * 8 + (1 if b == bits - 1 else 2 + (value > 0)), bit
            )
        else:
            bit = code_direct(cd, bit)
        value |= bit << b
    return LAST_START[bucket] + value


@inner
def code_leaf(cd, near, both, kind, grid, lasts, r, c, q, last):
    """Code symbols q (C,) int32 of leaf (r, c), at least one of them not 0; `last` is the highest such
    channel.

    grid (rows + 2, columns + 2, C) int16 and lasts (…) int16: newest symbols of every leaf, with a border;
    both are
    brought up to date. The decoder fills q. Returns last.
    """
    last = _code_last(cd, kind, lasts, r, c, last)
    left, above, here = grid[r, c - 1], grid[r - 1, c], grid[r, c]
    decoding = cd.io[5] == 1
    if decoding:
        for k in range(CHANNELS):
            q[k] = 0
    lastb = LAST[last]
    nonzero, large = 0, 0
    for k in range(last, -1, -1):
        m = abs(q[k])
        t = 0
        for j in range(6):
            i = near[k, j]
            if i < 0:
                break
            t += min(abs(q[i]), 15)
        nb = 0
        for j in range(4):
            i = both[k, j]
            nb += abs(left[i]) + abs(above[i])
        lk, ak = abs(left[k]), abs(above[k])
        nb += 2 * (lk + ak)
        tq, nbq = _SUM[t], _SUM[min(nb, 200)]
        band = BAND[k]
        kc = kind * 192 + k
        kb = kind * 12 + band
        if k < last:
            a = min(lk, 2) * 3 + min(ak, 2)
            t6 = min(t, 5)
            cd.ctx[0] = ZERO_NEAR + kc * 6 + t6
            cd.ctx[1] = ZERO_SIDES + kc * 9 + a
            cd.ctx[2] = _S2 + (kb * 8 + tq) * 8 + _SUM[min(nonzero, 200)]
            cd.ctx[3] = _S3 + kc * 16 + lastb
            cd.ctx[4] = _S4 + ((kb * 9 + a) * 6 + t6) * 3 + min(abs(here[k]), 2)
            cd.ctx[5] = _S5 + (kb * 8 + nbq) * 8 + tq
            if code_bit(cd, 6, _WS + kb, np.int64(m > 0)) == 0:
                continue
        if decoding:
            m = 1
        la = min(lk + ak, 7)
        cd.ctx[0] = ONE_NEAR + kc * 4 + min(t, 3)
        cd.ctx[1] = _G1 + (kb * 8 + tq) * 4 + min(large, 3)
        cd.ctx[2] = _G2 + (kb * 8 + la) * 8 + nbq
        cd.ctx[3] = _G3 + kc * 4 + min(la, 3)
        bit = code_bit(cd, 4, _WG + kb, np.int64(m > 1))
        if bit:
            m = _code_magnitude(cd, kind, band, tq, _SUM[min(lk + ak, 200)], m, decoding)
            large += 1
        nonzero += 1
        if k < 8:
            sl, sa = left[k], above[k]
            sign = code_single(
                cd,
                _N0 + (kind * 8 + k) * 9 + ((sl > 0) - (sl < 0) + 1) * 3 + (sa > 0) - (sa < 0) + 1,
                np.int64(q[k] < 0),
            )
        else:
            sign = code_direct(cd, np.int64(q[k] < 0))
        if decoding:
            q[k] = -m if sign else m
    for k in range(192):
        here[k] = q[k]
    lasts[r, c] = last + 1
    return last


@inner
def _code_magnitude(cd, kind, band, tq, la, m, decoding):
    """A magnitude of 2 and more: unary up to `UNARY`, then Exp-Golomb."""
    i = 2
    while i < UNARY:
        cd.ctx[0] = MORE_BAND + (kind * 16 + i) * 12 + band
        cd.ctx[1] = _M1 + (kind * 16 + i) * 8 + tq
        cd.ctx[2] = _M2 + (kind * 16 + i) * 8 + la
        if code_bit(cd, 3, _WM + kind, np.int64(m > i)) == 0:
            return i
        i += 1
    # Made-up bytes can say more than the grid holds.
    excess = code_exp_golomb(cd, _E0, 16, 0 if decoding else m - UNARY)
    return min(UNARY + excess, MAX_SYMBOL)


@inner
def code_exp_golomb(cd, context, longest, value):
    """A number 0 … 2**longest − 1, its length in unary in adaptive contexts context … context + longest."""
    bits = 0
    while bits < longest - 1 and (value + 1) >> (bits + 1):
        bits += 1
    n = 0
    while n < longest - 1 and code_single(cd, context + n, np.int64(n < bits)):
        n += 1
    out = 1
    for b in range(n - 1, -1, -1):
        bit = ((value + 1) >> b) & 1
        bit = code_single(cd, context + 24 + n, bit) if b == n - 1 else code_direct(cd, bit)
        out = out << 1 | bit
    return out - 1


def clear(cd: Coder) -> None:
    """Set mixing weights to a mean of the inputs, somewhat enlarged."""
    cd.w[:] = 22000
