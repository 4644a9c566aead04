"""Monotone piecewise cubic interpolation (PCHIP), and its mean over an interval, exactly.

F. N. Fritsch, J. Butland: A method for constructing local monotone piecewise cubic interpolants, SIAM J. Sci.
Stat. Comput. 5 (1984); at both ends the three-point formula of C. Moler's `pchiptx`. What SciPy's
`PchipInterpolator` does, without SciPy: the core has no use for the rest of it.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


def mean(x: Sequence[float], y: Sequence[float], low: float, high: float) -> float:
    """The mean over low … high of the curve through the points (x, y).

    x: two values at least, which rise; low < high lie within them.
    """
    knots, values = np.asarray(x, np.float64), np.asarray(y, np.float64)
    ends = np.clip([low, high], knots[0], knots[-1])
    first, last = _integrals(knots, values, ends)
    return float((last - first) / (ends[1] - ends[0]))


def _integrals(x: Values, y: Values, ends: Values) -> Values:
    """The integral from x[0] to each of `ends`."""
    step = np.diff(x)
    secant = np.diff(y) / step
    slope = _slopes(step, secant)
    # Each piece as a polynomial in the distance from its left end.
    square = (3 * secant - 2 * slope[:-1] - slope[1:]) / step
    cube = (slope[:-1] + slope[1:] - 2 * secant) / step**2

    def within(piece: NDArray[np.intp], distance: Values) -> Values:
        terms = y[piece], slope[piece] / 2, square[piece] / 3, cube[piece] / 4
        return distance * (terms[0] + distance * (terms[1] + distance * (terms[2] + distance * terms[3])))

    before = np.concatenate([[0.0], np.cumsum(within(np.arange(len(step)), step))])
    piece = np.clip(np.searchsorted(x, ends, side="right") - 1, 0, len(step) - 1)
    return before[piece] + within(piece, ends - x[piece])


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
