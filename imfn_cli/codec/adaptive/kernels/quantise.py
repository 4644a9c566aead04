"""Rate–distortion optimised quantisation of one leaf's residual: the encoder's choice only."""

import numpy as np

from ....bitstream.adaptive import residual as rs
from ....bitstream.adaptive.binary_coder import BITS
from ....system.compiled import inlined, inner, inner_float
from .copies import fill_row

# Numbers below this are always 0; a leaf with less energy than its square has no symbol.
_DEAD = 0.58
ZERO_ENERGY = _DEAD**2
_LAST, _BAND = rs.LAST, rs.BAND
_OFFSET_BITS = np.array(
    [np.log2(max(1, rs.LAST_START[b + 1] - rs.LAST_START[b])) for b in range(16)], np.float32
)
# BITS has 4097 entries: index p >> 4 for a one, 4096 − (p >> 4) for a zero.


@inlined
def bits_of(cd, context, bit):
    """Estimated bits of `bit` in one context."""
    p = np.int64(cd.p[context]) >> 4
    return BITS[p] if bit else BITS[4096 - p]


@inner
def _last_bits(cd, kind, lasts, r, c, out):
    """Estimated bits of each bucket of the last channel → out (16,)."""
    left, above = rs.bucket_of(lasts[r, c - 1]), rs.bucket_of(lasts[r - 1, c])
    near = max(left, above)
    for bucket in range(16):
        total = np.float32(0)
        node = 1
        for level in range(4):
            bit = (bucket >> (3 - level)) & 1
            total += bits_of(cd, rs.LAST_SIDES + (kind * 16 + node) * 17 + near, bit)
            node = node * 2 + bit
        out[bucket] = total + _OFFSET_BITS[bucket]


@inner_float
def quantise_leaf(cd, near, kind, grid, lasts, r, c, x, lam, q, cost, lastbits):
    """Choose symbols q (C,) for coefficients x (C,), in units of the step, by distortion + lam · bits.

    cost (C,), lastbits (16,): scratch. Returns (last channel or −1, distortion + lam · bits of coding
    them); the flag
    that says whether there are any is not counted.
    """
    energy = np.float32(0)
    last = -1
    fill_row(q, 0)
    for k in range(192):
        energy += x[k] * x[k]
    for k in range(191, -1, -1):
        if abs(x[k]) > _DEAD:
            last = k
            break
    if last < 0:
        return -1, np.float64(energy)
    left, above = grid[r, c - 1], grid[r - 1, c]
    for k in range(last, -1, -1):
        v = abs(x[k])
        m = min(np.int64(v + 0.5), rs.MAX_SYMBOL)
        t = 0
        for j in range(6):
            i = near[k, j]
            if i < 0:
                break
            t += min(abs(q[i]), 15)
        kc = kind * 192 + k
        a = min(abs(left[k]), 2) * 3 + min(abs(above[k]), 2)
        s0, s1 = rs.ZERO_NEAR + kc * 6 + min(t, 5), rs.ZERO_SIDES + kc * 9 + a
        zero = np.float32(0.5) * (bits_of(cd, s0, 0) + bits_of(cd, s1, 0))
        zero_cost = v * v + lam * zero
        if m == 0 and v < 0.45:
            cost[k] = zero_cost
            continue
        one = np.float32(0.5) * (bits_of(cd, s0, 1) + bits_of(cd, s1, 1))
        g = rs.ONE_NEAR + kc * 4 + min(t, 3)
        best, choice = zero_cost, 0
        for candidate in range(max(m - 1, 1), max(m, 1) + 1):
            bits = one + 1
            if candidate == 1:
                bits += bits_of(cd, g, 0)
            else:
                bits += bits_of(cd, g, 1)
                base = rs.MORE_BAND + kind * 16 * 12 + _BAND[k]
                for i in range(2, min(candidate, 15)):
                    bits += bits_of(cd, base + i * 12, 1)
                if candidate < 15:
                    bits += bits_of(cd, base + candidate * 12, 0)
                else:
                    bits += 2 * np.log2(candidate - 14.0) + 1
            j = (v - candidate) ** 2 + lam * bits
            if j < best:
                best, choice = j, candidate
        cost[k] = best
        q[k] = choice if x[k] > 0 else -choice
    # Where to end: everything above is 0 without a word.
    _last_bits(cd, kind, lasts, r, c, lastbits)
    best, where = np.float64(1e30), -1
    below = np.float64(0)  # distortion + rate of the channels under k
    tail = np.float64(energy)
    for k in range(last + 1):
        tail -= x[k] * x[k]
        if q[k] != 0:
            # the channel itself needs no flag where it is the last
            kc = kind * 192 + k
            a = min(abs(left[k]), 2) * 3 + min(abs(above[k]), 2)
            saved = bits_of(cd, rs.ZERO_SIDES + kc * 9 + a, 1)
            total = below + cost[k] - lam * saved + tail + lam * lastbits[_LAST[k]]
            if total < best:
                best, where = total, k
        below += cost[k]
    for k in range(where + 1, last + 1):
        q[k] = 0
    if where < 0:
        return -1, np.float64(energy)
    return where, best
