"""How hard an encoder of an adaptive forest tries: time for bytes."""

from typing import NamedTuple

from ... import defaults
from .kernels.block_search import Thresholds


class Effort(NamedTuple):
    """tries: candidates of a block that are coded in full to compare them.

    thresholds: what is not tried.   windows: whether windows longer than a frame are looked at, which takes
    half as long again.
    """

    tries: int
    thresholds: Thresholds
    windows: bool


# The thorough ones take half as long again, for 1.7% fewer bits.
_QUICK = Thresholds(
    early=0.01, good=0.02, good_bits=2.0, far=1.25, far_bits=8.0, split=1.02, poor=0.04, poor_bits=12.0
)
_THOROUGH = Thresholds(
    early=0.003, good=0.004, good_bits=1.0, far=2.0, far_bits=16.0, split=1.2, poor=0.02, poor_bits=6.0
)
_EFFORTS = {1: Effort(1, _QUICK, False), 2: Effort(3, _THOROUGH, False), 3: Effort(5, _THOROUGH, True)}


def effort_of(number: int = defaults.EFFORT) -> Effort:
    """Effort 1, 2 or 3. Raises ValueError for others."""
    if number not in _EFFORTS:
        raise ValueError(f"effort {number}: must be 1, 2 or 3")
    return _EFFORTS[number]
