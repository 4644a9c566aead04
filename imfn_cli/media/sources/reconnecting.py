"""An address that is opened again when it is lost: frames go on, with the gap in their times."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING

from ...errors import InputError
from ..sequence import DEFAULT_RATE, Frame, Sequence

if TYPE_CHECKING:
    from .live import LiveVideo

# Seconds before the first attempt, and at most from one to the next.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 2.0
# Frames by whose arrival the latest one is dated: what a decoder holds back comes after the silence.
_LOOKED_AT = 32


class Reconnecting(Sequence):
    """The frames of a live source, of all its connections one after another; to be iterated once.

    A loss is an error, silence, or an end, unless the source says how long it is: that is a file, and its end
    the end. Times go on from the latest frame by the seconds that passed, as a clock says that nobody sets.

    Iterating raises `InputError` where the source is not back in time after an error; after an end it ends.
    """

    def __init__(
        self,
        first: "LiveVideo",
        connect: "Callable[[float, LiveVideo], LiveVideo]",
        seconds: float,
        told: Callable[[str], None],
    ) -> None:
        """connect: opens the source again, within so many seconds, with frames like those of the first
        connection; raises `InputError`.   seconds: how long after a loss that is tried.   told: is called
        with a line for each loss, by the thread that iterates.
        """
        super().__init__(first.name, first.info)
        # By then the source itself has said that it is lost, if it sends nothing at all.
        self.timeout = None if first.timeout is None else first.timeout + seconds + 1
        self._first = first
        self._connect = connect
        self._seconds = seconds
        self._told = told
        self._closed = threading.Event()

    def __iter__(self) -> Iterator[Frame]:
        base = self.info.time_base
        step = max(1, round(1 / ((self.info.frame_rate or DEFAULT_RATE) * base)))
        connection: LiveVideo | None = self._first
        latest, lags = 0, deque[float](maxlen=_LOOKED_AT)
        while connection is not None:
            scale, lost = connection.info.time_base / base, None
            dropped = self.dropped
            shift = None if self.reconnects else 0
            try:
                with closing(connection.frames()) as frames:
                    for frame in frames:
                        now = time.monotonic()
                        ticks = round(frame.time * scale)
                        if shift is None:
                            away = now - min(lags) - latest * float(base)
                            shift = latest + max(step, round(away / float(base))) - ticks
                            lags.clear()
                        # Ticks of another length may fall on one another.
                        latest = max(latest + 1, ticks + shift) if lags or self.reconnects else ticks + shift
                        lags.append(now - latest * float(base))
                        self.dropped = dropped + connection.dropped
                        yield frame._replace(time=latest)
            except InputError as error:
                lost = error
            finally:
                self.warnings.extend(connection.warnings)
            connection = None if connection.whole else self._again(lost)
            if connection is None and lost is not None:
                tried = "" if self._first.whole else f"; it was not back within {self._seconds:g} s"
                raise InputError(f"{lost}{tried}") from lost

    def _again(self, lost: InputError | None) -> "LiveVideo | None":
        """The next connection; None where there is none in time, or nobody wants it any more."""
        problem = f"{self.name}: the source ended" if lost is None else str(lost)
        self._told(f"{problem}; opening it again for up to {self._seconds:g} s")
        until, pause = time.monotonic() + self._seconds, _FIRST_PAUSE
        while not self._closed.wait(min(pause, max(0.0, until - time.monotonic()))):
            left = until - time.monotonic()
            if left <= 0:
                return None
            try:
                found = self._connect(left, self._first)
            except InputError:
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                self.reconnects += 1
                return found
        return None

    def close(self) -> None:
        """Try no more; close the source unless iteration has begun, which closes it at its end."""
        self._closed.set()
        self._first.close()
