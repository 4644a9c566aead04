"""What blocks would cost as one window: estimates for the partition; nothing is coded."""

import numpy as np

from ....bitstream.adaptive import block_syntax as bs
from ....system.compiled import kernel
from ....system.held import held
from .block_decoder import kinds_of
from .block_search import evaluate, quantise_block, set_vectors
from .quantise import ZERO_ENERGY

# Bits of skipping, and of all that is said before a residual, with the vector 0 and with another.
_SKIP_BITS, _STILL_BITS, _MOVING_BITS = 0.3, 2.0, 3.0
_NEVER = 1e30


@kernel
def still_errors(original, t0, level, frames, row, out):
    """Squared error of windows of a row of blocks against the frame before each, repeated.

    original, frames (1 + n, 3, H', W') int16 in 1/16.   out (windows, columns) float64, in squared 1/16.
    """
    length = 1 << level
    for window in range(out.shape[0]):
        before = frames[window << level]
        for column in range(out.shape[1]):
            total = np.float64(0)
            for f in range(length):
                for p in range(3):
                    part = np.int64(0)
                    for dy in range(16):
                        a = original[t0 + (window << level) + f, p, 16 * row + dy]
                        b = before[p, 16 * row + dy]
                        line = np.int32(0)
                        for dx in range(16):
                            d = np.int32(a[16 * column + dx]) - np.int32(b[16 * column + dx])
                            line = np.int32(line + ((d * d) >> 4))
                        part += line
                    total += part
            out[window, column] = total * 16.0


@kernel
def still_costs(nd, se, wanted, row, numbers, errors, out):
    """J of windows that stand still, where `wanted` (windows, columns), in squared grey levels → out.

    numbers (windows, columns, 4, C) float32: of what differs from the frame before, in 1/16 grey levels.
    errors (windows, columns): its energy.
    """
    nd, se = held(nd), held(se)
    kind, _ = kinds_of(nd)
    ch, lam = se.ch, se.lam
    s2, scale = (nd.step / 64.0) ** 2, np.float32(4.0 / nd.step)
    for window in range(wanted.shape[0]):
        for column in range(wanted.shape[1]):
            if not wanted[window, column]:
                continue
            energy = errors[window, column] * np.float64(scale) * np.float64(scale)
            best = energy + lam * _SKIP_BITS
            if energy >= ZERO_ENERGY:
                for i in range(4):
                    for k in range(192):
                        ch.y[i, k] = numbers[window, column, i, k] * scale
                coded = quantise_block(nd, se, kind, 2 * row + 1, 2 * column + 1, energy)
                best = min(best, coded + lam * _STILL_BITS)
            out[window, column] = best * s2


@kernel
def moving_costs(nd, se, wanted, row, out):
    """J of one window that moves along the vectors se.hint_mv, where `wanted` (columns,) → out (columns,)."""
    nd, se = held(nd), held(se)
    kind, _ = kinds_of(nd)
    s2 = (nd.step / 64.0) ** 2
    for column in range(wanted.shape[0]):
        if not wanted[column]:
            continue
        r, c = 2 * row + 1, 2 * column + 1
        set_vectors(se.ch.vec, se.hint_mv[r, c, 0], se.hint_mv[r, c, 1])
        some, none = evaluate(nd, se, kind, r, c, np.bool_(False))
        out[column] = min(none + se.lam * _SKIP_BITS, some + se.lam * _MOVING_BITS) * s2


@kernel
def moves(mode, mv, row, out):
    """Whether each block of a row moves along one vector: out (columns,) bool. mode, mv: see `Fields`."""
    for column in range(out.shape[0]):
        r, c = 2 * row + 1, 2 * column + 1
        inter = mode[r, c] == bs.SKIP or mode[r, c] == bs.INTER
        out[column] = inter and (mv[r, c, 0] != 0 or mv[r, c, 1] != 0)
