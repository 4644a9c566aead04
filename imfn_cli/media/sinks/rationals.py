"""Fractions as FFmpeg holds them."""

from fractions import Fraction

_LARGEST = (1 << 31) - 1


def rational(value: Fraction) -> Fraction:
    """The nearest to a positive `value` of two numbers from 1 to 2^31 − 1."""
    if value > 1:
        return 1 / rational(1 / value)
    return max(value.limit_denominator(_LARGEST), Fraction(1, _LARGEST))
