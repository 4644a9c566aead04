"""How hard an encoder of an adaptive forest tries: time for bytes."""

from typing import NamedTuple

from ... import defaults


class Effort(NamedTuple):
    """tries: candidates of a block that are coded in full to compare them.

    windows: whether windows longer than a frame are looked at, which takes half as long again.
    """

    tries: int
    windows: bool


_EFFORTS = {1: Effort(1, False), 2: Effort(3, False), 3: Effort(5, True)}


def effort_of(number: int = defaults.EFFORT) -> Effort:
    """Effort 1, 2 or 3. Raises ValueError for others."""
    if number not in _EFFORTS:
        raise ValueError(f"effort {number}: must be 1, 2 or 3")
    return _EFFORTS[number]
