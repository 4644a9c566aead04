"""Times that are spread evenly over a stretch, without a number in memory for each."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    """Times number first + 1 … first + count of `of` that lie evenly between two others, in whole ticks.

    start, end: the times before and after all of them.
    """

    start: int
    end: int
    of: int
    first: int
    count: int

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> int:
        """Raises IndexError."""
        number = range(self.first + 1, self.first + self.count + 1)[index]
        return self.start + (self.end - self.start) * number // (self.of + 1)

    def __iter__(self) -> Iterator[int]:
        return (self[index] for index in range(self.count))

    @property
    def plain(self) -> "range | Spread":
        """The same, as a range where all ticks between them are alike."""
        tick, rest = divmod(self.end - self.start, self.of + 1)
        if rest:
            return self
        begin = self.start + tick * (self.first + 1)
        return range(begin, begin + tick * self.count, tick)
