"""In what order a group's channels are coded, and which of them as differences to others."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class ChannelPlan:
    """order: channels as they are coded.   references: for each channel, by its number, another one that
    comes before it in the order and is taken off it; None: the channel is coded as it is.
    """

    order: tuple[int, ...]
    references: tuple[int | None, ...]

    @classmethod
    def plain(cls, channels: int) -> "ChannelPlan":
        """All channels as they are, in their order."""
        return cls(tuple(range(channels)), (None,) * channels)

    @property
    def differs(self) -> bool:
        """Whether any channel is a difference."""
        return any(one is not None for one in self.references)

    def followers(self, channel: int) -> list[int]:
        """Channels that a channel is taken off."""
        return [one for one, reference in enumerate(self.references) if reference == channel]

    def limits(self, limits: tuple[int, int]) -> tuple[int, int]:
        """Those of all numbers that are coded, given those of samples."""
        return difference_limits(limits) if self.differs else limits

    def subtracted(self, samples: Integers) -> Integers:
        """Samples (…, C) with each reference taken off; a copy."""
        found = samples.copy()
        for channel, reference in enumerate(self.references):
            if reference is not None:
                found[..., channel] -= samples[..., reference]
        return found

    def add(self, differences: Integers) -> None:
        """Make what `subtracted` gave samples again, in place."""
        for channel in self.order:
            reference = self.references[channel]
            if reference is not None:
                differences[..., channel] += differences[..., reference]

    def to_bytes(self) -> bytes:
        """For each channel in the order: u8 channel, u8 reference + 1, or 0."""
        pairs = [(one, self.references[one]) for one in self.order]
        return bytes(number for one, other in pairs for number in (one, 0 if other is None else other + 1))

    @classmethod
    def from_bytes(cls, data: bytes, channels: int) -> "ChannelPlan":
        """What `to_bytes` gave. Raises ValueError where it is no plan for so many channels."""
        order, others = tuple(data[: 2 * channels : 2]), data[1 : 2 * channels : 2]
        if len(others) < channels or sorted(order) != list(range(channels)):
            raise ValueError("its channels are in no order")
        references: list[int | None] = [None] * channels
        for place, (channel, other) in enumerate(zip(order, others, strict=True)):
            if other and other - 1 not in order[:place]:
                raise ValueError("a channel is taken off one that comes before it")
            references[channel] = other - 1 if other else None
        return cls(order, tuple(references))


def difference_limits(limits: tuple[int, int]) -> tuple[int, int]:
    """Of samples and of their differences, given those of samples."""
    width = limits[1] - limits[0]
    return min(limits[0], -width), max(limits[1], width)
