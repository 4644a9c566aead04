"""Blocks of one node, coded in raster order: the encoder, which chooses by J = D + λR."""

import numpy as np

from ....bitstream.adaptive import block_syntax as bs
from ....system.compiled import inner, kernel
from ....system.held import held
from .block_choice import MERGE, SKIP, SPLIT, choose_inter, mode_bits
from .block_decoder import (
    clear_leaf,
    code_residual_leaf,
    code_vectors,
    kinds_of,
    predict,
    set_block,
    write_leaf,
)
from .frames import block_error
from .intra_choice import choose_intra
from .quantise import bits_of

# A block costs a little even where it is skipped.
_LEAST_BITS = 0.02
_NUMBERS = 4 * 192


@kernel
def encode_node(nd, se, active, bits):
    """Choose and code the blocks `active` of a node; its frames then hold them as the decoder will.

    bits (rows, columns), or empty: filled with an estimate of what each block takes.
    """
    nd, se = held(nd), held(se)
    rkind, bkind = kinds_of(nd)
    for br in range(active.shape[0]):
        for bc in range(active.shape[1]):
            if not active[br, bc]:
                continue
            r, c = 2 * br + 1, 2 * bc + 1
            if nd.intra:
                choose_intra(nd, se, r, c, 1e30)
                _write_intra(nd, se, r, c)
                continue
            j, what, index = choose_inter(nd, se, rkind, bkind, r, c)
            instead = _intra_instead(nd, se, bkind, r, c, j, what)
            if instead < j:
                j = instead
                bs.code_skip(nd.cd, bkind, nd.fd.mode, nd.fd.lasts, r, c, np.int64(0))
                bs.code_merge(nd.cd, bkind, nd.fd.mode, r, c, np.int64(0))
                bs.code_intra(nd.cd, nd.fd.mode, r, c, np.int64(1))
                _write_intra(nd, se, r, c)
            else:
                _write_inter(nd, se, rkind, bkind, r, c, what, index)
            if bits.size:
                s2 = (nd.step / 64.0) ** 2
                error = block_error(se.orig, nd.frames, nd.t0, nd.wk.pred.shape[0], r, c)
                bits[br, bc] = max((j * s2 - error) / (se.lam * s2), _LEAST_BITS)


@inner
def _intra_instead(nd, se, bkind, r, c, j, what):
    """J of the block with intra modes, where they may beat J; 1e30 else. The frame holds the better."""
    if nd.level > 0 or what == SKIP or j <= _NUMBERS * se.at.poor + se.at.poor_bits * se.lam:
        return np.float64(1e30)
    if se.hinted and se.hint_mode[r, c] != bs.INTRA:
        return np.float64(1e30)
    fd, block = nd.fd, se.ch.block
    y, x = 8 * (r - 1), 8 * (c - 1)
    _copy_block(nd.frames[nd.t0], y, x, block, 0, 0)
    near = (fd.mode[r, c - 1] == bs.INTRA) + (fd.mode[r - 1, c] == bs.INTRA)
    extra = se.lam * (mode_bits(nd, bkind, r, c, 0) + bits_of(nd.cd, bs.INTRA_SIDES + near, 1))
    instead = choose_intra(nd, se, r, c, j - extra) + extra
    if instead >= j:
        _copy_block(block, 0, 0, nd.frames[nd.t0], y, x)
    return instead


@inner
def _copy_block(source, y, x, target, ty, tx):
    """The 16×16 block at (y, x) of source (3, ·, ·) → (ty, tx) of target."""
    for p in range(3):
        for i in range(16):
            for j in range(16):
                target[p, ty + i, tx + j] = source[p, y + i, x + j]


@inner
def _write_intra(nd, se, r, c):
    """Code the modes and symbols that `choose_intra` found."""
    fd, ch = nd.fd, se.ch
    set_block(fd, r, c, bs.INTRA, ch.vec, np.bool_(False))
    for i in range(4):
        ry, rx = r + (i >> 1), c + (i & 1)
        bs.code_intra_mode(nd.cd, fd.imode[ry, rx - 1], fd.imode[ry - 1, rx], ch.imodes[i])
        fd.imode[ry, rx] = ch.imodes[i]
        code_residual_leaf(nd, np.int64(0), ry, rx, i, ch.iq[i], ch.ilast[i])


@inner
def _write_inter(nd, se, rkind, bkind, r, c, what, index):
    """Code what `choose_inter` found, and restore the block."""
    cd, fd, wk, ch = nd.cd, nd.fd, nd.wk, se.ch
    n = bs.candidates(fd.mode, fd.mv, r, c, wk.cand)
    split = what == SPLIT
    bs.code_skip(cd, bkind, fd.mode, fd.lasts, r, c, np.int64(what == SKIP))
    if what != SKIP:
        bs.code_merge(cd, bkind, fd.mode, r, c, np.int64(what == MERGE))
    if what <= MERGE:
        bs.code_which(cd, bkind, np.int64(what), n, index)
    else:
        if nd.level == 0:
            bs.code_intra(cd, fd.mode, r, c, np.int64(0))
            bs.code_split(cd, bkind, fd.mode, fd.mv, r, c, np.int64(split))
        code_vectors(cd, fd, r, c, split, ch.best_vec)
    set_block(fd, r, c, bs.SKIP if what == SKIP else bs.INTER, ch.best_vec, split)
    y, x = 8 * (r - 1), 8 * (c - 1)
    predict(nd.ref, y, x, nd.frames.shape[2], nd.frames.shape[3], ch.best_vec, split, wk.pred, wk.tap)
    for i in range(4):
        ry, rx = r + (i >> 1), c + (i & 1)
        last = np.int64(-1)
        if what == SKIP:
            clear_leaf(fd, ry, rx)
        else:
            last = code_residual_leaf(nd, rkind, ry, rx, i, ch.best_q[i], ch.best_last[i])
        write_leaf(nd, y, x, i, ch.best_q[i], last)
