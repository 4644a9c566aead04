"""Blocks of one node, coded in raster order: the encoder, which chooses by J = D + λR."""

import numpy as np
from numba import njit

from ...bitstream.adaptive import block_syntax as bs
from .block_choice import choose_inter, choose_intra, evaluate
from .block_decoder import (
    clear_leaf,
    code_residual_leaf,
    code_vectors,
    kinds_of,
    predict,
    set_block,
    write_leaf,
)
from .quantise import bits_of


@njit(cache=True, nogil=True)
def _write_intra(cd, near, both, fd, r, c, wk, ch):
    """Code the modes and symbols that `choose_intra` found."""
    set_block(fd, r, c, bs.INTRA, wk.vec, False)
    for i in range(4):
        ry, rx = r + (i >> 1), c + (i & 1)
        bs.code_intra_mode(cd, fd.imode[ry, rx - 1], fd.imode[ry - 1, rx], ch.imodes[i])
        fd.imode[ry, rx] = ch.imodes[i]
        code_residual_leaf(cd, near, both, 0, fd, ry, rx, i, ch.iq[i], ch.ilast[i])


@njit(cache=True, nogil=True)
def encode_node(
    cd,
    near,
    both,
    basis,
    forward,
    level,
    key,
    active,
    frames,
    orig,
    t0,
    ref,
    luma,
    planes,
    fd,
    wk,
    ch,
    step,
    lam,
    lam_sad,
    tries,
    early,
    bits,
):
    """Choose and code the blocks `active` of a node; frames[t0:] then holds them as the decoder will.

    forward (F·C, C) float32, step in 1/64, lam in squared steps a bit, lam_sad in luma error (1/4 levels) a
    bit. bits (rows, columns), or empty: what each block takes.
    """
    height, width = frames.shape[2], frames.shape[3]
    rkind, bkind = kinds_of(level, key)
    scale = np.float32(4.0 / step)
    for br in range(active.shape[0]):
        for bc in range(active.shape[1]):
            if not active[br, bc]:
                continue
            r, c, y, x = 2 * br + 1, 2 * bc + 1, 16 * br, 16 * bc
            if key:
                choose_intra(
                    cd,
                    near,
                    fd,
                    r,
                    c,
                    forward,
                    basis,
                    orig[t0],
                    frames[t0],
                    y,
                    x,
                    wk,
                    ch,
                    scale,
                    lam,
                    step,
                    1e30,
                )
                _write_intra(cd, near, both, fd, r, c, wk, ch)
                continue
            j, what, index = choose_inter(
                cd,
                level,
                near,
                rkind,
                bkind,
                fd,
                r,
                c,
                forward,
                orig,
                t0,
                y,
                x,
                ref,
                luma,
                planes,
                wk,
                ch,
                scale,
                lam,
                lam_sad,
                tries,
                early,
            )
            if level == 0 and what > 0 and j > 4 * 192 * 0.04 + 12 * lam:
                ch.block[:] = frames[t0, :, y : y + 16, x : x + 16]
                near_intra = (fd.mode[r, c - 1] == bs.INTRA) + (fd.mode[r - 1, c] == bs.INTRA)
                extra = lam * (
                    bits_of(cd, bs.SKIP_SIDES + bs.skip_context(fd.mode, fd.lasts, r, c), 0)
                    + bits_of(cd, bs.MERGE_SIDES, 0)
                    + bits_of(cd, bs.INTRA_SIDES + near_intra, 1)
                )
                ji = choose_intra(
                    cd,
                    near,
                    fd,
                    r,
                    c,
                    forward,
                    basis,
                    orig[t0],
                    frames[t0],
                    y,
                    x,
                    wk,
                    ch,
                    scale,
                    lam,
                    step,
                    j - extra,
                )
                if ji + extra < j:
                    bs.code_skip(cd, bkind, fd.mode, fd.lasts, r, c, 0)
                    bs.code_merge(cd, bkind, fd.mode, r, c, 0)
                    bs.code_intra(cd, fd.mode, r, c, 1)
                    _write_intra(cd, near, both, fd, r, c, wk, ch)
                    _account(orig, frames, t0, 1, y, x, ji + extra, step, lam, bits, br, bc)
                    continue
                frames[t0, :, y : y + 16, x : x + 16] = ch.block
            n = bs.candidates(fd.mode, fd.mv, r, c, wk.cand)
            split = what == 3
            bs.code_skip(cd, bkind, fd.mode, fd.lasts, r, c, np.int64(what == 0))
            if what > 0 and level == 0:
                bs.code_merge(cd, bkind, fd.mode, r, c, np.int64(what == 1))
            if what <= 1:
                bs.code_which(cd, bkind, what, n, index)
            else:
                if level == 0:
                    bs.code_intra(cd, fd.mode, r, c, 0)
                bs.code_split(cd, bkind, fd.mode, fd.mv, r, c, np.int64(split))
                code_vectors(cd, fd, r, c, split, ch.best_vec)
            set_block(fd, r, c, bs.SKIP if what == 0 else bs.INTER, ch.best_vec, split)
            predict(ref, y, x, height, width, ch.best_vec, split, wk.pred, wk.tap)
            for i in range(4):
                ry, rx = r + (i >> 1), c + (i & 1)
                last = np.int64(-1)
                if what == 0:
                    clear_leaf(fd, ry, rx)
                else:
                    last = code_residual_leaf(
                        cd, near, both, rkind, fd, ry, rx, i, ch.best_q[i], ch.best_last[i]
                    )
                write_leaf(frames, t0, wk.pred, y, x, i, ch.best_q[i], last, step, basis, wk.acc)
            _account(orig, frames, t0, wk.pred.shape[0], y, x, j, step, lam, bits, br, bc)


@njit(cache=True, nogil=True)
def block_error(orig, frames, t0, count, y, x):
    """Squared error of a block over frames t0 … t0 + count − 1, in squared grey levels."""
    total = np.int64(0)
    for f in range(t0, t0 + count):
        for p in range(3):
            for dy in range(16):
                for dx in range(16):
                    d = np.int64(orig[f, p, y + dy, x + dx]) - np.int64(frames[f, p, y + dy, x + dx])
                    total += d * d
    return total / 256.0


@njit(cache=True, nogil=True)
def _account(orig, frames, t0, count, y, x, j, step, lam, bits, br, bc):
    """Note the bits that a block's J says, where anybody wants to know."""
    if bits.size == 0:
        return
    s = step / 64.0
    bits[br, bc] = max((j * s * s - block_error(orig, frames, t0, count, y, x)) / (lam * s * s), 0.02)


@njit(cache=True, nogil=True)
def window_costs(cd, near, level, wanted, forward, orig, t0, ref, fd, wk, ch, step, lam, costs):
    """Estimated J of every block that is `wanted` as one window from t0; nothing is coded.

    Vectors: none, and what the place had last. costs (rows, columns) in squared grey levels.
    """
    height, width = orig.shape[2], orig.shape[3]
    rkind, _ = kinds_of(level, False)
    scale = np.float32(4.0 / step)
    s2 = (step / 64.0) ** 2
    for br in range(wanted.shape[0]):
        for bc in range(wanted.shape[1]):
            if not wanted[br, bc]:
                continue
            r, c, y, x = 2 * br + 1, 2 * bc + 1, 16 * br, 16 * bc
            best = np.float64(1e30)
            for k in range(2):
                ch.vec[0, 0] = ch.vec[0, 1] = 0
                if k == 1:
                    ch.vec[0] = fd.mv[r, c]
                    if fd.mode[r, c] == bs.INTRA or (ch.vec[0, 0] == 0 and ch.vec[0, 1] == 0):
                        break
                predict(ref, y, x, height, width, ch.vec, False, wk.pred, wk.tap)
                some, none = evaluate(
                    cd, near, rkind, fd, r, c, forward, orig, t0, y, x, wk, ch, scale, lam, ch.q, wk.last
                )
                none += lam * 0.3
                some += lam * (2.0 + k)
                if min(none, some) < best:
                    best = min(none, some)
            costs[br, bc] = best * s2
