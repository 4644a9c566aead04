"""The encoder's choice of intra modes for the four leaves of a block."""

import numpy as np

from ....bitstream.adaptive import block_syntax as bs
from ....bitstream.adaptive import residual as rs
from ....system.compiled import inner
from .block_decoder import write_intra_leaf
from .copies import copy_row
from .intra import MODES, predict_leaf
from .quantise import bits_of, quantise_leaf
from .transform import transform

# Modes whose residual is transformed: those of the least energy.
_TRIES = 4


@inner
def choose_intra(nd, se, r, c, limit):
    """Best modes of four leaves, one after the other → ch.i…; frame t0 keeps the restored block.

    Returns J, or 1e30 once above limit.
    """
    ch = se.ch
    total = np.float64(0)
    for i in range(4):
        ry, rx = r + (i >> 1), c + (i & 1)
        order = _predict_modes(nd, se, ry, rx)
        best, choice = np.float64(1e30), np.int64(0)
        for k in range(_TRIES):
            j, last = _quantise_mode(nd, se, ry, rx, i, k, order[k])
            if j < best:
                best, choice = j, order[k]
                copy_row(nd.wk.q[i], ch.iq[i])
                ch.ilast[i] = last
        total += best
        if total > limit:
            return np.float64(1e30)
        ch.imodes[i] = choice
        write_intra_leaf(nd, ch.leaves[choice], 8 * (ry - 1), 8 * (rx - 1), ch.iq[i], ch.ilast[i])
    return total


@inner
def _predict_modes(nd, se, r, c):
    """All predictions of leaf (r, c) → ch.leaves; numbers of the best by energy → ch.iy. Their modes."""
    ch = se.ch
    y, x = 8 * (r - 1), 8 * (c - 1)
    energies, order = ch.energy, ch.modes
    for mode in range(MODES):
        leaf = ch.leaves[mode]
        predict_leaf(nd.frames[nd.t0], y, x, mode, leaf)
        energies[mode] = _leaf_energy(se.orig[nd.t0], leaf, y, x)
    scale = np.float32(4.0 / nd.step)
    for k in range(_TRIES):
        mode = 0
        for other in range(1, MODES):
            if energies[other] < energies[mode]:
                mode = other
        energies[mode] = 1e30
        order[k] = mode
        _leaf_residual(se.orig[nd.t0], ch.leaves[mode], y, x, scale, ch.ix[k])
    transform(ch.ix, se.rows, ch.iy)
    return order


@inner
def _leaf_energy(orig, leaf, y, x):
    total = np.int64(0)
    for p in range(3):
        for dy in range(8):
            for dx in range(8):
                d = np.int64(orig[p, y + dy, x + dx]) - leaf[p * 64 + dy * 8 + dx]
                total += d * d
    return np.float64(total)


@inner
def _leaf_residual(orig, leaf, y, x, scale, out):
    for p in range(3):
        for dy in range(8):
            for dx in range(8):
                k = p * 64 + dy * 8 + dx
                out[k] = np.float32(np.int32(orig[p, y + dy, x + dx]) - leaf[k]) * scale


@inner
def _quantise_mode(nd, se, r, c, place, k, mode):
    """J and last channel of leaf (r, c) with the numbers ch.iy[k] of `mode`; symbols → wk.q[place]."""
    cd, fd, ch, lam = nd.cd, nd.fd, se.ch, se.lam
    last, j = quantise_leaf(
        cd, nd.near, np.int64(0), fd.grid, fd.lasts, r, c, ch.iy[k], lam, nd.wk.q[place], ch.cost, ch.lastbits
    )
    left, above = np.int64(fd.imode[r, c - 1]), np.int64(fd.imode[r - 1, c])
    bits = np.float64(bits_of(cd, rs.CODED_PLACE + place, last >= 0))
    for m in range(min(mode + 1, 5)):
        bits += bits_of(cd, bs.INTRA_MODE_SIDES + (m * 8 + left) * 8 + above, mode != m)
    return j + lam * bits, last
