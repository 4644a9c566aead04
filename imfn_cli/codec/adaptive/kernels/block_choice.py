"""The encoder's choice for one block: its mode, vectors and symbols with the least J = D + λR."""

import numpy as np

from ....bitstream.adaptive import block_syntax as bs
from ....motion.search import search, vector_bits
from ....system.compiled import inner
from .block_search import block_satd, evaluate, keep, keep_place, restore_place, set_vectors
from .quantise import bits_of

#: What `choose_inter` may find.
SKIP, MERGE, VECTOR, SPLIT = range(4)
_NUMBERS = 4 * 192


@inner
def choose_inter(nd, se, rkind, bkind, r, c):
    """Best of skip, merge, one vector and four → ch.best_*. Returns (J, which of them, candidate)."""
    fd, ch = nd.fd, se.ch
    n = bs.candidates(fd.mode, fd.mv, r, c, nd.wk.cand)
    low = _rank(nd, se, r, c, n)
    best, what, index, done = _choose_candidate(nd, se, rkind, bkind, r, c, n, low)
    if done or (what == SKIP and best < _NUMBERS * se.at.good + se.lam * se.at.good_bits):
        return best, what, index
    if se.hinted:
        if se.hint_mode[r, c] != bs.SKIP and se.hint_mode[r, c] != bs.INTER:
            return best, what, index
        set_vectors(ch.vec, se.hint_mv[r, c, 0], se.hint_mv[r, c, 1])
        cost = np.float64(0)
    else:
        cost = _search_vector(nd, se, r, c, n)
    vy, vx = ch.vec[0, 0], ch.vec[0, 1]
    j = _try_vector(nd, se, rkind, bkind, r, c, n)
    if j < best:
        best, what = j, VECTOR
        keep(ch)
    if nd.level > 0:
        return best, what, index
    if se.hinted:
        bits = _hinted_split(nd, se, r, c)
    else:
        bits = _search_split(nd, se, r, c, vy, vx, min(cost, low) * se.at.split)
    if bits < 0:
        return best, what, index
    j, _ = evaluate(nd, se, rkind, r, c, np.bool_(True))
    j += se.lam * (bits + mode_bits(nd, bkind, r, c, 0) + _split_bits(nd, bkind, 1))
    if j < best:
        best, what = j, SPLIT
        keep(ch)
    return best, what, index


@inner
def _rank(nd, se, r, c, n):
    """ch.order (n,): error of each candidate's luma + λ · bits. Returns the least."""
    ch, cand = se.ch, nd.wk.cand
    for k in range(n):
        ch.order[k] = block_satd(se, r, c, cand[k, 0], cand[k, 1]) + se.lam_sad * k
        if nd.level > 0 and cand[k, 0] == se.hint_mv[r, c, 0] and cand[k, 1] == se.hint_mv[r, c, 1]:
            # Luma of the first frame says little of a long window; analysis has seen all of it.
            ch.order[k] = 0
    return ch.order[_least(ch.order, n)]


@inner
def _least(order, n):
    """Place of the least of order (n,)."""
    least = 0
    for k in range(1, n):
        if order[k] < order[least]:
            least = k
    return least


@inner
def _choose_candidate(nd, se, rkind, bkind, r, c, n, low):
    """Skip or merge, with the best few of `n` candidates. Returns (J, which, candidate, nothing to gain)."""
    cd, fd, ch, lam = nd.cd, nd.fd, se.ch, se.lam
    skipped = bits_of(cd, _skip_place(fd, bkind, r, c), 1)
    merged = mode_bits(nd, bkind, r, c, 1)
    best, what, index = np.float64(1e30), SKIP, np.int64(0)
    for _ in range(min(n, se.tries)):
        k = _least(ch.order, n)
        if ch.order[k] > low * se.at.far + se.at.far_bits * se.lam_sad:
            break
        ch.order[k] = 1e18
        set_vectors(ch.vec, nd.wk.cand[k, 0], nd.wk.cand[k, 1])
        some, none = evaluate(nd, se, rkind, r, c, np.bool_(False))
        empty = ch.last[0] < 0 and ch.last[1] < 0 and ch.last[2] < 0 and ch.last[3] < 0
        j = none + lam * (skipped + _which_bits(cd, bkind, 0, n, k))
        if j < best:
            best, what, index = j, SKIP, k
            keep(ch)
        if nd.level == 0 and empty and none < _NUMBERS * se.at.early:
            return best, what, index, True
        j = some + lam * (merged + _which_bits(cd, bkind, 1, n, k))
        if j < best and not empty:
            best, what, index = j, MERGE, k
            keep(ch)
    return best, what, index, False


@inner
def _which_bits(cd, bkind, merge, n, k):
    """Bits of choosing candidate k of n."""
    bits = np.float64(0)
    for i in range(min(k + 1, n - 1)):
        bits += bits_of(cd, bs.WHICH + (bkind * 2 + merge) * 8 + i, k > i)
    return bits


@inner
def _skip_place(fd, bkind, r, c):
    """The context that tells most of whether a block is skipped."""
    return bs.SKIP_SIDES + bkind * 64 + bs.skip_context(fd.mode, fd.lasts, r, c)


@inner
def mode_bits(nd, bkind, r, c, merge):
    """Bits of saying that a block is not skipped, and whether it takes over a vector."""
    cd, fd = nd.cd, nd.fd
    same = (fd.mode[r, c - 1] == bs.SKIP) + (fd.mode[r - 1, c] == bs.SKIP)
    merge_place = bs.MERGE_SIDES + bkind * 16 + same
    return bits_of(cd, _skip_place(fd, bkind, r, c), 0) + bits_of(cd, merge_place, merge)


@inner
def _split_bits(nd, bkind, split):
    return bits_of(nd.cd, bs.SPLIT_SIDES + bkind * 16, split)


@inner
def _search_vector(nd, se, r, c, n):
    """The best vector by luma → ch.vec. Returns its error + λ · bits."""
    fd, ch = nd.fd, se.ch
    py, px = bs.predicted_vector(fd.mode, fd.mv, r, c, 2)
    for k in range(n):
        ch.starts[k, 0], ch.starts[k, 1] = nd.wk.cand[k, 0], nd.wk.cand[k, 1]
    ch.starts[n, 0], ch.starts[n, 1] = py, px
    y, x = 8 * (r - 1), 8 * (c - 1)
    vy, vx, cost = search(
        se.luma, se.planes, y, x, 16, ch.starts, n + 1, py, px, se.lam_sad, bs.LIMIT, ch.had
    )
    set_vectors(ch.vec, vy, vx)
    return np.float64(cost)


@inner
def _try_vector(nd, se, rkind, bkind, r, c, n):
    """J of the block with vector ch.vec, 1e30 where a candidate has it."""
    fd, ch = nd.fd, se.ch
    vy, vx = ch.vec[0, 0], ch.vec[0, 1]
    for k in range(n):
        if nd.wk.cand[k, 0] == vy and nd.wk.cand[k, 1] == vx:
            return np.float64(1e30)
    py, px = bs.predicted_vector(fd.mode, fd.mv, r, c, 2)
    bits = vector_bits(vy - py, vx - px) + mode_bits(nd, bkind, r, c, 0)
    if nd.level == 0:
        bits += _split_bits(nd, bkind, 0)
    j, _ = evaluate(nd, se, rkind, r, c, np.bool_(False))
    return j + se.lam * bits


@inner
def _search_split(nd, se, r, c, vy, vx, limit):
    """Four vectors by luma → ch.vec. Returns their bits, −1 where their error is not below `limit`."""
    fd, ch = nd.fd, se.ch
    total, bits = np.float64(0), np.float64(0)
    keep_place(fd, r, c, ch.place)
    ch.starts[0, 0], ch.starts[0, 1] = vy, vx
    for i in range(4):
        ry, rx = r + (i >> 1), c + (i & 1)
        py, px = bs.predicted_vector(fd.mode, fd.mv, ry, rx, 1)
        ch.starts[1, 0], ch.starts[1, 1] = py, px
        y, x = 8 * (ry - 1), 8 * (rx - 1)
        sy, sx, one = search(se.luma, se.planes, y, x, 8, ch.starts, 2, py, px, se.lam_sad, bs.LIMIT, ch.had)
        total += one
        bits += vector_bits(sy - py, sx - px)
        ch.vec[i, 0], ch.vec[i, 1] = sy, sx
        fd.mode[ry, rx] = bs.INTER
        fd.mv[ry, rx, 0], fd.mv[ry, rx, 1] = sy, sx
    restore_place(fd, r, c, ch.place)
    return bits if total < limit else np.float64(-1)


@inner
def _hinted_split(nd, se, r, c):
    """Four vectors that analysis found → ch.vec. Returns their bits, −1 where it found one."""
    fd, ch, hint = nd.fd, se.ch, se.hint_mv
    same = True
    for i in range(1, 4):
        for k in range(2):
            same = same and hint[r + (i >> 1), c + (i & 1), k] == hint[r, c, k]
    if same:
        return np.float64(-1)
    bits = np.float64(0)
    keep_place(fd, r, c, ch.place)
    for i in range(4):
        ry, rx = r + (i >> 1), c + (i & 1)
        py, px = bs.predicted_vector(fd.mode, fd.mv, ry, rx, 1)
        bits += vector_bits(hint[ry, rx, 0] - py, hint[ry, rx, 1] - px)
        ch.vec[i, 0], ch.vec[i, 1] = hint[ry, rx, 0], hint[ry, rx, 1]
        fd.mode[ry, rx] = bs.INTER
        fd.mv[ry, rx, 0], fd.mv[ry, rx, 1] = hint[ry, rx, 0], hint[ry, rx, 1]
    restore_place(fd, r, c, ch.place)
    return bits
