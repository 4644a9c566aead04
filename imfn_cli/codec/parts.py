"""A long sequence in parts that are coded apart, by whoever has time, and joined without coding again."""

import math
from collections.abc import Iterator
from itertools import islice

from ..media.sequence import Frame, Sequence
from ..zoo import Model
from .synthesis import batch_frames
from .target.sample import gop_size


def part_unit(model: Model, sequence: Sequence, ratio: int | str, gop: int) -> int:
    """Frames of which a part has to be a multiple, so that its nodes are those of the whole sequence."""
    unit = gop_size(model, sequence.info, ratio, gop)
    if isinstance(ratio, str):
        return unit
    # The network's rounding may depend on which frames go through it together.
    return math.lcm(unit, batch_frames(sequence.info.height, sequence.info.width))


class Section(Sequence):
    """Frames start … stop − 1 of a sequence, shown when they are shown in it; without its sound."""

    def __init__(self, whole: Sequence, start: int, stop: int) -> None:
        super().__init__(whole.name, whole.info)
        self.frames = 0
        """Frames in the latest iteration."""

        self._whole, self._start, self._stop = whole, start, stop

    def __iter__(self) -> Iterator[Frame]:
        self.frames = 0
        for frame in islice(self._whole.after(self._start), self._stop - self._start):
            self.frames += 1
            yield frame
        self.warnings = self._whole.warnings

    def close(self) -> None:
        self._whole.close()
