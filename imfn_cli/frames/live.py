"""Sources that are read once, as they come: standard input, cameras, network addresses, named pipes."""

import re
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer

from ..errors import InputError
from .problems import reading
from .reader import open_sequence
from .sequence import DEFAULT_RATE, Frame, Sequence
from .video import Clock, Damage, Picture, decode, describe, first_video_stream, nominal_rate

#: What stands for standard input.
STDIN = "-"
_SIZE = re.compile(r"([1-9][0-9]{0,5})[x×]([1-9][0-9]{0,5})", re.ASCII)


@dataclass(frozen=True)
class RawVideo:
    """Frames without a container: width × height pixels each, in one of FFmpeg's pixel formats."""

    width: int
    height: int
    pixel_format: str = "rgb24"
    rate: Fraction = DEFAULT_RATE

    @classmethod
    def parse(cls, size: str, pixel_format: str, rate: str | None) -> "RawVideo":
        """From '320x240', 'yuv420p' and '25' or '30000/1001'. Raises `InputError` naming what is wrong."""
        found = _SIZE.fullmatch(size)
        if found is None:
            raise InputError(f"raw video of size {size!r}; write WIDTHxHEIGHT, such as 320x240")
        try:
            av.VideoFormat(pixel_format)
        except ValueError:
            raise InputError(
                f"pixel format {pixel_format!r} is not known; write rgb24, gray, yuv420p or another"
            ) from None
        try:
            frames_per_second = Fraction(rate) if rate is not None else DEFAULT_RATE
            if not 0 < frames_per_second <= 10_000:
                raise ValueError
        except (ValueError, ZeroDivisionError):
            raise InputError(
                f"{rate!r} frames per second; write a number above 0, such as 25 or 30000/1001"
            ) from None
        return cls(int(found[1]), int(found[2]), pixel_format, frames_per_second)

    def options(self) -> dict[str, str]:
        """For FFmpeg's reader of raw video."""
        return {
            "video_size": f"{self.width}x{self.height}",
            "pixel_format": self.pixel_format,
            "framerate": str(self.rate),
        }


def open_live(source: str, *, raw: RawVideo | None = None, input_format: str | None = None) -> Sequence:
    """Open a source to be read once: '-' for standard input, an address, a device, a pipe; or a file.

    raw: what `source` holds has no container.   input_format: FFmpeg's name of a demuxer or a device kind
    ("v4l2", "mpegts"), where it cannot be told. Waits for the first frame. Raises `InputError`.
    """
    if source == STDIN:
        if sys.stdin is not None and sys.stdin.isatty():
            raise InputError("stdin: is a terminal; pipe a video into it, or name a file or a device")
        return LiveVideo("pipe:0", "stdin", raw, input_format)
    if "://" in source:
        return LiveVideo(source, source, raw, input_format)
    path = Path(source)
    with reading(source, "cannot be read"):
        mode = path.stat().st_mode if raw is not None or input_format is not None or path.exists() else 0
    if stat.S_ISCHR(mode) and input_format is None:
        input_format = "v4l2"
    if raw is None and input_format is None and (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or not mode):
        return open_sequence(source)
    device = stat.S_ISCHR(mode)
    return LiveVideo(source if device else f"file:{source}", source, raw, input_format)


class LiveVideo(Sequence):
    """The first video stream of a source that is read once; iterating it twice raises RuntimeError."""

    def __init__(
        self, url: str, name: str, raw: RawVideo | None = None, input_format: str | None = None
    ) -> None:
        """url: as FFmpeg takes it. Waits for the first frame. Raises `InputError`."""
        options = raw.options() if raw is not None else {}
        form = "rawvideo" if raw is not None else input_format
        if form is not None and form not in av.formats_available:
            raise InputError(f"{name}: this PyAV has no input format {form!r}; name another one")
        with reading(name, "is not a video that can be read; for raw frames say --raw WIDTHxHEIGHT"):
            container = av.open(url, format=form, options=options, metadata_errors="ignore")
        assert isinstance(container, InputContainer)
        self._container = container
        self._stream = first_video_stream(container, name)
        # Threads that decode whole frames hold some back.
        self._stream.thread_type = "SLICE"
        self._damage = Damage()
        self._frames = decode(container, self._stream, name, self._damage)
        try:
            self._first = next(self._frames)
        except BaseException:
            container.close()
            raise
        self._picture = Picture.of(self._first)
        self._begun = False
        info = describe(self._stream, self._first, self._picture, frame_count=None, size_bytes=0)
        super().__init__(name, info)

    def __iter__(self) -> Iterator[Frame]:
        if self._begun:
            raise RuntimeError(f"{self.name} can be read only once")
        self._begun = True
        clock = Clock(nominal_rate(self._stream), self.info.time_base)
        convert = self._picture.converter()
        decoded = self._first
        count = 0
        try:
            while True:
                with reading(self.name, f"frame {count} cannot be converted to RGB"):
                    pixels = convert(decoded)
                self._damage.resized += (decoded.width, decoded.height) != self._picture.size
                yield Frame(pixels, clock(decoded))
                count += 1
                following = next(self._frames, None)
                if following is None:
                    return
                decoded = following
        finally:
            self.warnings.extend((*self._damage.lines(), *clock.lines()))
