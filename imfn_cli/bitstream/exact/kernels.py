"""What is done for every sample, compiled: weighted sums of views, residuals to tokens, bits to bytes.

Views are handed over by address and strides, so that a kernel is compiled once, however many there are.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import carray
from numba.core import cgutils, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from ...system.compiled import inner, kernel

Array = NDArray[Any]


class Scattered:
    """Frames of an array (frames, H, W) in any order, without a copy: `frames` (T,) says which."""

    def __init__(self, array: Array, frames: NDArray[np.int64]) -> None:
        self.array, self.frames = array, frames

    @property
    def shape(self) -> tuple[int, ...]:
        """(T, H, W)."""
        return (len(self.frames), *self.array.shape[1:])

    def __getitem__(self, chosen: tuple[slice, ...]) -> "Scattered":
        """Some frames, and some rows of them."""
        return Scattered(self.array[:, chosen[1]], self.frames[chosen[0]])


Samples = Array | Scattered


class Views:
    """Arrays of one shape (T, H, W) of 32- or 64-bit integers, as kernels take them; they live as long."""

    def __init__(self, arrays: Sequence[Samples]) -> None:
        self.arrays = arrays
        plain = [one.array if isinstance(one, Scattered) else one for one in arrays]
        count = arrays[0].shape[0]
        #: (N, T): the address of each frame.   (N, 3): strides of rows and columns, bytes of a number.
        self.frames = np.empty((len(arrays), count), np.int64)
        for place, one, array in zip(self.frames, arrays, plain, strict=True):
            frames = one.frames if isinstance(one, Scattered) else np.arange(count)
            place[:] = array.__array_interface__["data"][0] + frames * array.strides[0]
        self.strides = np.array([(*one.strides[1:], one.itemsize) for one in plain], np.int64)

    @property
    def narrow(self) -> bool:
        """Whether all have 32 bits."""
        return bool((self.strides[:, 2] == 4).all())


def weighted_sum(
    arrays: Sequence[Samples], weights: NDArray[np.int64], rounding: int, shift: int
) -> NDArray[np.int64]:
    """(Σ weight · array + rounding) >> shift."""
    views = Views(arrays)
    total = np.empty(arrays[0].shape, np.int64)
    way = _weighted_narrow if views.narrow else _weighted
    way(views.frames, views.strides, np.ascontiguousarray(weights, np.int64), rounding, shift, total)
    return total


def energies(
    arrays: Sequence[Samples], weights: NDArray[np.int64], of: NDArray[np.uint8], most: int
) -> NDArray[np.uint8]:
    """The context (N,) of each sample by Σ weight · array, magnitudes around it.

    of: contexts of the sums 0 … `most`, four times as many for every eight contexts above.
    """
    views = Views(arrays)
    shape = arrays[0].shape
    contexts = np.empty(math.prod(shape), np.uint8)
    _energies(
        views.frames,
        views.strides,
        np.ascontiguousarray(weights, np.int64),
        shape[1],
        shape[2],
        of,
        most,
        contexts,
    )
    return contexts


def encode_samples(
    prediction: NDArray[np.int64],
    limits: tuple[int, int],
    target: Array,
    step: int,
    plane: Array,
    sizes: Array,
    most: int,
) -> NDArray[np.int64]:
    """Residuals (N,) of samples `target`, in steps; restored samples go to `plane`, magnitudes to `sizes`."""
    residuals = np.empty(prediction.size, np.int64)
    views = Views([target, plane, sizes])
    _encode(prediction, limits[0], limits[1], step, views.frames, views.strides, most, residuals)
    return residuals


def restore_samples(
    prediction: NDArray[np.int64],
    limits: tuple[int, int],
    residuals: NDArray[np.int64],
    step: int,
    plane: Array,
    sizes: Array,
    most: int,
) -> None:
    """What `encode_samples` put into `plane` and `sizes`."""
    views = Views([plane, plane, sizes])
    _restore(prediction, limits[0], limits[1], step, views.frames, views.strides, most, residuals)


def differences(base: Array, arrays: Sequence[Samples], plain: Sequence[Samples]) -> NDArray[np.float64]:
    """Rows of numbers: each of `arrays` less `base`, then `plain` as they are."""
    views = Views([base, *arrays, *plain])
    matrix = np.empty((len(views.arrays) - 1, base.size))
    _differences(views.frames, views.strides, len(arrays), *base.shape, matrix)
    return matrix


@intrinsic
def _pointer(typing_context, address):
    def generate(context, builder, signature, args):
        return builder.inttoptr(args[0], cgutils.voidptr_t)

    return types.voidptr(address), generate


@inner
def _add_narrow(at, step, weight, out):
    """Add a row of 32-bit numbers in floats, which hold the sum exactly: at most 2^30 · 2^15 · 2^6."""
    row = carray(_pointer(at), (1 << 40,), np.int32)
    if step == 2:
        # Most samples are two apart, which the compiler makes more of where it is told.
        for x in range(len(out)):
            out[x] += weight * row[np.uint64(2) * np.uint64(x)]
    else:
        for x in range(len(out)):
            out[x] += weight * row[np.uint64(x) * np.uint64(step)]


@kernel
def _weighted_narrow(starts, strides, weights, rounding, shift, total):
    frames, rows, columns = total.shape
    sums = np.empty(columns)
    for t in range(frames):
        for y in range(rows):
            sums[:] = rounding
            for k in range(len(weights)):
                if weights[k]:
                    at = starts[k, t] + y * strides[k, 0]
                    _add_narrow(at, strides[k, 1] // 4, np.float64(weights[k]), sums)
            out = total[t, y]
            for x in range(columns):
                out[x] = np.int64(sums[x]) >> shift


@kernel
def _weighted(starts, strides, weights, rounding, shift, total):
    frames, rows, columns = total.shape
    for t in range(frames):
        for y in range(rows):
            out = total[t, y]
            for x in range(columns):
                out[x] = rounding
            for k in range(len(weights)):
                weight = weights[k]
                if weight == 0:
                    continue
                at = starts[k, t] + y * strides[k, 0]
                size = strides[k, 2]
                step = np.uint64(strides[k, 1] // size)
                if size == 4:
                    narrow = carray(_pointer(at), (1 << 40,), np.int32)
                    for x in range(columns):
                        out[x] += weight * narrow[np.uint64(x) * step]
                else:
                    wide = carray(_pointer(at), (1 << 40,), np.int64)
                    for x in range(columns):
                        out[x] += weight * wide[np.uint64(x) * step]
            for x in range(columns):
                out[x] >>= shift


@kernel
def _energies(starts, strides, weights, rows, columns, of, most, contexts):
    frames = starts.shape[1]
    sums = np.empty(columns, np.int64)
    place = 0
    for t in range(frames):
        for y in range(rows):
            sums[:] = 0
            for k in range(len(weights)):
                at = starts[k, t] + y * strides[k, 0]
                step, weight = np.uint64(strides[k, 1] // 4), weights[k]
                row = carray(_pointer(at), (1 << 40,), np.int32)
                for x in range(columns):
                    sums[x] += weight * row[np.uint64(x) * step]
            for x in range(columns):
                energy, more = sums[x], 0
                if energy > most:
                    energy += 1
                    if energy >= 1 << 24:
                        # A float of 32 bits rounds there, which may lead to the next context.
                        energy = np.int64(np.float32(energy))
                    while energy > most:
                        energy >>= 2
                        more += 8
                    energy -= 1
                contexts[place + x] = of[energy] + more
            place += columns


@inner
def _put(starts, strides, k, t, y, x, value):
    """Write a number of a view."""
    at = starts[k, t] + y * strides[k, 0] + x * strides[k, 1]
    if strides[k, 2] == 4:
        carray(_pointer(at), (1,), np.int32)[0] = value
    else:
        carray(_pointer(at), (1,), np.int64)[0] = value


@kernel
def _encode(prediction, low, high, step, starts, strides, most, residuals):
    frames, rows, columns = prediction.shape
    error = (step - 1) // 2
    place = 0
    for t in range(frames):
        for y in range(rows):
            at = starts[0, t] + y * strides[0, 0]
            apart = np.uint64(strides[0, 1] // 8)
            target = carray(_pointer(at), (1 << 40,), np.int64)
            for x in range(columns):
                guess = min(max(prediction[t, y, x], low), high)
                residual = target[np.uint64(x) * apart] - guess
                if error:
                    # Below 2^43, so that a float's quotient is never rounded to the next whole number.
                    residual = np.int64(np.floor(np.float64(residual + error) / step))
                residuals[place + x] = residual
                _put(starts, strides, 1, t, y, x, guess + residual * step)
                _put(starts, strides, 2, t, y, x, min(abs(residual), most))
            place += columns


@kernel
def _restore(prediction, low, high, step, starts, strides, most, residuals):
    frames, rows, columns = prediction.shape
    place = 0
    for t in range(frames):
        for y in range(rows):
            for x in range(columns):
                guess = min(max(prediction[t, y, x], low), high)
                residual = residuals[place + x]
                _put(starts, strides, 1, t, y, x, guess + residual * step)
                _put(starts, strides, 2, t, y, x, min(abs(residual), most))
            place += columns


@inner
def _row(at, step, size, columns, out):
    """The numbers of a row as floats."""
    if size == 4:
        narrow = carray(_pointer(at), (1 << 40,), np.int32)
        for x in range(columns):
            out[x] = narrow[np.uint64(x) * np.uint64(step)]
    else:
        wide = carray(_pointer(at), (1 << 40,), np.int64)
        for x in range(columns):
            out[x] = wide[np.uint64(x) * np.uint64(step)]


@kernel
def _differences(starts, strides, taps, frames, rows, columns, matrix):
    base = np.empty(columns)
    place = 0
    for t in range(frames):
        for y in range(rows):
            size = strides[0, 2]
            _row(starts[0, t] + y * strides[0, 0], strides[0, 1] // size, size, columns, base)
            for k in range(len(matrix)):
                size = strides[k + 1, 2]
                at = starts[k + 1, t] + y * strides[k + 1, 0]
                out = matrix[k, place : place + columns]
                _row(at, strides[k + 1, 1] // size, size, columns, out)
                if k < taps:
                    for x in range(columns):
                        out[x] -= base[x]
            place += columns


@kernel
def order_tokens(residuals, contexts, starts, low_bits, values, tokens, counts):
    """Sort residuals (N,) by context, as they stand within one.

    starts: where each context's begin; moved on. values, tokens (N,): without low bits.
    counts (contexts, tokens): of tokens. Low bits stay in `residuals`, sorted alike by `values`' order.
    """
    for i in range(len(residuals)):
        context = contexts[i]
        at = starts[context]
        starts[context] = at + 1
        value = residuals[i]
        values[at] = value
        value >>= low_bits[context]
        token = token_of(value)
        tokens[at] = token
        counts[context, token] += 1


@inner
def token_of(value):
    """0; 2m − 1 and 2m for m and −m below 16; then one for each power of two."""
    magnitude = abs(value)
    if magnitude < 16:
        return 2 * magnitude - (1 if value > 0 else 0)
    bits = 0
    while magnitude >> bits:
        bits += 1
    return 26 + bits


@kernel
def values_of(tokens, values):
    """Tokens → the values that small ones stand for; returns whether there are others."""
    others = False
    for i in range(len(tokens)):
        token = tokens[i]
        if token >= 31:
            others = True
        half = (token + 1) >> 1
        values[i] = half if token & 1 else -half
    return others


@kernel
def pack_bits(values, bits, out):
    """The last `bits` bits (below 8) of numbers, first bit first, into bytes that are zero."""
    held, count, at = np.int64(0), 0, 0
    mask = (1 << bits) - 1
    for value in values:
        held = (held << bits) | (value & mask)
        count += bits
        if count >= 8:
            count -= 8
            out[at] = (held >> count) & 255
            at += 1
            held &= (1 << count) - 1
    if count:
        out[at] = (held << (8 - count)) & 255


@kernel
def unpack_bits(packed, bits, values):
    """Or the next numbers of `bits` bits (below 8) into `values`."""
    held, count, at = np.int64(0), 0, 0
    mask = (1 << bits) - 1
    for i in range(len(values)):
        if count < bits:
            held = (held << 8) | packed[at]
            at += 1
            count += 8
        count -= bits
        values[i] |= (held >> count) & mask
        held &= (1 << count) - 1


@kernel
def scatter(ordered, contexts, starts, residuals):
    """What is sorted by context back to its places. starts: as in `order_tokens`."""
    for i in range(len(residuals)):
        context = contexts[i]
        residuals[i] = ordered[starts[context]]
        starts[context] += 1
