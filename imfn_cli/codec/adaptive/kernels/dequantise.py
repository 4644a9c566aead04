"""A leaf's symbols to its residual, in exact integers."""

import numpy as np

from ....system.compiled import inner
from .copies import copy_row, fill_row

# Sums of products stay within 32 bits while the symbols, in 1/64 grey levels, add up to less than this:
# no number of a basis is above 2 · 2^BASIS_BITS, which `bases` sees to.
_NARROW = 1 << 16


@inner
def restore_residual(q, last, step, basis, acc, narrow):
    """acc (F·C,) int64 = Σ q·step·basis. step in 1/64 grey levels, basis (C, F·C) int32 in 1/16384.

    narrow (F·C,) int32: scratch for the quick way, which gives the same.
    """
    total = np.int64(0)
    for k in range(last + 1):
        total += abs(np.int64(q[k])) * step
    if total < _NARROW:
        fill_row(narrow, 0)
        for k in range(last + 1):
            if q[k] != 0:
                _add_narrow(narrow, basis[k], np.int32(q[k] * step))
        copy_row(narrow, acc)
        return
    fill_row(acc, 0)
    for k in range(last + 1):
        if q[k] != 0:
            _add_wide(acc, basis[k], np.int64(q[k]) * step)


@inner
def _add_narrow(out, row, factor):
    for i in range(out.shape[0]):
        out[i] = np.int32(out[i] + np.int32(row[i] * factor))


@inner
def _add_wide(out, row, factor):
    for i in range(out.shape[0]):
        out[i] += factor * row[i]
