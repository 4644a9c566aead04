"""Sequences in other places, read by way of a copy on this machine."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from ..elsewhere import Elsewhere, copied, naming, source_in
from ..sequence import Frame, Sequence
from .files import open_sequence


def open_elsewhere(
    source: Elsewhere, *, start: int = 0, stop: int | None = None, audio: bool = True
) -> Sequence:
    """Copy a sequence to this machine and open it, as `open_sequence`; closing it removes the copy."""
    with ExitStack() as stack:
        copy = stack.enter_context(copied(source.files, source.name))
        local = source_in(copy, source.name)
        frames = stack.enter_context(open_sequence(local, start=start, stop=stop, audio=audio))
        return _Copied(source.name, frames, copy, stack.pop_all())


class _Copied(Sequence):
    """The frames of a copy, under the name of what was copied."""

    def __init__(self, name: str, frames: Sequence, copy: Path, stack: ExitStack) -> None:
        super().__init__(name, frames.info)
        self._frames, self._copy, self._stack = frames, copy, stack

    def __iter__(self) -> Iterator[Frame]:
        try:
            with naming(self._copy, self.name):
                yield from self._frames
        finally:
            self.info, self.warnings = self._frames.info, self._frames.warnings

    def count(self) -> int | None:
        return self._frames.count()

    def write_tracks(self, target: BinaryIO) -> bool:
        return self._frames.write_tracks(target)

    def close(self) -> None:
        self._stack.close()
