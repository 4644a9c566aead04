"""The encoder's choice for one block: its mode, vectors and symbols with the least J = D + λR."""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ...bitstream.adaptive import block_syntax as bs
from ...bitstream.adaptive import residual as rs
from ...motion.interpolate import clamp_position
from ...motion.search import satd, search, vector_bits
from .block_decoder import predict, write_intra_leaf
from .block_state import C
from .intra import MODES, predict_leaf
from .quantise import bits_of, quantise_leaf


class Choice(NamedTuple):
    """Scratch of the encoder's choice. x (4, F·C), y (4, C) float32 and the like."""

    x: NDArray[np.float32]
    y: NDArray[np.float32]
    q: NDArray[np.int32]
    best_q: NDArray[np.int32]
    best_last: NDArray[np.int64]
    best_vec: NDArray[np.int32]
    vec: NDArray[np.int32]
    cost: NDArray[np.float32]
    lastbits: NDArray[np.float32]
    had: NDArray[np.int32]
    starts: NDArray[np.int32]
    ix: NDArray[np.float32]
    iy: NDArray[np.float32]
    imodes: NDArray[np.int64]
    iq: NDArray[np.int32]
    ilast: NDArray[np.int64]
    block: NDArray[np.int16]
    leaves: NDArray[np.int32]


def new_choice(frames: int) -> Choice:
    """For windows of `frames` frames."""
    f4, i4 = np.float32, np.int32
    return Choice(
        np.zeros((4, frames * C), f4), np.zeros((4, C), f4), np.zeros((4, C), i4), np.zeros((4, C), i4),
        np.zeros(4, np.int64),
        np.zeros((4, 2), i4), np.zeros((4, 2), i4), np.zeros(C, f4), np.zeros(16, f4), np.zeros((8, 8), i4),
        np.zeros((bs.CANDIDATES + 6, 2), i4), np.zeros((MODES, C), f4), np.zeros((MODES, C), f4),
        np.zeros(4, np.int64),
        np.zeros((4, C), i4), np.zeros(4, np.int64), np.zeros((3, 16, 16), np.int16), np.zeros((MODES, C),
        i4),
    )  # fmt: skip


@njit(cache=True, nogil=True, fastmath=True)
def _residual(orig, t0, y, x, pred, scale, out):
    """(orig − pred) · scale of block (y, x) → out (4, F·C) float32. Returns its energy."""
    energy = np.float32(0)
    for f in range(pred.shape[0]):
        for p in range(3):
            source = orig[t0 + f, p]
            for dy in range(16):
                for dx in range(16):
                    v = np.float32(np.int32(source[y + dy, x + dx]) - pred[f, p, dy, dx]) * scale
                    energy += v * v
                    out[(dy >> 3) * 2 + (dx >> 3), f * 192 + ((dy & 7) * 8 + (dx & 7)) * 3 + p] = v
    return energy


@njit(cache=True, nogil=True, fastmath=True)
def evaluate(cd, near, rkind, fd, r, c, forward, orig, t0, y, x, wk, ch, scale, lam, q, last):
    """Transform and quantise the residual of `wk.pred`.

    Returns (J with residual, J without), flags and vectors not counted.
    """
    energy = _residual(orig, t0, y, x, wk.pred, scale, ch.x)
    np.dot(ch.x, forward, ch.y)
    inside = np.float64(0)
    coded = np.float64(0)
    for i in range(4):
        own = np.float32(0)
        for k in range(192):
            own += ch.y[i, k] * ch.y[i, k]
        inside += own
        ry, rx = r + (i >> 1), c + (i & 1)
        n, j = quantise_leaf(
            cd, near, rkind, fd.grid, fd.lasts, ry, rx, ch.y[i], lam, q[i], ch.cost, ch.lastbits
        )
        place = rs.CODED_PLACE + rkind * 16 + i
        none = own + lam * bits_of(cd, place, 0)
        some = j + lam * bits_of(cd, place, 1)
        if n >= 0 and some < none:
            last[i] = n
            coded += some
        else:
            last[i] = -1
            coded += none
            q[i, :] = 0
    outside = max(energy - inside, 0.0)
    return coded + outside, energy


@njit(cache=True, nogil=True)
def _block_satd(luma, planes, y, x, height, width, vy, vx, d):
    y4, x4 = clamp_position(4 * y + vy, 4 * x + vx, 16, height, width)
    return satd(luma, planes, y, x, 16, y4, x4, d)


@njit(cache=True, nogil=True)
def choose_inter(
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
):
    """Best of skip, merge, one vector and four → ch.best_*.

    Returns (J, what): 0 skip, 1 merge, 2 vector, 3 split; index.
    """
    height, width = orig.shape[2], orig.shape[3]
    n = bs.candidates(fd.mode, fd.mv, r, c, wk.cand)
    context = bs.skip_context(fd.mode, fd.lasts, r, c)
    skip1, skip0 = (
        bits_of(cd, bs.SKIP_SIDES + bkind * 64 + context, 1),
        bits_of(cd, bs.SKIP_SIDES + bkind * 64 + context, 0),
    )
    same = (fd.mode[r, c - 1] == bs.SKIP) + (fd.mode[r - 1, c] == bs.SKIP)
    merge1, merge0 = (
        bits_of(cd, bs.MERGE_SIDES + bkind * 16 + same, 1),
        bits_of(cd, bs.MERGE_SIDES + bkind * 16 + same, 0),
    )
    best, what, index, empty = np.float64(1e30), 0, 0, False
    # Candidates by SATD, the best few in full.
    order = np.zeros(8, np.float64)
    for k in range(n):
        order[k] = (
            _block_satd(luma, planes, y, x, height, width, wk.cand[k, 0], wk.cand[k, 1], ch.had) + lam_sad * k
        )
    low = order[:n].min()
    for _ in range(min(n, tries)):
        k = 0
        for i in range(1, n):
            if order[i] < order[k]:
                k = i
        if level == 0 and order[k] > low * 1.25 + 8 * lam_sad:
            break
        order[k] = 1e18
        ch.vec[0, 0], ch.vec[0, 1] = wk.cand[k, 0], wk.cand[k, 1]
        predict(ref, y, x, height, width, ch.vec, False, wk.pred, wk.tap)
        some, none = evaluate(
            cd, near, rkind, fd, r, c, forward, orig, t0, y, x, wk, ch, scale, lam, ch.q, wk.last
        )
        which0, which1 = np.float64(0), np.float64(0)
        for i in range(min(k + 1, n - 1)):
            which0 += bits_of(cd, bs.WHICH + bkind * 16 + i, k > i)
            which1 += bits_of(cd, bs.WHICH + bkind * 16 + 8 + i, k > i)
        j = none + lam * (skip1 + which0)
        if j < best:
            best, what, index = j, 0, k
            ch.best_vec[0] = ch.vec[0]
            empty = wk.last.max() < 0
        if level == 0 and empty and none < 768 * early:
            return best, what, index
        j = some + lam * (skip0 + merge1 + which1)
        if j < best and wk.last.max() >= 0:
            best, what, index = j, 1, k
            ch.best_vec[0] = ch.vec[0]
            ch.best_q[:] = ch.q
            ch.best_last[:] = wk.last
    # Nothing left to gain from a vector: the best candidate's block is as good as it gets.
    if level > 0 or (what == 0 and best < 4 * 192 * 0.02 + lam * 2):
        return best, what, index
    py, px = bs.predicted_vector(fd.mode, fd.mv, r, c, 2)
    for k in range(n):
        ch.starts[k] = wk.cand[k]
    ch.starts[n, 0], ch.starts[n, 1] = py, px
    vy, vx, cost = search(luma, planes, y, x, 16, ch.starts, n + 1, py, px, lam_sad, bs.LIMIT, ch.had)
    known = False
    for k in range(n):
        if wk.cand[k, 0] == vy and wk.cand[k, 1] == vx:
            known = True
    split0 = bits_of(cd, bs.SPLIT_SIDES + bkind * 16, 0)
    if not known:
        ch.vec[0, 0], ch.vec[0, 1] = vy, vx
        predict(ref, y, x, height, width, ch.vec, False, wk.pred, wk.tap)
        some, none = evaluate(
            cd, near, rkind, fd, r, c, forward, orig, t0, y, x, wk, ch, scale, lam, ch.q, wk.last
        )
        j = some + lam * (skip0 + merge0 + split0 + vector_bits(vy - py, vx - px))
        if j < best:
            best, what = j, 2
            ch.best_vec[0] = ch.vec[0]
            ch.best_q[:] = ch.q
            ch.best_last[:] = wk.last
    # Four vectors, where luma says that they may pay.
    total, bits = np.float64(0), np.float64(0)
    saved_mode, saved_mv = fd.mode[r : r + 2, c : c + 2].copy(), fd.mv[r : r + 2, c : c + 2].copy()
    ch.starts[0, 0], ch.starts[0, 1] = vy, vx
    for i in range(4):
        ry, rx = r + (i >> 1), c + (i & 1)
        qy, qx = bs.predicted_vector(fd.mode, fd.mv, ry, rx, 1)
        ch.starts[1, 0], ch.starts[1, 1] = qy, qx
        sy, sx, one = search(
            luma,
            planes,
            y + (i >> 1) * 8,
            x + (i & 1) * 8,
            8,
            ch.starts,
            2,
            qy,
            qx,
            lam_sad,
            bs.LIMIT,
            ch.had,
        )
        total += one
        bits += vector_bits(sy - qy, sx - qx)
        ch.vec[i, 0], ch.vec[i, 1] = sy, sx
        fd.mode[ry, rx] = bs.INTER
        fd.mv[ry, rx, 0], fd.mv[ry, rx, 1] = sy, sx
    fd.mode[r : r + 2, c : c + 2] = saved_mode
    fd.mv[r : r + 2, c : c + 2] = saved_mv
    if total < min(cost, low) * 1.02:
        predict(ref, y, x, height, width, ch.vec, True, wk.pred, wk.tap)
        some, none = evaluate(
            cd, near, rkind, fd, r, c, forward, orig, t0, y, x, wk, ch, scale, lam, ch.q, wk.last
        )
        j = some + lam * (skip0 + merge0 + bits_of(cd, bs.SPLIT_SIDES + bkind * 16, 1) + bits)
        if j < best:
            best, what = j, 3
            ch.best_vec[:] = ch.vec
            ch.best_q[:] = ch.q
            ch.best_last[:] = wk.last
    return best, what, index


@njit(cache=True, nogil=True)
def choose_intra(cd, near, fd, r, c, forward, basis, orig, frame, y, x, wk, ch, scale, lam, step, limit):
    """Best modes of four leaves, one after the other → ch.i*.

    Frame keeps the restored block. Returns J, or 1e30 once above limit.
    """
    total = np.float64(0)
    for i in range(4):
        ry, rx = r + (i >> 1), c + (i & 1)
        py, px = y + (i >> 1) * 8, x + (i & 1) * 8
        for m in range(MODES):
            leaf = ch.leaves[m]
            predict_leaf(frame, py, px, m, leaf)
            for dy in range(8):
                for dx in range(8):
                    for p in range(3):
                        k = (dy * 8 + dx) * 3 + p
                        ch.ix[m, k] = np.float32(np.int32(orig[p, py + dy, px + dx]) - leaf[k]) * scale
        np.dot(ch.ix, forward, ch.iy)
        best, choice = np.float64(1e30), 0
        left, above = fd.imode[ry, rx - 1], fd.imode[ry - 1, rx]
        for m in range(MODES):
            n, j = quantise_leaf(
                cd, near, 0, fd.grid, fd.lasts, ry, rx, ch.iy[m], lam, wk.q[i], ch.cost, ch.lastbits
            )
            j += lam * bits_of(cd, rs.CODED_PLACE + i, n >= 0)
            for k in range(min(m + 1, 5)):
                j += lam * bits_of(cd, bs.INTRA_MODE_SIDES + (k * 8 + left) * 8 + above, m != k)
            if j < best:
                best, choice = j, m
                ch.iq[i] = wk.q[i]
                ch.ilast[i] = n
        total += best
        if total > limit:
            return np.float64(1e30)
        ch.imodes[i] = choice
        write_intra_leaf(frame, ch.leaves[choice], py, px, ch.iq[i], ch.ilast[i], step, basis, wk.acc)
    return total
