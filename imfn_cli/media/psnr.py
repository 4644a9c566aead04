"""Peak signal-to-noise ratio of 8-bit pictures."""

import math

import numpy as np
from numpy.typing import NDArray

#: What a frame that is restored without any error counts as, where an average must stay finite.
EXACT = 100.0


def psnr(original: NDArray[np.uint8], restored: NDArray[np.uint8]) -> float:
    """PSNR in dB of one frame, (H, W, C) uint8 both; `EXACT` where they are equal or nearly so."""
    difference = original.astype(np.int32) - restored
    return from_mse(float(np.mean(difference * difference)))


def from_mse(mse: float) -> float:
    """PSNR in dB of a mean squared error in squared 8-bit levels, at most `EXACT`."""
    return min(EXACT, 10 * math.log10(255**2 / mse)) if mse > 0 else EXACT
