"""Sources that are read once, as they come: standard input, cameras, network addresses, named pipes, arrays.

Three clocks keep a source that falls silent from hanging us. `open_live` gives up when the first frame takes
too long; whoever iterates gives up after `Sequence.timeout` seconds without a frame (`streaming.Intake`), so
that sources in which a read cannot be interrupted (pipes, cameras) are covered too; and FFmpeg itself is told
the same time, so that no thread of ours stays behind in a network read.
"""

import re
import stat
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer

from ...errors import InputError
from ...system.threads import interruptible
from ..pixels import ALPHA_NOTE, on_black
from ..problems import reading, reason
from ..sequence import DEFAULT_RATE, RGB_COLOUR, Frame, Sequence, SequenceInfo
from .open import open_sequence
from .video import Clock, Damage, Picture, decode, describe, first_video_stream, nominal_rate

#: What stands for standard input.
STDIN = "-"
#: What stands before a camera's number or name, the same on every system.
CAMERA = "camera:"
#: Seconds without a frame after which an address or a camera counts as lost, unless told otherwise.
TIMEOUT = 10.0

# Microseconds of an address's stream that are looked at before the first frame.
_LOOK = "500000"
_SIZE = re.compile(r"([1-9][0-9]{0,5})[x×]([1-9][0-9]{0,5})", re.ASCII)
_PASSWORD = re.compile(r"(?<=://)([^/?#@:]*):[^/?#]*@")
_LISTENING = re.compile(r"[?&](listen\b|mode=listener)")
_PLATFORM = sys.platform


def parse_size(size: str) -> tuple[int, int]:
    """(width, height) from '320x240'. Raises `InputError`."""
    found = _SIZE.fullmatch(size)
    if found is None:
        raise InputError(f"size {size!r}; write WIDTHxHEIGHT, such as 320x240")
    return int(found[1]), int(found[2])


def parse_rate(rate: str | float | Fraction) -> Fraction:
    """Frames per second from 25, '25', 29.97 or '30000/1001'. Raises `InputError`."""
    try:
        frames_per_second = Fraction(str(rate))
        if 0 < frames_per_second <= 10_000:
            return frames_per_second
    except (ValueError, ZeroDivisionError):
        pass
    raise InputError(f"{str(rate)!r} frames per second; write a number above 0, such as 25 or 30000/1001")


@dataclass(frozen=True)
class RawVideo:
    """Frames without a container: width × height pixels each, in one of FFmpeg's pixel formats."""

    width: int
    height: int
    pixel_format: str = "rgb24"
    rate: Fraction = DEFAULT_RATE

    @classmethod
    def parse(cls, size: str, pixel_format: str, rate: str | float | Fraction | None) -> "RawVideo":
        """From '320x240', 'yuv420p' and '25' or '30000/1001'. Raises `InputError` naming what is wrong."""
        width, height = parse_size(size)
        try:
            av.VideoFormat(pixel_format)
        except ValueError:
            raise InputError(
                f"pixel format {pixel_format!r} is not known; write rgb24, gray, yuv420p or another"
            ) from None
        return cls(width, height, pixel_format, DEFAULT_RATE if rate is None else parse_rate(rate))

    def options(self) -> dict[str, str]:
        """For FFmpeg's reader of raw video."""
        return {
            "video_size": f"{self.width}x{self.height}",
            "pixel_format": self.pixel_format,
            "framerate": str(self.rate),
        }


def camera(source: str) -> tuple[str, str] | None:
    """FFmpeg's kind of device and its name for a camera; None where `source` names none.

    'camera:0' is the first one: v4l2 '/dev/video0' on Linux, avfoundation '0' on macOS; on Windows they have
    names, 'camera:Integrated Camera' (dshow). A character device, '/dev/video0', is one too.
    """
    if not source.startswith(CAMERA):
        try:
            return ("v4l2", source) if stat.S_ISCHR(Path(source).stat().st_mode) else None
        except (OSError, ValueError):
            return None
    which = source.removeprefix(CAMERA) or "0"
    if _PLATFORM == "darwin":
        return "avfoundation", which
    if _PLATFORM == "win32":
        if which.isdecimal():
            raise InputError(
                f"{source}: cameras have names on Windows; write it as 'camera:Integrated Camera'"
            )
        return "dshow", f"video={which}"
    return "v4l2", f"/dev/video{which}" if which.isdecimal() else which


def is_device(source: str, input_format: str | None) -> bool:
    """Whether `source` can be asked for size and rate: a camera, or what `input_format` opens by itself."""
    if input_format is not None:
        # What FFmpeg gives such a format is not a file that it has opened, but whatever the user wrote.
        return "://" not in source and source != STDIN and _known(source, input_format).no_file
    return camera(source) is not None


def open_live(
    source: str,
    *,
    raw: RawVideo | None = None,
    input_format: str | None = None,
    size: str | None = None,
    rate: str | float | Fraction | None = None,
    timeout: float | None = None,
) -> Sequence:
    """Open a source to be read once: '-' for standard input, an address, a camera, a pipe; or a file.

    raw: what `source` holds has no container.   input_format: FFmpeg's name of a demuxer or a kind of device
    ("v4l2", "mpegts"), where it cannot be told.   size, rate: '640x480' and frames per second that a camera
    is asked for.   timeout: seconds without a frame after which the source counts as lost, 0 for never; None:
    10 for addresses and cameras, never for others, nor before the call that a '?listen' address waits for.

    Waits for the first frame. Raises `InputError`.
    """
    route = _route(source, raw, input_format, size, rate)
    if route is None:
        return open_sequence(source)
    seconds = (TIMEOUT if route.timed else 0.0) if timeout is None else timeout
    if not seconds >= 0:
        raise InputError(f"a timeout of {seconds:g} seconds; name a number from 0, which waits for ever")
    patience = seconds or None
    opening = None if timeout is None and _LISTENING.search(route.url) else patience
    if route.url == "pipe:0" and sys.stdin is not None and sys.stdin.isatty():
        raise InputError("stdin: is a terminal; pipe a video into it, or name a file or a device")
    if route.form is not None:
        _known(route.name, route.form)
    began = time.monotonic()
    try:
        return interruptible(lambda: LiveVideo(route, opening, patience), opening)
    except TimeoutError as error:
        raise stalled(route.name, seconds) from error
    except InputError as error:
        # What FFmpeg makes of being interrupted depends on the protocol.
        if opening is not None and time.monotonic() - began >= opening:
            raise stalled(route.name, seconds) from error
        raise


def stalled(name: str, seconds: float) -> InputError:
    """What to raise where a source fell silent."""
    return InputError(
        f"{name}: no frame came for {seconds:g} s; check that it still sends, or wait longer with --timeout"
    )


@dataclass(frozen=True)
class Route:
    """How FFmpeg is to open a source. name: how the user is told of it; no password in it.

    timed: it should give frames all the time.
    """

    url: str
    name: str
    form: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    timed: bool = False

    def open(self, opening: float | None, reading_one: float | None) -> InputContainer:
        """The container; seconds that opening it, and each read, may take. Raises `InputError`."""
        with reading(self.name, "is not a video that can be read; for raw frames say --raw WIDTHxHEIGHT"):
            try:
                container = av.open(
                    self.url,
                    format=self.form,
                    options=dict(self.options),
                    timeout=None if opening is None and reading_one is None else (opening, reading_one),
                    metadata_errors="ignore",
                )
            except (av.error.FFmpegError, OSError) as error:
                problem = self._problem(error)
                if problem is None:
                    raise
                raise InputError(f"{self.name}: {problem}") from error
        assert isinstance(container, InputContainer)
        return container

    def _problem(self, error: Exception) -> str | None:
        """Why it could not be opened, where there is more to say than of a file."""
        return None


class _Address(Route):
    def _problem(self, error: Exception) -> str:
        if isinstance(error, av.error.ProtocolNotFoundError):
            return "this PyAV knows no such protocol; write http://, tcp://, udp:// or rtsp://"
        if isinstance(error, av.error.InvalidDataError | av.error.EOFError):
            return (
                f"sends no video that can be read ({reason(error)}); "
                "say what it sends with --input-format, such as mpegts"
            )
        return f"cannot be reached ({reason(error)}); check the address, and that something sends there"


class _Device(Route):
    def _problem(self, error: Exception) -> str:
        return (
            f"this device cannot be opened ({reason(error)}); check its name, that no other program uses it, "
            "and what --size and --fps ask for"
        )


def _route(
    source: str,
    raw: RawVideo | None,
    input_format: str | None,
    size: str | None,
    rate: str | float | Fraction | None,
) -> Route | None:
    """How to open `source`; None for a file that is not to be read as it comes. Raises `InputError`."""
    form = "rawvideo" if raw is not None else input_format
    options = raw.options() if raw is not None else {}
    if raw is None and is_device(source, input_format):
        form, url = camera(source) or (input_format, source)
        form = input_format or form
        if size is not None:
            width, height = parse_size(size)
            options["video_size"] = f"{width}x{height}"
        if rate is not None:
            options["framerate"] = str(parse_rate(rate))
        elif form == "avfoundation":
            # Its own default, 29.97, is refused by most Macs.
            options["framerate"] = "30"
        return _Device(url, source, form, options, timed=True)
    if size is not None or (rate is not None and raw is None):
        raise InputError(f"{source}: size and rate can be asked of a camera only; leave them out")
    if source == STDIN:
        return Route("pipe:0", "stdin", form, options)
    if "://" in source:
        # Else FFmpeg holds seconds of a transport stream back, in case that more streams turn up in it.
        options.setdefault("analyzeduration", _LOOK)
        return _Address(source, _PASSWORD.sub(r"\1:***@", source), form, options, timed=True)
    path = Path(source)
    with reading(source, "cannot be read"):
        mode = path.stat().st_mode if form is not None or path.exists() else 0
    if form is None and (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or not mode):
        return None
    return Route(source if stat.S_ISCHR(mode) else f"file:{source}", source, form, options)


def _known(name: str, form: str) -> av.ContainerFormat:
    # Not `av.formats_available`: cameras are not among them.
    try:
        return av.ContainerFormat(form, "r")
    except ValueError:
        raise InputError(f"{name}: this PyAV has no input format {form!r}; name another one") from None


class LiveVideo(Sequence):
    """The first video stream of a source that is read once; iterating it twice raises RuntimeError.

    Iterating raises `InputError` when the source breaks off, after the frames that came before.
    """

    def __init__(self, route: Route, opening: float | None = None, timeout: float | None = None) -> None:
        """opening, timeout: seconds to wait for the first frame, and for each; None: no limit.

        Waits for the first frame. Raises `InputError`.
        """
        container = route.open(opening, timeout)
        self.timeout = timeout
        self._container = container
        self._stream = first_video_stream(container, route.name)
        # Threads that decode whole frames hold some back.
        self._stream.thread_type = "SLICE"
        self._damage = Damage()
        self._frames = decode(container, self._stream, route.name, self._damage)
        try:
            self._first = next(self._frames)
        except BaseException as error:
            container.close()
            if self._damage.broke is not None and isinstance(error, InputError):
                raise self._broken(route.name, self._damage.broke) from error
            raise
        if route.timed:
            # Joined in the middle: what comes before the first whole picture is no damage.
            self._damage.skipped = 0
        self._picture = Picture.of(self._first)
        self._begun = False
        info = describe(self._stream, self._first, self._picture, frame_count=None, size_bytes=0)
        super().__init__(route.name, info)

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
                    break
                decoded = following
            if self._damage.broke is not None:
                raise self._broken(self.name, self._damage.broke)
        finally:
            self.warnings.extend((*self._damage.lines(), *clock.lines()))
            # Here, where no other thread reads: an address is left at once, not when this object goes.
            self._frames = iter(())
            self._container.close()

    def _broken(self, name: str, error: Exception) -> InputError:
        if isinstance(error, av.error.ExitError) and self.timeout is not None:
            return stalled(name, self.timeout)
        return InputError(f"{name}: the source broke off ({reason(error)})")

    def close(self) -> None:
        """Leave the source, unless its frames were asked for: they leave it when they end."""
        if not self._begun:
            self._begun = True
            self._container.close()


class GivenFrames(Sequence):
    """Frames that a program hands over, read once; a buffer that is filled anew for each of them will do."""

    def __init__(
        self, frames: Iterable[np.ndarray], rate: Fraction = DEFAULT_RATE, *, name: str = "frames"
    ) -> None:
        """frames: uint8 (H, W) or (H, W, 1) gray, (H, W, 3) RGB or (H, W, 4) RGBA, all of one shape.

        rate: of them, in a second. Takes the first. Raises `InputError`, and what `frames` raises.
        """
        self._frames = iter(frames)
        first = next(self._frames, None)
        if first is None:
            raise InputError(f"{name}: there are none; hand over one at least")
        self._shape: tuple[int, ...] | None = None
        self._next: np.ndarray | None = self._checked(name, 0, first)
        shape = self._next.shape
        info = SequenceInfo(
            width=shape[1],
            height=shape[0],
            channels=shape[2],
            time_base=1 / rate,
            frame_rate=rate,
            frame_count=None,
            kind="video",
            size_bytes=0,
            colour=RGB_COLOUR,
            notes=(ALPHA_NOTE,) if self._shape is not None and self._shape[2:] == (4,) else (),
        )
        super().__init__(name, info)

    def __iter__(self) -> Iterator[Frame]:
        if self._next is None:
            raise RuntimeError(f"{self.name} can be read only once")
        pixels, self._next = self._next, None
        yield Frame(pixels, 0)
        for index, frame in enumerate(self._frames, 1):
            yield Frame(self._checked(self.name, index, frame), index)

    def _checked(self, name: str, index: int, frame: np.ndarray) -> np.ndarray:
        """A copy, uint8 (H, W, 1 or 3)."""
        pixels = np.asarray(frame)
        usual = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] in (1, 3, 4))
        if pixels.dtype != np.uint8 or not usual or 0 in pixels.shape:
            raise InputError(
                f"{name}: frame {index} is {pixels.dtype} of shape {pixels.shape}; "
                "wanted uint8 of shape (H, W), (H, W, 1) or (H, W, 3), values 0 to 255"
            )
        if self._shape not in (None, pixels.shape):
            raise InputError(
                f"{name}: frame {index} is of shape {pixels.shape}, those before of {self._shape}; "
                "scale all to one size"
            )
        self._shape = pixels.shape
        if pixels.ndim == 2:
            pixels = pixels[:, :, None]
        return np.array(on_black(pixels) if pixels.shape[2] == 4 else pixels, order="C")
