"""Monotone piecewise cubic interpolation (PCHIP): its values, and its mean over an interval, exactly.

F. N. Fritsch, J. Butland: A method for constructing local monotone piecewise cubic interpolants, SIAM J. Sci.
Stat. Comput. 5 (1984); at both ends the three-point formula of C. Moler's `pchiptx`. What SciPy's
`PchipInterpolator` does, without SciPy: the core has no use for the rest of it.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


def values(x: Sequence[float], y: Sequence[float], places: Sequence[float]) -> list[float]:
    """The curve through the points (x, y) at `places`.   x: two values at least, which rise; within them."""
    curve = _Curve(x, y)
    return [float(value) for value in curve.values(np.asarray(places, np.float64))]


def mean(x: Sequence[float], y: Sequence[float], low: float, high: float) -> float:
    """The mean over low … high of the curve through the points (x, y).

    x: two values at least, which rise; low < high lie within them.
    """
    ends = np.clip([low, high], x[0], x[-1])
    first, last = _Curve(x, y).integrals(ends)
    return float((last - first) / (ends[1] - ends[0]))


class _Curve:
    """Each piece as a polynomial in the distance from its left end."""

    def __init__(self, x: Sequence[float], y: Sequence[float]) -> None:
        self.x, self.y = np.asarray(x, np.float64), np.asarray(y, np.float64)
        self.step = np.diff(self.x)
        secant = np.diff(self.y) / self.step
        self.slope = slope = _slopes(self.step, secant)
        self.square = (3 * secant - 2 * slope[:-1] - slope[1:]) / self.step
        self.cube = (slope[:-1] + slope[1:] - 2 * secant) / self.step**2

    def values(self, places: Values) -> Values:
        piece = self._piece_of(places)
        distance = places - self.x[piece]
        terms = self.y[piece], self.slope[piece], self.square[piece], self.cube[piece]
        return terms[0] + distance * (terms[1] + distance * (terms[2] + distance * terms[3]))

    def integrals(self, ends: Values) -> Values:
        """From x[0] to each of `ends`."""
        before = np.concatenate([[0.0], np.cumsum(self._within(np.arange(len(self.step)), self.step))])
        piece = self._piece_of(ends)
        return before[piece] + self._within(piece, ends - self.x[piece])

    def _within(self, piece: NDArray[np.intp], distance: Values) -> Values:
        terms = self.y[piece], self.slope[piece] / 2, self.square[piece] / 3, self.cube[piece] / 4
        return distance * (terms[0] + distance * (terms[1] + distance * (terms[2] + distance * terms[3])))

    def _piece_of(self, places: Values) -> NDArray[np.intp]:
        return np.clip(np.searchsorted(self.x, places, side="right") - 1, 0, len(self.step) - 1)


def _slopes(step: Values, secant: Values) -> Values:
    """The derivative at each point: a weighted harmonic mean of the secants, 0 where they differ in sign."""
    if len(step) == 1:
        return np.repeat(secant, 2)
    left, right = secant[:-1], secant[1:]
    same = left * right > 0
    weights = 2 * step[1:] + step[:-1], step[1:] + 2 * step[:-1]
    inner = np.zeros(len(left))
    inner[same] = (weights[0] + weights[1])[same] / (
        weights[0][same] / left[same] + weights[1][same] / right[same]
    )
    ends = _end(step[0], step[1], secant[0], secant[1]), _end(step[-1], step[-2], secant[-1], secant[-2])
    return np.concatenate([[ends[0]], inner, [ends[1]]])


def _end(step: float, following: float, secant: float, next_secant: float) -> float:
    """The derivative at an end, of the parabola through three points, kept from overshooting."""
    slope = ((2 * step + following) * secant - step * next_secant) / (step + following)
    if slope * secant <= 0:
        return 0.0
    return 3 * secant if secant * next_secant < 0 and abs(slope) > abs(3 * secant) else slope
