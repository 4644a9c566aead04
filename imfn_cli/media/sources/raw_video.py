"""Frames without a container, and sizes and rates as users write them."""

import re
from dataclasses import dataclass
from fractions import Fraction

import av

from ...errors import InputError
from ..sequence import DEFAULT_RATE

_SIZE = re.compile(r"([1-9][0-9]{0,5})[x×]([1-9][0-9]{0,5})", re.ASCII)


def parse_size(size: str) -> tuple[int, int]:
    """(width, height) from '320x240'. Raises `InputError` unless both are numbers above 0."""
    found = _SIZE.fullmatch(size)
    if found is None:
        raise InputError(f"size {size!r}; write WIDTHxHEIGHT, such as 320x240")
    return int(found[1]), int(found[2])


def parse_rate(rate: str | float | Fraction) -> Fraction:
    """Frames per second from 25, '25', 29.97 or '30000/1001'. Raises `InputError` unless above 0."""
    try:
        # Beyond 64 bits, what a file holds, a rate is rounded.
        frames_per_second = Fraction(str(rate)).limit_denominator(1 << 48)
        if 0 < frames_per_second <= 10_000:
            return frames_per_second
    except (ValueError, ZeroDivisionError):
        pass
    raise InputError(f"{str(rate)!r} frames per second; write a number above 0, such as 25 or 30000/1001")


@dataclass(frozen=True)
class RawVideo:
    """Frames without a container: width × height pixels each, in one of FFmpeg's pixel formats.

    rate: frames per second.
    """

    width: int
    height: int
    pixel_format: str = "rgb24"
    rate: Fraction = DEFAULT_RATE

    @classmethod
    def parse(cls, size: str, pixel_format: str, rate: str | float | Fraction | None) -> "RawVideo":
        """From '320x240', 'yuv420p' and '25' or '30000/1001' (None: 25). Raises `InputError`."""
        width, height = parse_size(size)
        try:
            av.VideoFormat(pixel_format)
        except ValueError:
            raise InputError(
                f"pixel format {pixel_format!r} is not known; write rgb24, gray, yuv420p or another"
            ) from None
        return cls(width, height, pixel_format, DEFAULT_RATE if rate is None else parse_rate(rate))

    def options(self) -> dict[str, str]:
        """The options of FFmpeg's reader of raw video."""
        return {
            "video_size": f"{self.width}x{self.height}",
            "pixel_format": self.pixel_format,
            "framerate": str(self.rate),
        }
