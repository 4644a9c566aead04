"""Decoded numbers in steps to whole numbers, compiled: one pass in place of six."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..system.compiled import kernel


def whole_residual(values: NDArray[np.float32], step: int, most: int) -> NDArray[np.int32]:
    """⌊step · v + ½⌋ of each number, from −most to `most`, as the values lie in memory."""
    found: NDArray[np.int32] = np.empty_like(values, dtype=np.int32)
    order: Any = "K"
    _scaled(values.ravel(order), float(step), float(most), found.ravel(order))
    return found


@kernel
def _scaled(values, step, most, found):
    for i in range(len(values)):
        found[i] = np.int32(min(max(np.floor(np.float64(values[i]) * step + 0.5), -most), most))
