"""How far samples may be from what they were: none, so much, a part of their range, or as a quality says."""

import math
import re
from dataclasses import dataclass

from ...bitstream.quantiser import step_of_quality

_PERCENT = re.compile(r"([0-9.eE+-]+)\s*%")
# Most errors are far smaller than the largest one, so that a quality looks about as it does of a video.
_PARTS_OF_STEP = 4


@dataclass(frozen=True)
class Tolerance:
    """absolute: in the samples' unit; relative: a part of their range.   quality: 0 … 100, in their place."""

    absolute: float | None = None
    relative: float | None = None
    quality: float | None = None

    @classmethod
    def parse(cls, text: "str | float") -> "Tolerance":
        """'0.5', or '1%' of the range. Raises ValueError."""
        match = _PERCENT.fullmatch(text.strip()) if isinstance(text, str) else None
        try:
            value = float(match.group(1) if match else text)
        except ValueError:
            raise ValueError(f"{text!r} is no error; write 0.5, or 1% for a part of the range") from None
        if not 0 <= value < math.inf or (match and value > 100):
            raise ValueError(f"{text!r} is no error; write a number from 0, or 0% to 100% of the range")
        return cls(relative=value / 100) if match else cls(absolute=value)

    @classmethod
    def exact(cls) -> "Tolerance":
        """None at all."""
        return cls(absolute=0.0)

    @property
    def lossless(self) -> bool:
        """Whether samples have to come back as they were."""
        return self.absolute == 0 or self.relative == 0

    def of_range(self, low: float | None, high: float | None) -> float:
        """The largest error of samples from `low` to `high`."""
        if self.absolute is not None:
            return self.absolute
        width = 0.0 if low is None or high is None else min(float(high) - float(low), 1.7e308)
        if self.relative is not None:
            return self.relative * width
        assert self.quality is not None
        return width * step_of_quality(self.quality) / _PARTS_OF_STEP
