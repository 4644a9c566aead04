"""The frames of a source without an end: read ahead, until it ends or breaks, or somebody stops it."""

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..media import stalled
from ..media.sequence import Frame, Sequence
from ..system.threads import prefetch
from .sequence_header import check_shape

# Frames that a source may be ahead.
_AHEAD = 4


def lost_tracks(sequence: Sequence) -> tuple[str, ...]:
    """A note where a file has sound or subtitles and what is made of it cannot keep them."""
    with tempfile.TemporaryFile() as spool, contextlib.suppress(InputError):
        if sequence.write_tracks(spool):
            return ("sound and subtitles left out: they are kept of whole files, not by --forget",)
    return ()


class Intake:
    """The frames of a sequence, read ahead, until it ends or breaks, a limit is reached or somebody stops it.

    ended: "source", "limit" or "signal", once it has.   problem: what broke the source, silence longer than
    its timeout too; it ends the frames and is for the caller to raise, after what came before is safe.
    """

    def __init__(
        self,
        sequence: Sequence,
        frames: int | None,
        duration: float | None,
        stopping: Callable[[], bool],
    ) -> None:
        self._sequence = sequence
        self._frames = frames
        self._ticks = None if duration is None else duration / float(sequence.info.time_base)
        self._stopping = stopping
        self._asked = 0.0
        self.ended = "source"
        self.problem: Exception | None = None

    def __iter__(self) -> Iterator[Frame]:
        first: int | None = None
        self._asked = time.monotonic()
        try:
            for count, frame in enumerate(prefetch(self._sequence, _AHEAD, stopping=self._over)):
                first = frame.time if first is None else first
                if count == self._frames or (self._ticks is not None and frame.time - first >= self._ticks):
                    self.ended = "limit"
                    return
                check_shape(self._sequence, frame.pixels[None])
                # Pillow's arrays are read-only, which torch warns of.
                yield frame._replace(pixels=np.require(frame.pixels, requirements="W"))
                self._asked = time.monotonic()
        except Exception as error:
            self.problem = error
            return
        if self._stopping():
            self.ended = "signal"

    def _over(self) -> bool:
        """Whether to wait no longer; asked while there is no frame."""
        timeout = self._sequence.timeout
        if timeout is not None and time.monotonic() - self._asked > timeout:
            raise stalled(self._sequence.name, timeout)
        return self._stopping()

    def told(self, output: Path, frames: int) -> Exception:
        """`problem`, with what came of the frames before it."""
        assert self.problem is not None
        kept = f"the {frames:,} frames before are in {output}"
        if isinstance(self.problem, InputError):
            return InputError(f"{self.problem}; {kept}")
        # Not ours: what a program's own frames raised goes back to it as it is.
        self.problem.add_note(f"imfn: {kept}")
        return self.problem
