"""Types that the functions of the API share."""

from collections.abc import Callable

#: Called as work goes on: (done so far, in all or None where that is not known).
Progress = Callable[[int, int | None], None]
#: Frames start … stop − 1, counted from 0; a stop of None means the end.
Selection = tuple[int, int | None]
