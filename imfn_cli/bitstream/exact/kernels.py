"""What is done for every sample, compiled: weighted sums of views, residuals to tokens, bits to bytes.

Views are handed over by address and strides, so that a kernel is compiled once, however many there are.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numba import carray
from numba.core import cgutils, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from ...system.compiled import inner, kernel

Array = NDArray[Any]

_WIDEST = (1 << 31) - 1
# Samples of which products are summed up together.
_GRAM = 1 << 12


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


class Into(NamedTuple):
    """What a pass fills (T, H, W): restored samples, magnitudes of residuals (at most `most`), and what was
    added to predictions, where another channel is going to look at that.   limits, step: of samples.
    """

    limits: tuple[int, int]
    step: int
    most: int
    samples: Array
    sizes: Array
    innovations: Array | None

    @property
    def arrays(self) -> list[Samples]:
        """All that there is to fill."""
        return [self.samples, self.sizes, *([] if self.innovations is None else [self.innovations])]


def encode_samples(prediction: NDArray[np.int64], target: Array, into: Into) -> NDArray[np.int64]:
    """Residuals (N,) of samples `target`, in steps; fills `into`."""
    residuals = np.empty(prediction.size, np.int64)
    views = Views([target, *into.arrays])
    _encode(prediction, *into.limits, into.step, views.frames, views.strides, into.most, residuals)
    return residuals


def restore_samples(prediction: NDArray[np.int64], residuals: NDArray[np.int64], into: Into) -> None:
    """Fill what `encode_samples` filled."""
    views = Views(into.arrays)
    _restore(prediction, *into.limits, into.step, views.frames, views.strides, into.most, residuals)


def gram(
    base: Array,
    arrays: Sequence[Samples],
    plain: Sequence[Samples],
    target: Array,
    dtype: type[np.floating[Any]],
) -> NDArray[np.float64]:
    """(N, N): sums of products of any two of `arrays` less `base`, `plain` as they are, `target` less `base`.

    dtype: of the products.
    """
    views = Views([base, *arrays, *plain, target])
    frames, rows, columns = base.shape
    count = len(views.arrays) - 1
    # Some rows at a time, which stay in the processor's cache.
    at_once = max(1, _GRAM // columns)
    matrix = np.empty((count, min(at_once, frames * rows) * columns), dtype)
    total = np.zeros((count, count))
    for first in range(0, frames * rows, at_once):
        last = min(frames * rows, first + at_once)
        part = matrix[:, : (last - first) * columns]
        ends = len(arrays), len(arrays) + len(plain)
        _differences(views.frames, views.strides, *ends, rows, columns, first, last, part)
        total += part @ part.T
    return total


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
    # Weights are 16 in all, and magnitudes at most 2^26.
    sums = np.empty(columns, np.int32)
    place = 0
    for t in range(frames):
        for y in range(rows):
            sums[:] = 0
            for k in range(len(weights)):
                at = starts[k, t] + y * strides[k, 0]
                step, weight = np.uint64(strides[k, 1] // 4), np.int32(weights[k])
                row = carray(_pointer(at), (1 << 40,), np.int32)
                if step == 2:
                    for x in range(columns):
                        sums[x] += weight * row[np.uint64(2) * np.uint64(x)]
                else:
                    for x in range(columns):
                        sums[x] += weight * row[np.uint64(x) * step]
            for x in range(columns):
                energy, more = np.int64(sums[x]), 0
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
def _write(starts, strides, k, t, y, values):
    """Write a row of a view; 32 bits hold less only where bytes are damaged."""
    at = starts[k, t] + y * strides[k, 0]
    size = strides[k, 2]
    step = np.uint64(strides[k, 1] // size)
    if size == 4:
        narrow = carray(_pointer(at), (1 << 40,), np.int32)
        if step == 2:
            for x in range(len(values)):
                narrow[np.uint64(2) * np.uint64(x)] = min(max(values[x], -_WIDEST), _WIDEST)
        else:
            for x in range(len(values)):
                narrow[np.uint64(x) * step] = min(max(values[x], -_WIDEST), _WIDEST)
    else:
        wide = carray(_pointer(at), (1 << 40,), np.int64)
        for x in range(len(values)):
            wide[np.uint64(x) * step] = values[x]


@inner
def _fill(starts, strides, first, t, y, guesses, residuals, step, most, row):
    """A row of everything in `Into`, whose views begin at `first`. row: for numbers on their way."""
    columns = len(row)
    for x in range(columns):
        row[x] = guesses[x] + residuals[x] * step
    _write(starts, strides, first, t, y, row)
    for x in range(columns):
        row[x] = min(abs(residuals[x]), most)
    _write(starts, strides, first + 1, t, y, row)
    if len(starts) > first + 2:
        for x in range(columns):
            row[x] = residuals[x] * step
        _write(starts, strides, first + 2, t, y, row)


@kernel
def _encode(prediction, low, high, step, starts, strides, most, residuals):
    frames, rows, columns = prediction.shape
    error = (step - 1) // 2
    row = np.empty(columns, np.int64)
    place = 0
    for t in range(frames):
        for y in range(rows):
            guesses, found = prediction[t, y], residuals[place : place + columns]
            at = starts[0, t] + y * strides[0, 0]
            apart = np.uint64(strides[0, 1] // 8)
            target = carray(_pointer(at), (1 << 40,), np.int64)
            for x in range(columns):
                guesses[x] = min(max(guesses[x], low), high)
                found[x] = target[np.uint64(x) * apart] - guesses[x]
            if error:
                for x in range(columns):
                    # Below 2^43, so that a float's quotient is never rounded to the next whole number.
                    found[x] = np.int64(np.floor(np.float64(found[x] + error) / step))
            _fill(starts, strides, 1, t, y, guesses, found, step, most, row)
            place += columns


@kernel
def _restore(prediction, low, high, step, starts, strides, most, residuals):
    frames, rows, columns = prediction.shape
    row = np.empty(columns, np.int64)
    place = 0
    for t in range(frames):
        for y in range(rows):
            guesses = prediction[t, y]
            for x in range(columns):
                guesses[x] = min(max(guesses[x], low), high)
            found = residuals[place : place + columns]
            _fill(starts, strides, 0, t, y, guesses, found, step, most, row)
            place += columns


@inner
def _row(at, step, size, columns, out):
    """The numbers of a row as floats."""
    if size == 4:
        narrow = carray(_pointer(at), (1 << 40,), np.int32)
        if step == 2:
            for x in range(columns):
                out[x] = narrow[np.uint64(2) * np.uint64(x)]
        else:
            for x in range(columns):
                out[x] = narrow[np.uint64(x) * np.uint64(step)]
    else:
        wide = carray(_pointer(at), (1 << 40,), np.int64)
        for x in range(columns):
            out[x] = wide[np.uint64(x) * np.uint64(step)]


@kernel
def _differences(starts, strides, plain, others, rows, columns, first, last, matrix):
    base, row = np.empty(columns, matrix.dtype), np.empty(columns, matrix.dtype)
    place = 0
    for line in range(first, last):
        t, y = line // rows, line % rows
        size = strides[0, 2]
        _row(starts[0, t] + y * strides[0, 0], strides[0, 1] // size, size, columns, base)
        for k in range(len(matrix)):
            size = strides[k + 1, 2]
            at = starts[k + 1, t] + y * strides[k + 1, 0]
            _row(at, strides[k + 1, 1] // size, size, columns, row)
            out = matrix[k, place : place + columns]
            if k < plain or k >= others:
                for x in range(columns):
                    out[x] = row[x] - base[x]
            else:
                for x in range(columns):
                    out[x] = row[x]
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
