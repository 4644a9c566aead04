"""Products of rows of whole numbers with a matrix, without what is zero: most numbers of coarse memories are.

Sums are made in 32 bits, twice as many at once as in 64. They may overflow on the way:
modulo 2^32 a sum is right, in any order, where the whole of it fits. A row's magnitudes say whether it does.
The sum of another row is put together from parts that do, in 64 bits.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..system.compiled import inner, kernel

# Above this part of numbers other than zero, zeros are held too, and no places of others.
_FEW = 0.75
# The largest whole number of 32 bits.
_LARGEST = (1 << 31) - 1
# Bytes of a line of the cache, and of the longest vectors.
_LINE = 64


class Factors(NamedTuple):
    """A matrix (C, P), int16 or int32, and what is added to the product: int64 (P,)."""

    matrix: NDArray[np.signedinteger[Any]]
    add: NDArray[np.int64]


class Reach(NamedTuple):
    """How far products with some factors go.

    channels (C,): the largest magnitude in each row of the matrices, int64.   add: of all that is added.
    """

    channels: NDArray[np.int64]
    add: int


class Rounding(NamedTuple):
    """What becomes of a sum: ⌊(sum + add) / 2^bits⌋, from 0 to `most`, of a kind of integers."""

    bits: int
    add: int
    most: int
    kind: type[np.int16] | type[np.uint8]


class SparseRows(NamedTuple):
    """Rows (N, C) of whole numbers by those that are not zero, or by all of them.

    channels: theirs, int32; of all of them (C,), the same for each row.   values: int32.
    ends (N + 1,): where each row's begin, and the last one's end.   fits (N,): whose sums are of 32 bits.
    reach (C,): as `Reach` has it.   whole: whether zeros are held too.
    """

    channels: NDArray[np.int32]
    values: NDArray[np.int32]
    ends: NDArray[np.int64]
    fits: NDArray[np.bool_]
    reach: NDArray[np.int64]
    whole: bool


def factors(matrix: NDArray[np.float64], add: NDArray[np.float64]) -> Factors:
    """Whole numbers of a matrix, below 2^31, and of what is added, below 2^53."""
    # Half the bytes are read twice as fast.
    kind = np.int16 if np.abs(matrix).max(initial=0) < 1 << 15 else np.int32
    found = _aligned(matrix.shape, kind)
    found[:] = matrix
    return Factors(found, add.astype(np.int64))


def sparse_rows(rows: NDArray[np.integer], reach: Reach) -> SparseRows:
    """Rows (N, C), of magnitudes below 2^31, so, for products with factors of that reach."""
    numbers: NDArray[np.int32] = np.ascontiguousarray(rows, dtype=np.int32)
    count, channels = numbers.shape
    used = int(np.count_nonzero(numbers))
    whole = used > _FEW * numbers.size
    places: NDArray[np.int32]
    values: NDArray[np.int32]
    if whole:
        places, values = np.arange(channels, dtype=np.int32), numbers.reshape(-1)
        ends = np.arange(count + 1) * channels
    else:
        # One more: where the next number goes, before it is known to be zero.
        places, values = np.empty(used + 1, np.int32), np.empty(used + 1, np.int32)
        ends = np.zeros(count + 1, np.int64)
        _without_zeros(numbers, places, values, ends)
    found = SparseRows(places, values, ends, np.empty(count, np.bool_), reach.channels, whole)
    _find_fitting(*found, _LARGEST - reach.add)
    return found


def sparse_product(rows: SparseRows, by: Factors, rounding: Rounding) -> NDArray[Any]:
    """rows · matrix + add, rounded: (N, P)."""
    bits, add, most, kind = rounding
    width = by.matrix.shape[1]
    found = np.empty((len(rows.fits), width), kind)
    _product(*rows, by.matrix, by.add + add, bits, most, _aligned((width,), np.int32), found)
    return found


def _aligned(shape: tuple[int, ...], kind: type[np.signedinteger[Any]]) -> NDArray[Any]:
    """Room for numbers that begins with a line of the cache: none of their vectors lies in two lines."""
    size = math.prod(shape) * np.dtype(kind).itemsize
    room = np.empty(size + _LINE, np.uint8)
    first = -room.ctypes.data % _LINE
    return room[first : first + size].view(kind).reshape(shape)


@kernel
def _without_zeros(rows, channels, values, ends):
    at = 0
    for row in range(len(rows)):
        for channel in range(rows.shape[1]):
            channels[at] = channel
            values[at] = rows[row, channel]
            at += rows[row, channel] != 0
        ends[row + 1] = at


@kernel
def _find_fitting(channels, values, ends, fits, reach, whole, room):
    for row in range(len(fits)):
        first = ends[row] if whole else 0
        end = ends[row + 1]
        fits[row] = room >= 0 and _fitting(channels, values, first, ends[row], end, reach, room) == end


@inner
def _fitting(channels, values, first, at, end, reach, room):
    """How far numbers at … end − 1 go before their sum may have a larger magnitude than `room`."""
    while at < end:
        room -= abs(np.int64(values[at])) * reach[channels[at - first]]
        if room < 0:
            break
        at += 1
    return at


@kernel
def _product(channels, values, ends, fits, reach, whole, matrix, add, bits, most, sums, found):
    width = matrix.shape[1]
    totals = np.empty(width, np.int64)
    short = add.astype(np.int32)
    for row in range(len(found)):
        at, end, fit = ends[row], ends[row + 1], fits[row]
        first = at if whole else 0
        if fit:
            for k in range(width):
                sums[k] = short[k]
        else:
            for k in range(width):
                totals[k], sums[k] = add[k], 0
        while at < end:
            stop = end if fit else _fitting(channels, values, first, at, end, reach, _LARGEST)
            if stop == at:
                # One that does not even fit by itself.
                a, much = matrix[channels[at - first]], np.int64(values[at])
                for k in range(width):
                    totals[k] += much * a[k]
                at += 1
                continue
            # Four at a time: sums are read and written a quarter as often.
            while at + 4 <= stop:
                a, b = matrix[channels[at - first]], matrix[channels[at + 1 - first]]
                c, d = matrix[channels[at + 2 - first]], matrix[channels[at + 3 - first]]
                u, v, w, x = values[at], values[at + 1], values[at + 2], values[at + 3]
                for k in range(width):
                    sums[k] += u * a[k] + v * b[k] + w * c[k] + x * d[k]
                at += 4
            while at < stop:
                a, u = matrix[channels[at - first]], values[at]
                for k in range(width):
                    sums[k] += u * a[k]
                at += 1
            if not fit:
                for k in range(width):
                    totals[k] += sums[k]
                    sums[k] = 0
        if fit:
            for k in range(width):
                found[row, k] = min(max(sums[k] >> bits, 0), most)
        else:
            for k in range(width):
                found[row, k] = min(max(totals[k] >> bits, 0), most)
