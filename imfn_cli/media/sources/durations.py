"""From how long each picture is shown to when."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate

#: How long browsers show a picture of an animation that states no duration, in milliseconds.
UNSTATED_DURATION = 100


def times_of(durations: Sequence[int]) -> list[int]:
    """When each picture begins, and when the last one ends, in ticks from the first on."""
    return list(accumulate(durations, initial=0))


def steady_rate(durations: Sequence[int], time_base: Fraction) -> Fraction | None:
    """Pictures a second, where all are shown equally long; else None. time_base: seconds in a tick."""
    return 1 / (durations[0] * time_base) if len(set(durations)) == 1 else None
