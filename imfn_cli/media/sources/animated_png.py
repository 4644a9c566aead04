"""Animated PNG: pictures composed by FFmpeg, times and repeats from the file's own chunks.

Pillow composes pictures that are blended over each other wrongly, and shows a hidden default image.
"""

import math
import struct
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np

from ..pixels import split_alpha
from ..problems import reading
from ..selection import check_selection, select
from ..sequence import RGB_COLOUR, Frame, Sequence, SequenceInfo
from .durations import UNSTATED_DURATION, steady_rate, times_of

_DAMAGED = "cannot be read as an animated PNG; is it damaged or cut short?"
_GRAY_TYPES = (0, 4)
# Denominators of delays have 16 bits; several of them may have no common one of a useful size.
_FINEST = 1_000_000


class AnimatedPng(Sequence):
    """An animated PNG, each picture composed as it is shown."""

    def __init__(self, path: Path, name: str, *, start: int = 0, stop: int | None = None) -> None:
        """Decodes all pictures once, for their alpha. Raises `InputError`."""
        check_selection(name, start, stop)
        self._path = path
        with reading(name, _DAMAGED), path.open("rb") as file:
            colour_type, plays, delays = _control(file)
        count, transparent = 0, False
        size = (0, 0)
        for pixels in self._pictures(name):
            size = pixels.shape[1], pixels.shape[0]
            transparent = transparent or bool(pixels[:, :, 3].min() < 255)
            count += 1
        count = min(count, len(delays))
        cut = count < len(delays)
        self._chosen = select(name, count, start, stop)
        time_base = _common_tick(delays)
        durations = [max(1, round(delay / time_base)) for delay in delays[:count]]
        self._times = times_of(durations)
        super().__init__(
            name,
            SequenceInfo(
                width=size[0],
                height=size[1],
                channels=1 if colour_type in _GRAY_TYPES else 3,
                time_base=time_base,
                frame_rate=steady_rate(durations, time_base),
                frame_count=len(self._chosen),
                kind="animation",
                size_bytes=path.stat().st_size,
                colour=RGB_COLOUR,
                last_ticks=durations[self._chosen[-1]],
                plays=plays,
                alpha=transparent,
                notes=(f"cut short: holds {count} pictures of {len(delays)}",) if cut else (),
            ),
        )

    def __iter__(self) -> Iterator[Frame]:
        origin = self._times[self._chosen.start]
        for index, pixels in enumerate(self._pictures(self.name)):
            if index in self._chosen:
                shown, alpha = split_alpha(pixels)
                shown = np.ascontiguousarray(shown[:, :, : self.info.channels])
                yield Frame(shown, self._times[index] - origin, alpha if self.info.alpha else None)
            if index >= self._chosen[-1]:
                break

    def _pictures(self, name: str) -> Iterator[np.ndarray]:
        """The pictures as RGBA, uint8 (H, W, 4). Raises `InputError`."""
        with reading(name, _DAMAGED):
            container = av.open(f"file:{self._path}", format="apng", metadata_errors="ignore")
        with container:
            stream = container.streams.video[0]
            stream.thread_type = "NONE"
            decoded = container.decode(stream)
            count = 0
            while True:
                with reading(name, _DAMAGED):
                    try:
                        frame = next(decoded, None)
                    except av.error.FFmpegError:
                        if not count:
                            raise
                        # Cut short: what came before is whole.
                        return
                    if frame is None:
                        return
                    pixels = np.asarray(frame.reformat(format="rgba").to_ndarray())
                count += 1
                yield pixels


def _control(file: BinaryIO) -> tuple[int, int, list[Fraction]]:
    """The colour type, the number of plays (0: endless) and the seconds that each picture is shown."""
    file.seek(8)
    colour_type, plays, delays = 2, 0, []
    while len(head := file.read(8)) == 8:
        size, kind = struct.unpack(">I4s", head)
        if kind in (b"IHDR", b"acTL", b"fcTL"):
            data = file.read(size)
            if kind == b"IHDR":
                colour_type = data[9]
            elif kind == b"acTL":
                plays = struct.unpack(">II", data[:8])[1]
            else:
                numerator, denominator = struct.unpack(">HH", data[20:24])
                delays.append(Fraction(numerator, denominator or 100) or Fraction(UNSTATED_DURATION, 1000))
            size = 0
        file.seek(size + 4, 1)
    if not delays:
        raise ValueError("it has no pictures")
    return colour_type, plays, delays


def _common_tick(delays: list[Fraction]) -> Fraction:
    """Seconds in a tick of which all delays are multiples, or one fine enough."""
    parts = math.lcm(*(delay.denominator for delay in set(delays)))
    return Fraction(1, parts if parts <= _FINEST else _FINEST)
