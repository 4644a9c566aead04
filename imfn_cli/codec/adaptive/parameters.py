"""Steps and thresholds that the format fixes; whole numbers, the same on every machine.

A node's step is that of the quality; half of it for a GOP's first frame, which all others inherit from.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ...bitstream.quantiser import tenths_of_quality

#: Steps are in 1/64 grey levels.
STEP_UNIT = 64
# Bits of a power of two's fraction.
_POWER = 20
#: Thresholds between the loop filter's classes of activity, in steps.
ACTIVITY = np.array([2, 5, 10, 20], np.int64)
# Deblocking: thresholds and largest changes by strength, in 1/100 of the step.
_ALPHA, _BETA, _LIMITS = 110, 35, (0, 3, 5, 8)
_UNIT = 16  # of frames, in a grey level


def step_of_node(quality: float, time: int) -> int:
    """The quantisation step of a node in 1/64 grey levels. time: of its first frame in the GOP."""
    doublings, hundredths = divmod(1000 - tenths_of_quality(quality), 100)
    step = _power_of_two(hundredths) * STEP_UNIT << doublings
    unit = 1 << (_POWER + (time == 0))
    return max(1, (step + unit // 2) // unit)


@lru_cache
def _power_of_two(hundredths: int) -> int:
    """2^(hundredths / 100) in 1/2^20, rounded to the nearest, by whole numbers alone."""
    power = 1 << (100 * (_POWER + 1) + hundredths)
    nearest = round(2.0 ** (_POWER + hundredths / 100))
    while (2 * nearest + 1) ** 100 <= power:
        nearest += 1
    while (2 * nearest - 1) ** 100 > power:
        nearest -= 1
    return nearest


def deblocking_thresholds(step: int) -> tuple[int, int, NDArray[np.int64]]:
    """alpha, beta, and the largest change by strength (4,), in 1/16 grey levels, for a step in 1/64."""
    scaled = step * _UNIT
    limits = [(scaled * limit + 50 * STEP_UNIT) // (100 * STEP_UNIT) for limit in _LIMITS]
    alpha, beta = (scaled * threshold // (100 * STEP_UNIT) for threshold in (_ALPHA, _BETA))
    return alpha, beta, np.array(limits, np.int64)
