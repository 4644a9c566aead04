"""Steps and thresholds that the format fixes; whole numbers, the same on every machine.

A node's step is that of the quality, scaled by what refers to it: finer for a GOP's first frame, which all
others inherit from, coarser for frames in between.
"""

import numpy as np
from numpy.typing import NDArray

#: Steps are in 1/64 grey levels.
STEP_UNIT = 64
# 2^(k/10) in 1/2^20, k = 0 … 9.
_TENTHS = (1048576, 1123836, 1204498, 1290950, 1383606, 1482910, 1589344, 1703417, 1825676, 1956711)
# Scale of a node's step in 1/64: of a GOP's first frame; of windows of one frame by their time modulo 4; of
# longer windows.
_FIRST, _SINGLE, _LONGER = 45, (54, 68, 64, 68), 64
#: Thresholds between the loop filter's classes of activity, in steps.
ACTIVITY = np.array([2, 5, 10, 20], np.int64)
# Deblocking: thresholds and largest changes by strength, in 1/100 of the step.
_ALPHA, _BETA, _LIMITS = 110, 35, (0, 3, 5, 8)
_UNIT = 16  # of frames, in a grey level


def step_of_node(quality: int, level: int, time: int) -> int:
    """The quantisation step of a node in 1/64 grey levels. time: of its first frame in the GOP."""
    doublings, tenths = divmod(100 - quality, 10)
    step = _TENTHS[tenths] << doublings
    scale = _LONGER if level else _SINGLE[time % 4] if time else _FIRST
    return max(1, (step * scale + (1 << 19)) >> 20)


def deblocking_thresholds(step: int) -> tuple[int, int, NDArray[np.int64]]:
    """alpha, beta, and the largest change by strength (4,), in 1/16 grey levels, for a step in 1/64."""
    scaled = step * _UNIT
    limits = [(scaled * limit + 50 * STEP_UNIT) // (100 * STEP_UNIT) for limit in _LIMITS]
    alpha, beta = (scaled * threshold // (100 * STEP_UNIT) for threshold in (_ALPHA, _BETA))
    return alpha, beta, np.array(limits, np.int64)
