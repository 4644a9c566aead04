"""The clips that are measured: which frames of which source, and the same frames held resident."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..media import Frame, Source, open_sequence
from ..media import Sequence as Frames

Pixels = NDArray[np.uint8]
#: Bytes of a clip's frames that are held resident, twice; longer clips are read and restored twice instead.
HELD_BYTES = 256 << 20


@dataclass(frozen=True)
class Clip:
    """A source and the frames start … stop − 1 of it, under the name that the rows give it."""

    name: str
    source: Source
    start: int = 0
    stop: int | None = None

    def open(self) -> Frames:
        """Raises `InputError` as `open_sequence` does."""
        return open_sequence(self.source, start=self.start, stop=self.stop)


class HeldFrames(Frames):
    """The frames of another sequence, resident."""

    def __init__(self, sequence: Frames, frames: list[Frame]) -> None:
        super().__init__(sequence.name, sequence.info)
        self._frames = frames

    def __iter__(self) -> Iterator[Frame]:
        return iter(self._frames)

    def buffer(self) -> Pixels:
        """Room for as many frames, written to once, so that using it adds nothing to the peak RSS."""
        return np.full((len(self._frames), *self._frames[0].pixels.shape), 1, np.uint8)


def held(sequence: Frames, *, most: int = HELD_BYTES) -> Frames:
    """`sequence` with its frames resident, where they take no more than `most` bytes; else itself.

    Raises `InputError` where it cannot be read, or holds no frames.
    """
    frames: list[Frame] = []
    size = 0
    for frame in sequence:
        size += frame.pixels.nbytes
        if size > most:
            return sequence
        frames.append(frame)
    if not frames:
        raise InputError(f"{sequence.name}: holds no frames")
    return HeldFrames(sequence, frames)
