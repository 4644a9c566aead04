"""Blocks of one node, coded in raster order: what both sides do alike, and the decoder.

    reference frame ──vectors──▶ prediction (F, 3, 16, 16) ─┐
    symbols ──basisᵀ · step──▶ residual (4, F·C) ───────────┴─▶ frames, in exact integers

F = 2**level frames have one residual of C numbers a leaf: the model's linear tree as one basis.
"""

import numpy as np

from ....bitstream.adaptive import block_syntax as bs
from ....bitstream.adaptive import residual as rs
from ....motion.interpolate import clamp_position, predict_block
from ....system.compiled import inner, kernel
from ....system.held import held
from .copies import copy_rows, fill_row
from .dequantise import restore_residual
from .intra import MODES, predict_leaf

# Fractional bits of a restored residual: the basis, the step's unit, less the frames' unit.
SHIFT = 14 + 6 - 4
_HALF = 1 << (SHIFT - 1)
_WHITE = 255 << 4


@inner
def predict(ref, y, x, height, width, vec, split, pred, tap):
    """Prediction of block (y, x) over the window: vectors per frame times the time since the reference."""
    for f in range(pred.shape[0]):
        if split:
            for i in range(4):
                dy, dx = (i >> 1) * 8, (i & 1) * 8
                y4, x4 = clamp_position(
                    4 * (y + dy) + vec[i, 0] * (f + 1), 4 * (x + dx) + vec[i, 1] * (f + 1), 8, height, width
                )
                predict_block(ref, y4, x4, 8, pred[f], dy, dx, tap)
        else:
            if f > 0 and vec[0, 0] == 0 and vec[0, 1] == 0:
                for p in range(3):
                    copy_rows(pred[0, p], pred[f, p])
                continue
            y4, x4 = clamp_position(
                4 * y + vec[0, 0] * (f + 1), 4 * x + vec[0, 1] * (f + 1), 16, height, width
            )
            predict_block(ref, y4, x4, 16, pred[f], 0, 0, tap)


@inner
def write_leaf(nd, y, x, i, q, last):
    """Leaf i of block (y, x): prediction + residual → frames[t0:], clipped."""
    oy, ox = (i >> 1) * 8, (i & 1) * 8
    pred, acc = nd.wk.pred, nd.wk.acc
    if last >= 0:
        restore_residual(q, last, nd.step, nd.basis, acc, nd.wk.narrow)
    for f in range(pred.shape[0]):
        for p in range(3):
            out, at = nd.frames[nd.t0 + f, p], f * 192 + p * 64
            for dy in range(8):
                for dx in range(8):
                    v = np.int64(pred[f, p, oy + dy, ox + dx])
                    if last >= 0:
                        v += (acc[at + dy * 8 + dx] + _HALF) >> SHIFT
                    out[y + oy + dy, x + ox + dx] = min(max(v, 0), _WHITE)


@inner
def write_intra_leaf(nd, leaf, y, x, q, last):
    """Leaf at (y, x): prediction `leaf` (C,) + residual → frame t0, clipped."""
    acc = nd.wk.acc
    if last >= 0:
        restore_residual(q, last, nd.step, nd.basis, acc, nd.wk.narrow)
    for p in range(3):
        out = nd.frames[nd.t0, p]
        for dy in range(8):
            for dx in range(8):
                k = p * 64 + dy * 8 + dx
                v = np.int64(leaf[k])
                if last >= 0:
                    v += (acc[k] + _HALF) >> SHIFT
                out[y + dy, x + dx] = min(max(v, 0), _WHITE)


@inner
def set_block(fd, r, c, mode, vec, split):
    """Note the mode and vectors of block (r, c)."""
    for i in range(4):
        y, x = r + (i >> 1), c + (i & 1)
        fd.mode[y, x] = mode
        k = i if split else 0
        if mode == bs.INTRA:
            fd.mv[y, x, 0] = 0
            fd.mv[y, x, 1] = 0
        else:
            fd.mv[y, x, 0] = vec[k, 0]
            fd.mv[y, x, 1] = vec[k, 1]
            fd.imode[y, x] = MODES


@inner
def clear_leaf(fd, y, x):
    """No residual at leaf (y, x)."""
    if fd.lasts[y, x] > 0:
        fill_row(fd.grid[y, x], 0)
        fd.lasts[y, x] = 0


@inner
def code_residual_leaf(nd, kind, y, x, place, q, last):
    """Flag and symbols of one leaf. Returns the last channel, −1 for none."""
    fd = nd.fd
    if rs.code_coded_flag(nd.cd, kind, fd.lasts, y, x, place, np.int64(last >= 0)):
        return rs.code_leaf(nd.cd, nd.near, nd.both, kind, fd.grid, fd.lasts, y, x, q, last)
    clear_leaf(fd, y, x)
    return np.int64(-1)


@inner
def kinds_of(nd):
    """Which contexts a node's residuals and its blocks have."""
    if nd.intra:
        return 0, 0
    if nd.level == 0:
        return 1, 0
    return (2, 1) if nd.level <= 3 else (3, 2)


@inner
def code_vectors(cd, fd, r, c, split, vec):
    """One vector, or four; each as its difference to the prediction, which may use those before."""
    if not split:
        py, px = bs.predicted_vector(fd.mode, fd.mv, r, c, 2)
        dy, dx = bs.code_vector(cd, 0, vec[0, 0] - py, vec[0, 1] - px)
        vec[0, 0] = min(max(py + dy, -bs.LIMIT), bs.LIMIT)
        vec[0, 1] = min(max(px + dx, -bs.LIMIT), bs.LIMIT)
        return
    for i in range(4):
        y, x = r + (i >> 1), c + (i & 1)
        py, px = bs.predicted_vector(fd.mode, fd.mv, y, x, 1)
        dy, dx = bs.code_vector(cd, 1, vec[i, 0] - py, vec[i, 1] - px)
        vec[i, 0] = min(max(py + dy, -bs.LIMIT), bs.LIMIT)
        vec[i, 1] = min(max(px + dx, -bs.LIMIT), bs.LIMIT)
        fd.mode[y, x] = bs.INTER
        fd.mv[y, x, 0], fd.mv[y, x, 1] = vec[i, 0], vec[i, 1]


@kernel
def decode_node(nd, active):
    """Decode the blocks `active` (rows, columns) of a node into its frames."""
    nd = held(nd)
    rkind, bkind = kinds_of(nd)
    for br in range(active.shape[0]):
        for bc in range(active.shape[1]):
            if not active[br, bc]:
                continue
            r, c = 2 * br + 1, 2 * bc + 1
            if nd.intra:
                _decode_intra(nd, r, c)
                continue
            mode, split = _decode_block(nd, bkind, r, c)
            if mode == bs.INTRA:
                _decode_intra(nd, r, c)
            else:
                _decode_inter(nd, rkind, r, c, mode, split)


@inner
def _decode_block(nd, kind, r, c):
    """A block's mode and vectors → wk.vec. Returns mode, split."""
    cd, fd, wk = nd.cd, nd.fd, nd.wk
    n = bs.candidates(fd.mode, fd.mv, r, c, wk.cand)
    skip = bs.code_skip(cd, kind, fd.mode, fd.lasts, r, c, np.int64(0)) == 1
    if skip or bs.code_merge(cd, kind, fd.mode, r, c, np.int64(0)) == 1:
        k = bs.code_which(cd, kind, np.int64(0 if skip else 1), n, np.int64(0))
        wk.vec[0, 0], wk.vec[0, 1] = wk.cand[k, 0], wk.cand[k, 1]
        return bs.SKIP if skip else bs.INTER, False
    split = False
    if nd.level == 0:
        if bs.code_intra(cd, fd.mode, r, c, np.int64(0)) == 1:
            return bs.INTRA, False
        split = bs.code_split(cd, kind, fd.mode, fd.mv, r, c, np.int64(0)) == 1
    code_vectors(cd, fd, r, c, split, wk.vec)
    return bs.INTER, split


@inner
def _decode_inter(nd, kind, r, c, mode, split):
    fd, wk = nd.fd, nd.wk
    y, x = 8 * (r - 1), 8 * (c - 1)
    set_block(fd, r, c, mode, wk.vec, split)
    predict(nd.ref, y, x, nd.frames.shape[2], nd.frames.shape[3], wk.vec, split, wk.pred, wk.tap)
    for i in range(4):
        ry, rx = r + (i >> 1), c + (i & 1)
        last = np.int64(-1)
        if mode == bs.SKIP:
            clear_leaf(fd, ry, rx)
        else:
            last = code_residual_leaf(nd, kind, ry, rx, i, wk.q[i], np.int64(-1))
        write_leaf(nd, y, x, i, wk.q[i], last)


@inner
def _decode_intra(nd, r, c):
    fd, wk = nd.fd, nd.wk
    set_block(fd, r, c, bs.INTRA, wk.vec, np.bool_(False))
    for i in range(4):
        ry, rx = r + (i >> 1), c + (i & 1)
        m = bs.code_intra_mode(nd.cd, fd.imode[ry, rx - 1], fd.imode[ry - 1, rx], np.int64(0))
        fd.imode[ry, rx] = m
        y, x = 8 * (ry - 1), 8 * (rx - 1)
        predict_leaf(nd.frames[nd.t0], y, x, m, wk.leaf)
        last = code_residual_leaf(nd, np.int64(0), ry, rx, i, wk.q[i], np.int64(-1))
        write_intra_leaf(nd, wk.leaf, y, x, wk.q[i], last)
