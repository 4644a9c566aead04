"""Blocks of one node, coded in raster order: what both sides do alike, and the decoder.

    reference frame ──vectors──▶ prediction (F, 3, 16, 16) ─┐
    symbols ──basisᵀ · step──▶ residual (4, F·C) ───────────┴─▶ frames, in exact integers

F = 2**level frames have one residual of C numbers a leaf: the model's linear tree as one basis.
"""

import numpy as np
from numba import njit

from ...bitstream.adaptive import block_syntax as bs
from ...bitstream.adaptive import residual as rs
from ...motion.interpolate import clamp_position, predict_block
from .intra import predict_leaf
from .quantise import restore_residual

# Fractional bits of a restored residual: the basis, the step's unit, less the frames' unit.
SHIFT = 14 + 6 - 4


@njit(cache=True, nogil=True)
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
                pred[f] = pred[0]
                continue
            y4, x4 = clamp_position(
                4 * y + vec[0, 0] * (f + 1), 4 * x + vec[0, 1] * (f + 1), 16, height, width
            )
            predict_block(ref, y4, x4, 16, pred[f], 0, 0, tap)


@njit(cache=True, nogil=True)
def write_leaf(frames, t0, pred, y, x, i, q, last, step, basis, acc):
    """Leaf i of block (y, x): prediction + residual → frames[t0:], clipped."""
    oy, ox = (i >> 1) * 8, (i & 1) * 8
    if last >= 0:
        restore_residual(q, last, step, basis, acc)
    for f in range(pred.shape[0]):
        for p in range(3):
            out = frames[t0 + f, p]
            for dy in range(8):
                for dx in range(8):
                    v = np.int64(pred[f, p, oy + dy, ox + dx])
                    if last >= 0:
                        v += (acc[f * 192 + (dy * 8 + dx) * 3 + p] + (1 << (SHIFT - 1))) >> SHIFT
                    out[y + oy + dy, x + ox + dx] = min(max(v, 0), 4080)


@njit(cache=True, nogil=True)
def write_intra_leaf(frame, leaf, y, x, q, last, step, basis, acc):
    """Leaf at (y, x): prediction `leaf` (C,) + residual → frame, clipped."""
    if last >= 0:
        restore_residual(q, last, step, basis, acc)
    for dy in range(8):
        for dx in range(8):
            for p in range(3):
                k = (dy * 8 + dx) * 3 + p
                v = np.int64(leaf[k])
                if last >= 0:
                    v += (acc[k] + (1 << (SHIFT - 1))) >> SHIFT
                frame[p, y + dy, x + dx] = min(max(v, 0), 4080)


@njit(cache=True, nogil=True)
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
            fd.imode[y, x] = 6


@njit(cache=True, nogil=True)
def clear_leaf(fd, y, x):
    """No residual at leaf (y, x)."""
    if fd.lasts[y, x] > 0:
        fd.grid[y, x, :] = 0
        fd.lasts[y, x] = 0


@njit(cache=True, nogil=True)
def code_residual_leaf(cd, near, both, kind, fd, y, x, place, q, last):
    """Flag and symbols of one leaf. Returns the last channel, −1 for none."""
    if rs.code_coded_flag(cd, kind, fd.lasts, y, x, place, np.int64(last >= 0)):
        return rs.code_leaf(cd, near, both, kind, fd.grid, fd.lasts, y, x, q, last)
    clear_leaf(fd, y, x)
    return np.int64(-1)


@njit(cache=True, nogil=True)
def kinds_of(level, key):
    if key:
        return 0, 0
    if level == 0:
        return 1, 0
    return (2, 1) if level <= 3 else (3, 2)


@njit(cache=True, nogil=True)
def decode_node(cd, near, both, basis, level, key, active, frames, t0, ref, fd, wk, step):
    """Decode the blocks `active` (rows, columns) of a node into frames[t0:]. key: only intra blocks."""
    height, width = frames.shape[2], frames.shape[3]
    rkind, bkind = kinds_of(level, key)
    for br in range(active.shape[0]):
        for bc in range(active.shape[1]):
            if not active[br, bc]:
                continue
            r, c, y, x = 2 * br + 1, 2 * bc + 1, 16 * br, 16 * bc
            intra, skip, split = key, False, False
            if not key:
                n = bs.candidates(fd.mode, fd.mv, r, c, wk.cand)
                skip = bs.code_skip(cd, bkind, fd.mode, fd.lasts, r, c, 0) == 1
                merge = skip or level > 0 or bs.code_merge(cd, bkind, fd.mode, r, c, 0) == 1
                if merge:
                    k = bs.code_which(cd, bkind, 0 if skip else 1, n, 0)
                    wk.vec[0, 0], wk.vec[0, 1] = wk.cand[k, 0], wk.cand[k, 1]
                elif level == 0 and bs.code_intra(cd, fd.mode, r, c, 0) == 1:
                    intra = True
                else:
                    split = bs.code_split(cd, bkind, fd.mode, fd.mv, r, c, 0) == 1
                    code_vectors(cd, fd, r, c, split, wk.vec)
            if intra:
                _decode_intra(cd, near, both, basis, frames[t0], fd, wk, step, r, c, y, x)
                continue
            set_block(fd, r, c, bs.SKIP if skip else bs.INTER, wk.vec, split)
            predict(ref, y, x, height, width, wk.vec, split, wk.pred, wk.tap)
            for i in range(4):
                ry, rx = r + (i >> 1), c + (i & 1)
                last = np.int64(-1)
                if skip:
                    clear_leaf(fd, ry, rx)
                else:
                    last = code_residual_leaf(cd, near, both, rkind, fd, ry, rx, i, wk.q[i], np.int64(-1))
                write_leaf(frames, t0, wk.pred, y, x, i, wk.q[i], last, step, basis, wk.acc)


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
def _decode_intra(cd, near, both, basis, frame, fd, wk, step, r, c, y, x):
    set_block(fd, r, c, bs.INTRA, wk.vec, False)
    for i in range(4):
        ry, rx = r + (i >> 1), c + (i & 1)
        m = bs.code_intra_mode(cd, fd.imode[ry, rx - 1], fd.imode[ry - 1, rx], 0)
        fd.imode[ry, rx] = m
        py, px = y + (i >> 1) * 8, x + (i & 1) * 8
        predict_leaf(frame, py, px, m, wk.leaf)
        last = code_residual_leaf(cd, near, both, 0, fd, ry, rx, i, wk.q[i], np.int64(-1))
        write_intra_leaf(frame, wk.leaf, py, px, wk.q[i], last, step, basis, wk.acc)
