"""The time of a whole run: what is spent, what is left, and how long a stage may take."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field


def never() -> bool:
    """Whether a stage's time is over, where there is no limit."""
    return False


@dataclass
class Budget:
    """Seconds for a run, from its first stage to its files.

    limit: in all; None: as many as it takes.   before: spent by processes that were interrupted.
    clock: what tells the seconds.   began: when this process began, by that clock.
    """

    limit: float | None = None
    before: float = 0.0
    clock: Callable[[], float] = time.monotonic
    began: float = field(default=math.nan)

    def __post_init__(self) -> None:
        if math.isnan(self.began):
            self.began = self.clock()

    @property
    def spent(self) -> float:
        """Seconds so far, those of interrupted processes included."""
        return self.before + self.clock() - self.began

    @property
    def left(self) -> float:
        """Seconds until the limit, infinite without one; below zero behind it."""
        return math.inf if self.limit is None else self.limit - self.spent

    def part(self, share: float) -> float:
        """That share of the limit, in seconds, but no more than is left; infinite without a limit."""
        return math.inf if self.limit is None else max(0.0, min(share * self.limit, self.left))

    def over(self, share: float) -> Callable[[], bool]:
        """A function that says whether a stage that begins now has had its share of the limit."""
        if self.limit is None:
            return never
        end = self.clock() + self.part(share)
        return lambda: self.clock() >= end
