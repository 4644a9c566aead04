"""The clips that are measured: which frames of which source, and the same frames held resident."""

import posixpath
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..media import Frame, Source, open_sequence
from ..media import Sequence as Frames
from ..media.elsewhere import Elsewhere
from ..media.sequence import notes_without_alpha
from ..media.sources.copies import open_elsewhere

Pixels = NDArray[np.uint8]
#: Bytes of a clip's frames that are held resident, twice; longer clips are read and restored twice instead.
HELD_BYTES = 256 << 20


@dataclass(frozen=True)
class Clip:
    """A source, here or elsewhere, and its frames start … stop − 1, under the name that the rows give it."""

    name: str
    source: Source | Elsewhere
    start: int = 0
    stop: int | None = None

    def open(self) -> Frames:
        """Without sound, which peers' files have not either; a copy of what is elsewhere.

        Raises `InputError` as `open_sequence` does.
        """
        if isinstance(self.source, Elsewhere):
            return open_elsewhere(self.source, start=self.start, stop=self.stop, audio=False)
        return open_sequence(self.source, start=self.start, stop=self.stop, audio=False)


@dataclass(frozen=True)
class ClipInfo:
    """What the clip is. frames: as counted where it was measured."""

    name: str
    source: str
    frames: int | None
    width: int
    height: int
    channels: int
    frame_rate: float | None
    notes: tuple[str, ...]

    @classmethod
    def of(cls, clip: Clip, frames: Frames) -> "ClipInfo":
        """What an opened clip says of itself."""
        info = frames.info
        return cls(
            clip.name,
            clip.source.name,
            info.frame_count,
            info.width,
            info.height,
            info.channels,
            float(info.frame_rate) if info.frame_rate else None,
            notes_without_alpha(info),
        )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "ClipInfo":
        """What `asdict` gave, also by way of JSON. Raises `TypeError` for missing or unknown fields."""
        return cls(**{**values, "notes": tuple(values.get("notes", ()))})


def clips_of(sources: Sequence[Source | Elsewhere], start: int = 0, stop: int | None = None) -> list[Clip]:
    """The sources as clips, named by their file where that is not ambiguous; the same one counts once."""
    by_place = {source.name if isinstance(source, Elsewhere) else source: source for source in sources}
    sources = list(by_place.values())
    short = [_file_name(source) for source in sources]
    often = Counter(short)
    return [
        Clip(name if name and often[name] == 1 else source.name, source, start, stop)
        for name, source in zip(short, sources, strict=True)
    ]


def _file_name(source: Source | Elsewhere) -> str:
    if isinstance(source, Elsewhere):
        return posixpath.basename(source.name)
    return source.paths[0].name if len(source.paths) == 1 else source.name


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
