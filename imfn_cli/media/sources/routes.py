"""From what the user names to what FFmpeg opens: standard input, addresses, cameras, pipes, files."""

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer

from ...errors import InputError
from ...system.pipes import STANDARD
from ..problems import reading, reason
from .cameras import camera
from .raw_video import RawVideo, parse_rate, parse_size

#: What stands for standard input.
STDIN = STANDARD

# Microseconds of an address's stream that are analysed before the first frame.
_ANALYSED = "500000"
_PASSWORD = re.compile(r"(?<=://)([^/?#@:]*):[^/?#]*@")
_LISTENING = re.compile(r"[?&](listen\b|mode=listener)")


def is_device(source: str, input_format: str | None) -> bool:
    """Whether `source` can be asked for size and rate: a camera, or what `input_format` opens by itself.

    Raises `InputError` if FFmpeg has no such input format, or if the camera's name is none on this system.
    """
    if input_format is not None:
        # FFmpeg passes to such a format not a file that it has opened, but the words of the user.
        return "://" not in source and source != STDIN and input_format_of(source, input_format).no_file
    return camera(source) is not None


def input_format_of(name: str, input_format: str) -> av.ContainerFormat:
    """FFmpeg's demuxer or kind of device of that name. Raises `InputError`, with the source's `name`."""
    # Not `av.formats_available`: cameras are not among them.
    try:
        return av.ContainerFormat(input_format, "r")
    except ValueError:
        problem = f"this PyAV has no input format {input_format!r}; name another one"
        raise InputError(f"{name}: {problem}") from None


@dataclass(frozen=True)
class Route:
    """How FFmpeg is to open a source."""

    url: str
    name: str
    """How to name the source to the user; it has no password in it."""

    input_format: str | None = None
    """FFmpeg's name of a demuxer or a kind of device; None: the content tells."""

    options: Mapping[str, str] = field(default_factory=dict)
    timed: bool = False
    """Whether the source gives frames all the time, so that silence means that it is lost."""

    @property
    def listens(self) -> bool:
        """Whether the address waits for another program to call, which may be any time."""
        return _LISTENING.search(self.url) is not None

    def open(self, opening: float | None, reading_one: float | None) -> InputContainer:
        """The container. Raises `InputError`.

        opening, reading_one: seconds that opening it and each read may take; None: no limit.
        """
        with reading(self.name, "is not a video that can be read; for raw frames say --raw WIDTHxHEIGHT"):
            try:
                container = av.open(
                    self._file(),
                    format=self.input_format,
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

    def remedy(self) -> str | None:
        """What to do where the source opens, and does not decode; None where nothing is known of it."""
        return None

    def _file(self) -> Any:
        """What PyAV opens: a name, or an object to read from."""
        return self.url

    def _problem(self, error: Exception) -> str | None:
        """Why it could not be opened; None where the general message says it."""
        return None


class _Pipe:
    """Standard input, read as it comes; what it began with is kept."""

    # Enough for the heads of the first boxes of an MP4 file.
    _KEPT = 256

    def __init__(self) -> None:
        self.head = b""

    def read(self, size: int) -> bytes:
        """Some of the next bytes, none at the end."""
        data = os.read(0, size)
        self.head += data[: self._KEPT - len(self.head)]
        return data


@dataclass(frozen=True)
class _Stdin(Route):
    pipe: _Pipe = field(default_factory=_Pipe)

    def remedy(self) -> str | None:
        if _index_is_last(self.pipe.head):
            return (
                "an MP4 whose index stands at its end cannot be read from a pipe; "
                "write it with -movflags frag_keyframe+empty_moov, or as Matroska (-f matroska)"
            )
        return None

    def _file(self) -> Any:
        return self.pipe

    def _problem(self, error: Exception) -> str | None:
        return self.remedy()


def _index_is_last(head: bytes) -> bool:
    """Whether an MP4 or MOV file with this head holds its frames before what says where they are."""
    position = 0
    while position + 8 <= len(head):
        size, kind = int.from_bytes(head[position : position + 4], "big"), head[position + 4 : position + 8]
        if kind in (b"moov", b"mdat"):
            return kind == b"mdat"
        if kind not in (b"ftyp", b"free", b"skip", b"wide") or size < 8:
            return False
        position += size
    return False


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


def route_to(
    source: str,
    raw: RawVideo | None,
    input_format: str | None,
    size: str | None,
    rate: str | float | Fraction | None,
) -> Route | None:
    """How to open `source`; None for a file that is not to be read as it comes. Raises `InputError`."""
    if raw is None and is_device(source, input_format):
        return _device_route(source, input_format, size, rate)
    if size is not None or (rate is not None and raw is None):
        raise InputError(f"{source}: size and rate can be asked of a camera only; leave them out")
    if raw is not None:
        input_format = "rawvideo"
    options = raw.options() if raw is not None else {}
    if source == STDIN:
        # Raw frames, and formats that are named, FFmpeg may as well read by itself.
        if input_format is not None:
            return Route("pipe:0", "stdin", input_format, options)
        return _Stdin("pipe:0", "stdin", None, options)
    if "://" in source:
        # Else FFmpeg holds seconds of a transport stream back, in case that more streams turn up in it.
        options["analyzeduration"] = _ANALYSED
        return _Address(source, _PASSWORD.sub(r"\1:***@", source), input_format, options, timed=True)
    path = Path(source)
    with reading(source, "cannot be read"):
        mode = path.stat().st_mode if input_format is not None or path.exists() else 0
    if input_format is None and (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or not mode):
        return None
    return Route(source if stat.S_ISCHR(mode) else f"file:{source}", source, input_format, options)


def _device_route(
    source: str, input_format: str | None, size: str | None, rate: str | float | Fraction | None
) -> Route:
    """How to open a camera, or what `input_format` opens by itself. Raises `InputError`."""
    kind, url = camera(source) or (input_format, source)
    kind = input_format or kind
    options = {}
    if size is not None:
        width, height = parse_size(size)
        options["video_size"] = f"{width}x{height}"
    if rate is not None:
        options["framerate"] = str(parse_rate(rate))
    elif kind == "avfoundation":
        # Its own default, 29.97, is refused by most Macs.
        options["framerate"] = "30"
    return _Device(url, source, kind, options, timed=True)
