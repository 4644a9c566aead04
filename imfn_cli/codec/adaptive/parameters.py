"""Steps and thresholds that the format fixes; whole numbers, the same on every machine.

A node's step is that of the frame that it begins with: the latent's quality, moved by what the frame says.
"""

import numpy as np
from numpy.typing import NDArray

from ...bitstream.quantiser import tenths_of_quality, whole_step

#: Steps are in 1/64 grey levels.
STEP_UNIT = 64
# Tenths of a quality in an offset's unit, and those of the finest step.
_TENTHS, _FINEST = 5, 1100
# The encoder's: a GOP's first frame, which all others inherit from, is finer, and so is every 24th.
_FIRST_OFFSET, _PERIOD, _PERIODIC_OFFSET = 28, 24, 12
#: Thresholds between the loop filter's classes of activity, in steps.
ACTIVITY = np.array([2, 5, 10, 20], np.int64)
# Deblocking: thresholds and largest changes by strength, in 1/100 of the step.
_ALPHA, _BETA, _LIMITS = 110, 35, (0, 3, 5, 8)
_UNIT = 16  # of frames, in a grey level


def step_at(quality: float, offset: int) -> int:
    """The quantisation step in 1/64 grey levels. offset: in halves of a quality, beyond 100 up to 110."""
    tenths = min(max(tenths_of_quality(quality) + _TENTHS * offset, 0), _FINEST)
    return whole_step(tenths, STEP_UNIT)


def offset_of(number: int) -> int:
    """The offset that an encoder chooses for a GOP's frame, counted from 0."""
    if number == 0:
        return _FIRST_OFFSET
    return _PERIODIC_OFFSET if number % _PERIOD == 0 else 0


def deblocking_thresholds(step: int) -> tuple[int, int, NDArray[np.int64]]:
    """alpha, beta, and the largest change by strength (4,), in 1/16 grey levels, for a step in 1/64."""
    scaled = step * _UNIT
    limits = [(scaled * limit + 50 * STEP_UNIT) // (100 * STEP_UNIT) for limit in _LIMITS]
    alpha, beta = (scaled * threshold // (100 * STEP_UNIT) for threshold in (_ALPHA, _BETA))
    return alpha, beta, np.array(limits, np.int64)
