"""Frames, sequences of them, and what is known of a sequence before its frames are read."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice
from typing import Any, BinaryIO, NamedTuple, Self

import numpy as np

from ..system.closing import Closing

# The rate of sources that carry no times (arrays, still images), in frames per second.
DEFAULT_RATE = Fraction(25)


class Frame(NamedTuple):
    """One picture and the time at which it is shown."""

    pixels: np.ndarray
    """uint8 (H, W, C), C-contiguous; C = 3 (RGB) or 1 (gray)."""

    time: int
    """Presentation time, in ticks of `SequenceInfo.time_base`."""

    alpha: np.ndarray | None = None
    """uint8 (H, W), 255 where nothing shines through; None: nowhere. `pixels` are composited on black."""


@dataclass(frozen=True)
class ColourDescription:
    """How the source codes its colours, in FFmpeg's names ("bt709", "tv"); None where it does not say.

    Frames are RGB whatever this says. A video written from them is coded in the same way.
    """

    matrix: str | None = None
    range: str | None = None
    primaries: str | None = None
    transfer: str | None = None


# Of sources that hold RGB (or gray) samples as they are: images, arrays, lossless RGB video.
RGB_COLOUR = ColourDescription(matrix="gbr", range="pc")


@dataclass(frozen=True)
class SequenceInfo:
    """What is known of a sequence before its frames are read."""

    width: int
    height: int
    channels: int
    """3 (RGB) or 1 (gray)."""

    time_base: Fraction
    """Seconds per tick of `Frame.time`."""

    frame_rate: Fraction | None
    """Nominal frames per second; None where the durations differ and no rate is stated."""

    frame_count: int | None
    """Frames in the selection. Exact for arrays and images; for video it is what the container states
    (a damaged file may hold fewer), None where the container does not say."""

    kind: str
    """"video", "images", "animation", "array" or "idx"."""

    size_bytes: int
    """Bytes of the source on disk, the whole source even when only a part is selected."""

    colour: ColourDescription = field(default_factory=ColourDescription)
    sample_aspect_ratio: Fraction | None = None
    """Width of a pixel over its height; None where the source does not say."""

    value_range: tuple[int, int] | None = None
    """The samples (lowest, highest) that were mapped linearly to 0..255, for sources of more than 8 bits."""

    last_ticks: int | None = None
    """How long the last frame is shown, in ticks; None where the source does not say. Of a video it is known
    when all frames have been read."""

    plays: int = 0
    """How often an animation is played; 0: without end."""

    alpha: bool = False
    """Frames may have an alpha channel (`Frame.alpha`)."""

    notes: tuple[str, ...] = ()
    """What the user should know about how the source was read; one line each."""

    @classmethod
    def untimed(
        cls,
        *,
        width: int,
        height: int,
        channels: int,
        frame_count: int,
        kind: str,
        size_bytes: int,
        value_range: tuple[int, int] | None = None,
        alpha: bool = False,
        notes: tuple[str, ...] = (),
    ) -> Self:
        """Of frames that have no times, which are shown at `DEFAULT_RATE`; the arguments are the fields."""
        return cls(
            width=width,
            height=height,
            channels=channels,
            time_base=1 / DEFAULT_RATE,
            frame_rate=DEFAULT_RATE,
            frame_count=frame_count,
            kind=kind,
            size_bytes=size_bytes,
            colour=RGB_COLOUR,
            value_range=value_range,
            alpha=alpha,
            notes=notes,
        )


#: What to say of an alpha channel where nothing keeps it.
ALPHA_NOTE = "alpha channel dropped (composited on black)"


def notes_without_alpha(info: SequenceInfo) -> tuple[str, ...]:
    """`SequenceInfo.notes`, for whoever keeps no alpha channel."""
    return (*info.notes, *([ALPHA_NOTE] if info.alpha and ALPHA_NOTE not in info.notes else []))


class Sequence(Closing, ABC):
    """Frames of one source, in order. Each `iter()` starts again at the first selected frame.

    Frames are made one by one: resident memory does not grow with the length of the source. Iterating raises
    `InputError` if the source is damaged, or if the selection turns out to hold no frame.
    """

    told: dict[str, Any] | None = None
    """By name, what its frames depend on, as JSON values: its file as it is now, what was selected. None
    where it can be read only once."""

    timeout: float | None = None
    """Seconds without a frame after which the source counts as lost; None: no limit."""

    reconnects: int = 0
    """How often the source was lost and came back, so far."""

    dropped: int = 0
    """Frames that a camera or an address gave while nobody took them, so far, as gaps in its times tell."""

    def __init__(self, name: str, info: SequenceInfo) -> None:
        self.name = name
        """How to name the source to the user."""

        self.info = info
        self.warnings: list[str] = []
        """What reading met in the latest iteration (skipped damage, a change of size); one line each."""

    @abstractmethod
    def __iter__(self) -> Iterator[Frame]: ...

    def after(self, count: int) -> Iterator[Frame]:
        """What iterating gives, but for the first `count` frames, which cost less than the others."""
        return islice(self, count, None)

    def count(self) -> int | None:
        """About how many frames there are, found without decoding them; None where nobody knows."""
        return self.info.frame_count

    def write_tracks(self, target: BinaryIO) -> bool:
        """Copy the sound and subtitles of the selected frames into a file; whether there are any.

        To be called after an iteration. What is left out is added to `warnings`.
        """
        return False
