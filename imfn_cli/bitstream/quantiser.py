"""Quality to quantisation step."""


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
