"""What all writers of frames share: checks, the temporary file, its removal after a failure."""

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import numpy as np

from ...errors import OutputError
from ...system.files import check_output, checked_target
from ...system.work_file import WorkFile, work_on
from ..pixels import with_alpha
from ..problems import writing
from ..sequence import SequenceInfo
from ..tracks import OutgoingTracks

#: The path of a writer to standard output, which is there already and keeps what it got.
STDOUT = Path("stdout")


class FrameWriter(ABC):
    """Writes frames one by one; a context manager.

    The output appears under its name when the block ends without an exception. After one, nothing is left.
    """

    tracks: OutgoingTracks | None = None
    """Sound and subtitles that go out with the frames, set before the block begins."""

    told: Mapping[str, Any] | None = None
    """By name, what the frames depend on, set before the block begins, so that another run can go on."""

    resume = False
    """Whether to go on where a run that was told the same was interrupted, set before the block begins."""

    done = 0
    """Frames that such a run has written, known once the block has begun: `write` takes those after them."""

    holds_alpha = False
    """Whether the format has a place for an alpha channel."""

    work: WorkFile | None = None
    """Of the output, in the block; None where it goes to standard output."""

    def __init__(self, path: Path, info: SequenceInfo, *, force: bool = False) -> None:
        """Raises `OutputError` if nothing may be written at `path`."""
        self.path = path
        self.info = info
        self.notes: list[str] = []
        """What the output could not hold, once the block has ended; one line each."""

        self._force = force
        self._shape = (info.height, info.width, info.channels)
        self.keeps_alpha = info.alpha and self.holds_alpha
        self._count = 0
        self._latest: int | None = None
        self._check()

    def write(self, pixels: np.ndarray, time: int, alpha: np.ndarray | None = None) -> None:
        """Add a frame: uint8 (H, W, C) as `info` says, shown at `time` ticks of `info.time_base`.

        alpha: uint8 (H, W), None where the frame is opaque; `pixels` are composited on black.

        Raises `OutputError` if it cannot be written, ValueError if the shape differs or the time is not after
        that of the frame before.
        """
        if pixels.shape != self._shape or pixels.dtype != np.uint8:
            raise ValueError(f"expected uint8 of shape {self._shape}, got {pixels.dtype} of {pixels.shape}")
        if self._latest is not None and time <= self._latest:
            raise ValueError(f"frame at {time} ticks after the one at {self._latest}; times must increase")
        with writing(str(self.path)):
            stored = with_alpha(pixels, alpha) if self.keeps_alpha else np.ascontiguousarray(pixels)
            self._write(stored, time)
        self._latest = time
        self._count += 1

    def __enter__(self) -> Self:
        with writing(str(self.path)), contextlib.ExitStack() as stack:
            temporary = stack.enter_context(self._target())
            stack.callback(self._release)
            self._begin(temporary)
            if self.tracks is not None:
                self.notes.extend(self._begin_tracks(self.tracks))
            if self.info.alpha and not self.keeps_alpha:
                self.notes.append(
                    "alpha left out, composited on black: this format holds none; "
                    "images, .mkv, .npy and .tif do"
                )
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._stack.__exit__(kind, error, trace)
            return
        with writing(str(self.path)), self._stack:
            if self._count == 0:
                raise OutputError(f"{self.path}: there is no frame to write")
            self._finish()

    def _check(self) -> None:
        if self.path is not STDOUT:
            check_output(self.path, force=self._force)

    @contextlib.contextmanager
    def _target(self) -> Iterator[Path]:
        """The temporary path that is written to, moved into place at the end."""
        if self.path is STDOUT:
            yield STDOUT
            return
        target = checked_target(self.path, force=self._force)
        with work_on(target, self.told, resume=self.resume) as self.work:
            yield self.work.part
            # Checked again: somebody may have made the file while we worked.
            check_output(target, force=self._force)
            self.work.about_to_appear()
            self.work.part.replace(target)

    @property
    def _goes_on(self) -> bool:
        """Whether an interrupted run has left something."""
        return self.work is not None and self.work.found

    @abstractmethod
    def _begin(self, temporary: Path) -> None:
        """Open the output, before the first frame."""

    def _begin_tracks(self, tracks: OutgoingTracks) -> list[str]:
        """Take the tracks in, after `_begin`; a line for each that the output cannot hold."""
        return [f"{tracks} left out: this format holds none; .mp4 and .mkv do"]

    @abstractmethod
    def _write(self, pixels: np.ndarray, time: int) -> None:
        """Write a frame that has been checked; C-contiguous, alpha in a channel of its own if it is kept."""

    @abstractmethod
    def _finish(self) -> None:
        """Complete the file and close it."""

    @abstractmethod
    def _release(self) -> None:
        """Close what is open, also after a failure. Must not raise; called after `_finish` as well."""


class FileWriter(FrameWriter):
    """A writer of one file, byte by byte: whatever ends it, what is there is the beginning of the file."""

    _file: BinaryIO | None = None

    def _begin(self, temporary: Path) -> None:
        if self.work is not None:
            self.work.keeps_part = True
        going_on = self._goes_on and temporary.exists()
        self._file = temporary.open("r+b" if going_on else "w+b")
        if going_on and (kept := self._whole_frames(self._file)) is not None:
            self.done = self._count = kept[0]
            self._file.seek(kept[1])
        else:
            self._file.seek(0)
            self._start()
        self._file.truncate()

    @abstractmethod
    def _start(self) -> None:
        """Write what stands before the first frame."""

    @abstractmethod
    def _whole_frames(self, file: BinaryIO) -> tuple[int, int] | None:
        """Frames that an interrupted run has written, but for the last, and where they end; None: none."""

    @property
    def _output(self) -> BinaryIO:
        assert self._file is not None  # between _begin and _finish
        return self._file

    def _finish(self) -> None:
        self._output.close()
        self._file = None

    def _release(self) -> None:
        if self._file is not None:
            # Closing flushes; what fails there (a full disk) has been reported before.
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None
