"""Whole numbers on grids (memories, channels, rows, columns) to bytes and back, by the adaptive range coder.

A number is predicted from those to its left, above, and at its place in the memory before, by weights of its
channel; what is left is coded in contexts of the magnitudes around it. Memories that were quantised are such
grids, and so are the matrices of a model.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...system.compiled import inner, kernel
from ..adaptive.binary_coder import (
    DECODE,
    MODE,
    POS,
    Coder,
    code_bit,
    code_direct,
    code_single,
    finish,
    new_coder,
)
from ..adaptive.residual import clear, code_exp_golomb

Integers = NDArray[np.int32]
Weights = NDArray[np.int64]

#: Numbers are from -LARGEST to LARGEST.
LARGEST = (1 << 24) - 1
#: Weights of a channel, in 64ths: three of a first memory, five of those after it.
WEIGHTS = 8
_FIRST_TAPS = 3
_LARGEST_WEIGHT = 127
# Highest magnitude in unary; what follows is in Exp-Golomb numbers of at most so many bits.
_UNARY, _LONGEST = 15, 24
# Sum of magnitudes around a number → bucket, 0 … 15; the last one from 384 on.
_STARTS = (0, 1, 2, 3, 4, 5, 7, 9, 12, 16, 23, 32, 48, 96, 192, 384)
_BUCKET = np.array([sum(total >= start for start in _STARTS) - 1 for total in range(385)], np.int64)
_SETS = 32
# Context numbers: where each kind begins; those of a channel come last.
_ZERO, _ZERO_BEFORE = 0, 64
_MORE, _MORE_BEFORE = 128, 384
_LONG, _WEIGHT = 512, 512 + 16 * 64
_CHANNEL = _WEIGHT + 64
# Of each channel: a flag, nine for zero, sixteen for more.
_OF_CHANNEL = 26


class GridCoder(NamedTuple):
    """A stream of grids of at most `channels` channels; what has been learned goes from grid to grid."""

    coder: Coder
    channels: int


def encoder(channels: int, numbers: int) -> GridCoder:
    """An encoder of at most so many numbers in all."""
    return _made(channels, new_coder(_contexts(channels), _SETS, capacity=8 * numbers + 32 * channels + 4096))


def decoder(channels: int, data: bytes) -> GridCoder:
    """The decoder of what `to_bytes` gave."""
    return _made(channels, new_coder(_contexts(channels), _SETS, data=data))


def _contexts(channels: int) -> int:
    return _CHANNEL + channels * _OF_CHANNEL


def _made(channels: int, coder: Coder) -> GridCoder:
    clear(coder)
    return GridCoder(coder, channels)


def to_bytes(grids: GridCoder) -> bytes:
    """All that was written."""
    return finish(grids.coder)


def spent(grids: GridCoder, size: int) -> bool:
    """Whether a decoder has read past its `size` bytes by more than a coder ever does."""
    return int(grids.coder.io[POS]) > size + 64


def write(grids: GridCoder, values: Integers) -> None:
    """Append a grid (memories, channels, rows, columns) of numbers within `LARGEST`."""
    weights = fitted_weights(values)
    _code(grids.coder, np.ascontiguousarray(values, np.int32), weights)


def read(grids: GridCoder, shape: tuple[int, int, int, int]) -> Integers:
    """The next grid. Bytes that were made up give numbers that mean nothing."""
    values = np.zeros(shape, np.int32)
    _code(grids.coder, values, np.zeros((shape[1], WEIGHTS), np.int64))
    return values


def fitted_weights(values: Integers) -> Weights:
    """Least squares for each channel, (channels, `WEIGHTS`) in 64ths; zeros where that gains nothing."""
    memories, channels, rows, columns = values.shape
    weights = np.zeros((channels, WEIGHTS), np.int64)
    padded = np.zeros((rows + 1, columns + 1))
    before = padded.copy()
    for channel in range(channels):
        squares = [np.zeros((size + 1, size + 1)) for size in (_FIRST_TAPS, WEIGHTS - _FIRST_TAPS)]
        if not values[:, channel].any():
            continue
        for memory in range(memories):
            padded[1:, 1:] = values[memory, channel]
            left, above, corner = padded[1:, :-1], padded[:-1, 1:], padded[:-1, :-1]
            if memory == 0:
                taps = [left, above, corner]
            else:
                taps = [before[1:, 1:], left, above, before[1:, :-1], before[:-1, 1:]]
            both = np.stack([*taps, padded[1:, 1:]]).reshape(len(taps) + 1, -1)
            squares[memory > 0] += both @ both.T
            before, padded = padded, before
        weights[channel] = np.concatenate([_solved(one) for one in squares])
    return weights


def _solved(square: NDArray[np.float64]) -> Weights:
    """Weights of the taps for the last row's number."""
    inner_part, target = square[:-1, :-1].copy(), square[:-1, -1]
    inner_part.flat[:: len(inner_part) + 1] += 1e-3 * np.trace(inner_part) / len(inner_part) + 1
    found = np.rint(64 * np.linalg.solve(inner_part, target))
    weights = found.clip(-_LARGEST_WEIGHT, _LARGEST_WEIGHT).astype(np.int64)
    scaled = weights / 64
    error = square[-1, -1] - 2 * scaled @ target + scaled @ square[:-1, :-1] @ scaled
    # Less than a twentieth of a bit a number is not worth the rounding of the prediction.
    return weights if error < 0.93 * square[-1, -1] else np.zeros_like(weights)


@kernel
def _code(cd: Any, values: Any, weights: Any) -> None:
    """Code a grid; a decoder fills in `values` and `weights`."""
    memories, channels, rows, columns = values.shape
    decoding = cd.io[MODE] == DECODE
    for c in range(channels):
        for i in range(WEIGHTS):
            weights[c, i] = _code_weight(cd, weights[c, i], decoding)
    # Magnitudes of what was coded, with a border, of a memory and of the one before.
    sizes = np.zeros((2, channels, rows + 1, columns + 2), np.int32)
    for n in range(memories):
        for c in range(channels):
            now, past = sizes[n & 1, c], sizes[1 - (n & 1), c]
            beside = sizes[n & 1, max(c - 1, 0)]
            _code_plane(cd, values, weights, n, c, now, past, beside, c > 0, decoding)


@inner
def _code_weight(cd, weight, decoding):
    folded = 0 if decoding else (2 * weight - 1 if weight > 0 else -2 * weight)
    folded = code_exp_golomb(cd, _WEIGHT, 9, folded)
    return min((folded + 1) >> 1, 127) if folded & 1 else -min(folded >> 1, 127)


@inner
def _predicted(values, weights, n, c, y, x):
    """What a number is predicted as, from those that are known."""
    left = np.int64(values[n, c, y, x - 1]) if x else np.int64(0)
    above = np.int64(values[n, c, y - 1, x]) if y else np.int64(0)
    if n == 0:
        corner = np.int64(values[n, c, y - 1, x - 1]) if x and y else np.int64(0)
        total = weights[c, 0] * left + weights[c, 1] * above + weights[c, 2] * corner
    else:
        total = weights[c, 3] * values[n - 1, c, y, x] + weights[c, 4] * left + weights[c, 5] * above
        if x:
            total += weights[c, 6] * values[n - 1, c, y, x - 1]
        if y:
            total += weights[c, 7] * values[n - 1, c, y - 1, x]
    return min(max((total + 32) >> 6, -LARGEST), LARGEST)


@inner
def _code_plane(cd, values, weights, n, c, now, past, beside, has_beside, decoding):
    """Code a channel of a memory, unless all of it is as predicted, which a flag says."""
    rows, columns = values.shape[2], values.shape[3]
    at = _CHANNEL + c * _OF_CHANNEL
    some = 0
    if not decoding:
        for y in range(rows):
            for x in range(columns):
                if values[n, c, y, x] != _predicted(values, weights, n, c, y, x):
                    some = 1
                    break
            if some:
                break
    some = code_single(cd, at, np.int64(some))
    for y in range(rows):
        for x in range(columns):
            guess = _predicted(values, weights, n, c, y, x)
            value = np.int64(values[n, c, y, x]) - guess
            if some:
                a, b, d = now[y + 1, x], now[y, x + 1], past[y + 1, x + 1]
                e = beside[y + 1, x + 1] if has_beside else np.int32(0)
                around = np.int64(2 * a + 2 * b + now[y, x + 2] + 2 * d + e)
                value = _code_number(cd, at, value, around, a, b, d, e, decoding)
            else:
                value = np.int64(0)
            now[y + 1, x + 1] = min(abs(value), 1 << 20)
            if decoding:
                values[n, c, y, x] = min(max(guess + value, -LARGEST), LARGEST)


@inner
def _code_number(cd, at, value, around, a, b, d, e, decoding):
    """Code what is left of a number; around: eight times the mean magnitude near it."""
    low = 0
    while around >> (low + 7):
        low += 1
    bucket = _BUCKET[min(around >> low, 384)]
    magnitude = abs(value)
    high = magnitude >> low
    cd.ctx[0] = _ZERO + bucket * 4 + min(e, 3)
    cd.ctx[1] = at + 1 + min(a, 2) * 3 + min(b, 2)
    cd.ctx[2] = _ZERO_BEFORE + _BUCKET[min(d, 6)] * 8 + _BUCKET[min(a + b, 8)]
    if code_bit(cd, 3, bucket, np.int64(high > 0)):
        i = 1
        while i < _UNARY:
            cd.ctx[0] = _MORE + i * 16 + bucket
            cd.ctx[1] = at + 10 + i
            cd.ctx[2] = _MORE_BEFORE + i * 8 + _BUCKET[min(d, 8)]
            if code_bit(cd, 3, 16 + bucket, np.int64(high > i)) == 0:
                break
            i += 1
        if i == _UNARY:
            i += code_exp_golomb(cd, _LONG + bucket * 64, _LONGEST, 0 if decoding else high - _UNARY)
        high = np.int64(i)
    else:
        high = np.int64(0)
    rest = np.int64(0)
    for k in range(low - 1, -1, -1):
        rest = rest << 1 | code_direct(cd, (magnitude >> k) & 1)
    magnitude = min(high << low | rest, 2 * LARGEST)
    if magnitude and code_direct(cd, np.int64(value < 0)):
        return -magnitude
    return magnitude
