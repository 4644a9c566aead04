"""Quality to quantisation step."""

#: The qualities that `-q` takes.
QUALITIES = range(101)


def step_of_quality(quality: int) -> float:
    """Quantisation step of the memories' numbers, in units of the pixels' range [0, 1].

    100 is one 8-bit level; every 10 below doubles it, to 1024 levels at 0. The same step at every level of
    the tree puts all nodes of a forest on one slope of rate against distortion. Raises `ValueError` outside
    0 … 100.
    """
    if quality not in QUALITIES:
        raise ValueError(f"quality {quality}: must be a whole number from 0 to 100")
    return float(2.0 ** ((100 - quality) / 10) / 255)
