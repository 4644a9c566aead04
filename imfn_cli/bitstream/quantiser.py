"""Quality to quantisation step."""

from functools import lru_cache

# The finest step there is, in tenths of a quality.
_FINEST = 1100
# Bits of a power of two's fraction.
_POWER = 20


def checked_quality(quality: float) -> float:
    """A quality as files hold it: an int, or a float of one decimal.

    Raises `ValueError` outside 0 … 100, and between two tenths.
    """
    if not 0 <= quality <= 100 or abs(quality * 10 - round(quality * 10)) > 1e-6:
        raise ValueError(f"quality {quality}: must be a number from 0 to 100, with one decimal at most")
    whole, tenths = divmod(round(quality * 10), 10)
    return (10 * whole + tenths) / 10 if tenths else whole


def tenths_of_quality(quality: float) -> int:
    """0 … 1000: what exact arithmetic takes. Raises `ValueError` as `checked_quality` does."""
    return round(checked_quality(quality) * 10)


def step_of_quality(quality: float) -> float:
    """Quantisation step of the memories' numbers, in units of the pixels' range [0, 1].

    100 is one 8-bit level; every 10 below doubles it, to 1024 levels at 0. The same step at every level of
    the tree puts all nodes of a forest on one slope of rate against distortion. Raises `ValueError` as
    `checked_quality` does.
    """
    return float(2.0 ** ((1000 - tenths_of_quality(quality)) / 100) / 255)


def whole_step(tenths: int, unit: int) -> int:
    """The same step in 1/`unit` grey levels, to the nearest, by whole numbers alone; at least 1.

    tenths: of a quality, 0 … 1100; above 1000 it is finer than a grey level.
    """
    doublings, hundredths = divmod(_FINEST - tenths, 100)
    step = _power_of_two(hundredths) * unit << doublings
    below = 1 << (_POWER + (_FINEST - 1000) // 100)
    return max(1, (step + below // 2) // below)


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
