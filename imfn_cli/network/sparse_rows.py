"""Products of rows that are mostly zeros with a matrix, all whole numbers: what coarse memories are.

Sums are exact in float64 in any order, so this comes to the same as the whole product does.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..system.compiled import kernel

# Above this part of numbers other than zero the whole product is faster.
_FEW = 0.5


class SparseRows(NamedTuple):
    """Rows (N, C) of whole numbers by those that are not zero.

    places: theirs in the flat rows.   values: float64.   ends (N + 1,): where each row's begin, and the last
    one's end.
    """

    places: NDArray[np.int64]
    values: NDArray[np.float64]
    ends: NDArray[np.int64]


def sparse_rows(rows: NDArray[np.integer]) -> SparseRows | None:
    """Rows (N, C) so; None where they are not mostly zeros."""
    flat = np.ascontiguousarray(rows).reshape(-1)
    places = np.flatnonzero(flat)
    if len(places) > _FEW * len(flat):
        return None
    ends = np.searchsorted(places, np.arange(len(rows) + 1) * rows.shape[1])
    return SparseRows(places, flat[places].astype(np.float64), ends)


def sparse_product(
    rows: SparseRows, matrix: NDArray[np.float32], add: NDArray[np.float64], bits: int, most: int
) -> NDArray[np.int16]:
    """⌊(rows · matrix + add) / 2^bits⌉, from 0 to `most`: (N, P).   matrix: (C, P).   add: (P,)."""
    found = np.empty((len(rows.ends) - 1, matrix.shape[1]), np.int16)
    _product(rows.places, rows.values, rows.ends, matrix, add + (1 << (bits - 1)), 2.0**-bits, most, found)
    return found


@kernel
def _product(places, values, ends, matrix, add, scale, most, found):
    channels, width = matrix.shape
    sums = np.empty(width, np.float64)
    for row in range(len(found)):
        for k in range(width):
            sums[k] = add[k]
        first, at, end = row * channels, ends[row], ends[row + 1]
        # Four at a time: sums are read and written a quarter as often.
        while at + 4 <= end:
            a, b = matrix[places[at] - first], matrix[places[at + 1] - first]
            c, d = matrix[places[at + 2] - first], matrix[places[at + 3] - first]
            u, v, w, x = values[at], values[at + 1], values[at + 2], values[at + 3]
            for k in range(width):
                sums[k] += u * a[k] + v * b[k] + w * c[k] + x * d[k]
            at += 4
        while at < end:
            a, u = matrix[places[at] - first], values[at]
            for k in range(width):
                sums[k] += u * a[k]
            at += 1
        for k in range(width):
            found[row, k] = min(max(np.floor(sums[k] * scale), 0.0), most)
