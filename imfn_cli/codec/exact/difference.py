"""How far samples are from what they were, over a whole array."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class Difference:
    """Gathers the largest and the mean squared difference of finite samples."""

    def __init__(self) -> None:
        self.largest, self._squares, self._count = 0.0, 0.0, 0

    def add(self, samples: Array, restored: Array) -> None:
        """Compare more samples with those that came back, of the same shape."""
        # Halves: differences of the widest floats are floats too.
        off = np.abs(samples.astype(np.float64) / 2 - restored.astype(np.float64) / 2)
        off = off[np.isfinite(samples)] if samples.dtype.kind == "f" else off.ravel()
        if off.size:
            self.largest = max(self.largest, 2 * float(off.max()))
            self._squares += 4 * float((off * off).sum())
            self._count += off.size

    def psnr(self, low: float, high: float) -> float:
        """In dB, of the range from `low` to `high`."""
        if not self._squares or high == low:
            return math.inf
        return 10 * math.log10((high - low) ** 2 * self._count / self._squares)

    def text(self, bounds: tuple[float, float]) -> str:
        """One line: largest difference and PSNR of the range."""
        return f"largest difference {self.largest:.6g}, PSNR {self.psnr(*bounds):.2f} dB of the range"
