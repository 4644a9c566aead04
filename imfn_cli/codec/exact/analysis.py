"""The first look at an array: its range, and how its samples are whole numbers."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...bitstream.exact.group import MOST_BITS
from .samples import SampleMap, centred, ordered

Array = NDArray[Any]
# A float within an error is a multiple of at most this part of it, so that hardly any of it is lost.
_FINEST_PART = 128
# Floats whose multiples take more bits than this are coded by their patterns.
_MANTISSA = 52


@dataclass
class Findings:
    """What is known of the samples seen so far.

    low, high: of the finite ones, as samples; None: there are none.
    first, last: the same as `ordered` numbers.   exponent: the largest power of two of which all floats are
    multiples; None where they are none of any, or of no matter.
    """

    dtype: np.dtype[Any]
    low: float | int | None = None
    high: float | int | None = None
    first: int = 0
    last: int = 0
    exponent: int | None = None
    exact: bool = True

    def add(self, samples: Array) -> None:
        """Look at more samples."""
        finite = samples
        if self.dtype.kind == "f":
            finite = samples[np.isfinite(samples)]
            self._multiples(finite)
        if finite.size == 0:
            return
        low, high = finite.min(), finite.max()
        first, last = ordered(np.array([low, high], self.dtype)).tolist()
        if self.low is None or self.high is None:
            self.low, self.high, self.first, self.last = low.item(), high.item(), first, last
            return
        self.low, self.high = min(self.low, low.item()), max(self.high, high.item())
        self.first, self.last = min(self.first, first), max(self.last, last)

    def _multiples(self, finite: Array) -> None:
        """Find the exponent of which these are multiples too."""
        values = finite[finite != 0].astype(np.float64)
        if not self.exact or values.size == 0:
            return
        if self.exponent is None:
            self.exponent = _exponent_of(values[:64])
        scaled = _scaled_up(values, -self.exponent)
        broken = scaled != np.rint(scaled)
        if broken.any():
            self.exponent = min(self.exponent, _exponent_of(values[broken]))
            scaled = _scaled_up(values, -self.exponent)
        if np.abs(scaled).max() >= 1 << (MOST_BITS - 3):
            self.exact = False


def _scaled_up(values: Array, exponent: int) -> Array:
    """values · 2^exponent; infinity, which is too large anyway, where no float is."""
    with np.errstate(over="ignore"):
        return np.ldexp(values, exponent)


def _exponent_of(values: Array) -> int:
    """The largest power of two of which all these floats, none zero, are multiples."""
    mantissa, exponents = np.frexp(values)
    whole = np.ldexp(mantissa, 53).astype(np.int64)
    zeros = np.frexp((whole & -whole).astype(np.float64))[1] - 1
    return int((exponents - 53 + zeros).min())


def look(dtype: np.dtype[Any], parts: Iterable[Array]) -> Findings:
    """Look at all of an array, part by part."""
    findings = Findings(dtype)
    for part in parts:
        findings.add(part)
    return findings


def sample_map(found: Findings, max_error: float) -> tuple[SampleMap, float]:
    """How samples become whole numbers, and the error that is left: at most `max_error`."""
    dtype = found.dtype
    make: Callable[..., SampleMap] = lambda *fields: SampleMap(dtype, *fields)  # noqa: E731
    if dtype.kind != "f":
        steps = min(math.floor(max_error), 1 << (MOST_BITS - 4))
        low_bits, base, limits = centred(found.first, found.last)
        if low_bits:
            # Too wide for differences of the last bits to matter to prediction, and they are stored anyway.
            steps = 0
        return make("integer", 0, low_bits, base, limits, steps), float(steps)
    if found.low is None or found.high is None:
        return make("pattern", 0, 0, 0, (0, 0), 0), 0.0
    largest = max(abs(found.low), abs(found.high))
    if max_error > 0:
        exponent = math.frexp(max_error / _FINEST_PART)[1] - 1
        fits = largest < math.ldexp(1.0, min(1000, exponent + _MANTISSA))
        narrow = found.high - found.low < math.ldexp(1.0, min(1000, exponent + MOST_BITS - 4))
        if fits and narrow and max_error > float(np.spacing(np.array(largest, dtype))) / 2:
            _, base, limits = _scaled(found, exponent)
            steps = math.floor(math.ldexp(max_error, -exponent) - 0.5)
            return make("scaled", exponent, 0, base, limits, steps), max_error
    if found.exact:
        exponent = found.exponent or 0
        _, base, limits = _scaled(found, exponent)
        return make("scaled", exponent, 0, base, limits, 0), 0.0
    low_bits, base, limits = centred(found.first, found.last)
    return make("pattern", 0, low_bits, base, limits, 0), 0.0


def _scaled(found: Findings, exponent: int) -> tuple[int, int, tuple[int, int]]:
    assert found.low is not None
    assert found.high is not None
    low, high = (round(math.ldexp(end, -exponent)) for end in (found.low, found.high))
    return centred(low, high)
