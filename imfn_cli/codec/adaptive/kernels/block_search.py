"""What the encoder tries a block with: the frames to code, its scratch, and the cost of one prediction."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ....bitstream.adaptive import block_syntax as bs
from ....bitstream.adaptive import residual as rs
from ....motion.interpolate import clamp_position
from ....motion.search import satd
from ....system.compiled import inner, inner_float
from .block_decoder import predict
from .block_state import C
from .copies import copy_row, copy_rows, fill_row
from .intra import MODES
from .quantise import ZERO_ENERGY, bits_of, quantise_leaf
from .transform import subtract, transform


class Choice(NamedTuple):
    """Scratch of the encoder's choice.

    x (4, F·C), y (4, C), energies (4,): residual and its numbers.   q, last: symbols of what is tried;
    best_q, best_last, best_vec (4, 2): of the best so far.   order: cost of each candidate.
    place (4, 3): see `keep_place`.   i…: of intra leaves.
    """

    x: NDArray[np.float32]
    y: NDArray[np.float32]
    energies: NDArray[np.float64]
    q: NDArray[np.int32]
    last: NDArray[np.int64]
    vec: NDArray[np.int32]
    best_q: NDArray[np.int32]
    best_last: NDArray[np.int64]
    best_vec: NDArray[np.int32]
    order: NDArray[np.float64]
    cost: NDArray[np.float32]
    lastbits: NDArray[np.float32]
    had: NDArray[np.int32]
    starts: NDArray[np.int32]
    place: NDArray[np.int32]
    energy: NDArray[np.float64]
    modes: NDArray[np.int64]
    ix: NDArray[np.float32]
    iy: NDArray[np.float32]
    imodes: NDArray[np.int64]
    iq: NDArray[np.int32]
    ilast: NDArray[np.int64]
    block: NDArray[np.int16]
    leaves: NDArray[np.int32]


def new_choice(frames: int) -> Choice:
    """For windows of `frames` frames."""
    f4, i4, f8, i8 = np.float32, np.int32, np.float64, np.int64
    return Choice(
        x=np.zeros((4, frames * C), f4),
        y=np.zeros((4, C), f4),
        energies=np.zeros(4, f8),
        q=np.zeros((4, C), i4),
        last=np.zeros(4, i8),
        vec=np.zeros((4, 2), i4),
        best_q=np.zeros((4, C), i4),
        best_last=np.zeros(4, i8),
        best_vec=np.zeros((4, 2), i4),
        order=np.zeros(8, f8),
        cost=np.zeros(C, f4),
        lastbits=np.zeros(16, f4),
        had=np.zeros((8, 8), i4),
        starts=np.zeros((bs.CANDIDATES + 6, 2), i4),
        place=np.zeros((4, 3), i4),
        energy=np.zeros(MODES, f8),
        modes=np.zeros(MODES, i8),
        ix=np.zeros((4, C), f4),
        iy=np.zeros((4, C), f4),
        imodes=np.zeros(4, i8),
        iq=np.zeros((4, C), i4),
        ilast=np.zeros(4, i8),
        block=np.zeros((3, 16, 16), np.int16),
        leaves=np.zeros((MODES, C), i4),
    )


class Thresholds(NamedTuple):
    """What the encoder does not try. Costs are in squared steps a number; bits are added to them, times λ.

    early: where skipping costs less, no other mode is tried.   good, good_bits: where it costs no more, no
    vector is searched.   far, far_bits: a candidate whose error of luma is so many times the best one's is
    not evaluated.   split: four vectors are tried where their error of luma is not above so many times that
    of one.   poor, poor_bits: intra modes are tried where prediction costs more.
    """

    early: float
    good: float
    good_bits: float
    far: float
    far_bits: float
    split: float
    poor: float
    poor_bits: float


class Search(NamedTuple):
    """The encoder's side of a node.

    orig (…, 3, H', W'): the frames to code, indexed as `Node.frames`.   rows (C, F·C): the basis in float32.
    luma (H', W'), planes (16, …): of the frame t0, and of the reference frame at every quarter pixel.
    hinted: whether hint_mode and hint_mv (as in `Fields`) say what analysis found, so that nothing is
    searched.   lam: squared steps that a bit is worth.   lam_sad: luma error (1/4 levels) that it is worth.
    tries: candidates that are evaluated in full.   at: what is not tried.
    """

    orig: NDArray[np.int16]
    rows: NDArray[np.float32]
    luma: NDArray[np.int16]
    planes: NDArray[np.int16]
    hinted: bool
    hint_mode: NDArray[np.int8]
    hint_mv: NDArray[np.int32]
    lam: float
    lam_sad: float
    tries: int
    at: Thresholds
    ch: Choice


@inner
def evaluate(nd, se, kind, r, c, split):
    """Predict along ch.vec, transform and quantise → ch.q, ch.last.

    Returns (J with residual, J without), flags and vectors not counted.
    """
    wk, ch = nd.wk, se.ch
    y, x = 8 * (r - 1), 8 * (c - 1)
    predict(nd.ref, y, x, nd.frames.shape[2], nd.frames.shape[3], ch.vec, split, wk.pred, wk.tap)
    subtract(se.orig, nd.t0, y, x, wk.pred, np.float32(4.0 / nd.step), ch.x, ch.energies)
    energy, most = np.float64(0), np.float64(0)
    for i in range(4):
        energy += ch.energies[i]
        most = max(most, ch.energies[i])
    if most < ZERO_ENERGY:
        for i in range(4):
            ch.last[i] = -1
            fill_row(ch.q[i], 0)
        return energy, energy
    transform(ch.x, se.rows, ch.y)
    return quantise_block(nd, se, kind, r, c, energy), energy


@inner_float
def quantise_block(nd, se, kind, r, c, energy):
    """Symbols of the numbers ch.y (4, C) of a block whose residual has this energy → ch.q, ch.last. J."""
    cd, fd, ch, lam = nd.cd, nd.fd, se.ch, se.lam
    outside, coded = energy, np.float64(0)
    for i in range(4):
        own = np.float64(0)
        for k in range(192):
            own += ch.y[i, k] * ch.y[i, k]
        outside -= own
        ry, rx = r + (i >> 1), c + (i & 1)
        n, j = quantise_leaf(
            cd, nd.near, kind, fd.grid, fd.lasts, ry, rx, ch.y[i], lam, ch.q[i], ch.cost, ch.lastbits
        )
        place = rs.CODED_PLACE + kind * 16 + i
        none = own + lam * bits_of(cd, place, 0)
        some = j + lam * bits_of(cd, place, 1)
        if n >= 0 and some < none:
            ch.last[i] = n
            coded += some
        else:
            ch.last[i] = -1
            coded += none
            fill_row(ch.q[i], 0)
    return coded + max(outside, 0.0)


@inner
def keep(ch):
    """What was tried is the best so far."""
    copy_rows(ch.vec, ch.best_vec)
    copy_rows(ch.q, ch.best_q)
    copy_row(ch.last, ch.best_last)


@inner
def set_vectors(vec, vy, vx):
    """One vector for all four leaves → vec (4, 2)."""
    for i in range(4):
        vec[i, 0], vec[i, 1] = vy, vx


@inner
def keep_place(fd, r, c, place):
    """What the fields say of a block's vectors → place (4, 3), for `restore_place`."""
    for i in range(4):
        y, x = r + (i >> 1), c + (i & 1)
        place[i, 0], place[i, 1], place[i, 2] = fd.mode[y, x], fd.mv[y, x, 0], fd.mv[y, x, 1]


@inner
def restore_place(fd, r, c, place):
    """Put back what `keep_place` kept."""
    for i in range(4):
        y, x = r + (i >> 1), c + (i & 1)
        fd.mode[y, x], fd.mv[y, x, 0], fd.mv[y, x, 1] = place[i, 0], place[i, 1], place[i, 2]


@inner
def block_satd(se, r, c, vy, vx):
    """Error of luma along one vector."""
    height, width = se.luma.shape
    y, x = 8 * (r - 1), 8 * (c - 1)
    y4, x4 = clamp_position(4 * y + vy, 4 * x + vx, 16, height, width)
    return satd(se.luma, se.planes, y, x, 16, y4, x4, se.ch.had)
