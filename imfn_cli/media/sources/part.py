"""Some of the frames of a sequence that can only be read from its beginning."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from ..selection import check_selection, nothing_selected, selected_count
from ..sequence import Frame, Sequence


class Part(Sequence):
    """Frames start … stop − 1 of another sequence; with start > 0 times count from the first of them."""

    def __init__(self, whole: Sequence, start: int, stop: int | None) -> None:
        """Raises `InputError` unless 0 <= start < stop."""
        check_selection(whole.name, start, stop)
        count = selected_count(whole.info.frame_count, start, stop)
        super().__init__(whole.name, replace(whole.info, frame_count=count))
        self.timeout, self.warnings = whole.timeout, whole.warnings
        self._whole, self._start, self._stop = whole, start, stop

    def __iter__(self) -> Iterator[Frame]:
        before = count = 0
        origin: int | None = None
        for frame in islice(self._whole, self._stop):
            if before < self._start:
                before += 1
                continue
            if origin is None:
                origin = frame.time if self._start else 0
            count += 1
            yield frame._replace(time=frame.time - origin)
        if not count:
            raise nothing_selected(self.name, before, self._start)

    def close(self) -> None:
        self._whole.close()
