"""Which setting of a compressor of arrays meets a PSNR: the smallest bytes, by a search over its one knob."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from . import array_x265
from .array_peers import Decode, Encode, distances, from_distances, from_levels, levels

Array = NDArray[Any]
Found = TypeVar("Found")
# A PSNR that is met this closely ends the search; so many encodes at most, with those at both ends.
_NEAR, _TRIES = 0.1, 12


@dataclass(frozen=True)
class Knob:
    """A lossy setting. best, worst: ends of its range.   encode, decode: as a peer's, with its value."""

    best: float
    worst: float
    encode: Encode
    decode: Decode


#: Codecs that lose as much as a setting says; of others it is the largest error.
KNOBS: dict[str, Knob] = {
    "jxl": Knob(0.01, 15, distances, from_distances),
    "j2k": Knob(-140, -20, levels, from_levels),
    "x265": Knob(0, 51, array_x265.lossy, array_x265.from_lossy),
}


def range_psnr(array: Array, restored: Array) -> float:
    """PSNR in dB, of the range of the array; infinite where nothing differs."""
    wide = array.astype(np.float64)
    error = float(np.square(wide - restored.astype(np.float64)).mean())
    width = float(wide.max() - wide.min()) or 1.0
    return math.inf if error == 0 else 10 * math.log10(width * width / error)


def search(
    best: float, worst: float, target: float, attempt: Callable[[float], tuple[float, Found]]
) -> Found | None:
    """What an attempt with the worst setting that meets a target found; None where the best one does not.

    attempt: a setting → PSNR, which falls from best to worst, and what to keep.
    """
    high_psnr, found = attempt(best)
    if high_psnr < target:
        return None
    low, low_psnr = worst, attempt(worst)
    if low_psnr[0] >= target:
        return low_psnr[1]
    high, under = best, low_psnr[0]
    for tried in range(_TRIES - 2):
        if high_psnr < target + _NEAR:
            break
        # Where the line between both ends meets the target; every other time the middle, which closes in.
        part = (high_psnr - target) / (high_psnr - under) if tried % 2 and math.isfinite(high_psnr) else 0.5
        at = high + (low - high) * min(0.95, max(0.05, part))
        psnr, kept = attempt(at)
        if psnr >= target:
            high, high_psnr, found = at, psnr, kept
        else:
            low, under = at, psnr
    return found
