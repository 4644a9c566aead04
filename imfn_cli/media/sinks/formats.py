"""The formats that can be written, one ending each, and the writer that an output's name asks for.

A new format is an entry of `WRITERS` and a module with its writer; a new kind of video is an entry and a
function in `encodings.py`.
"""

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from ...errors import OutputError
from ...system.pipes import check_stdout, is_standard, stdout_from_disk
from ..sequence import SequenceInfo
from ..tracks import OutgoingTracks
from .arrays import ArrayWriter
from .encodings import VideoEncoding, ffv1, gif, h264, vp9, y4m
from .frame_writer import STDOUT, FrameWriter
from .images import DirectoryWriter
from .tiff import TiffWriter
from .video import VideoWriter


class Writer(Protocol):
    """Makes a writer of frames as `info` describes them. Raises `OutputError`."""

    def __call__(self, path: Path, info: SequenceInfo, *, force: bool = False) -> FrameWriter: ...


def _video(encoding: Callable[[SequenceInfo], VideoEncoding], muxer: str) -> Writer:
    def write(path: Path, info: SequenceInfo, *, force: bool = False) -> FrameWriter:
        return VideoWriter(path, info, encoding(info), muxer, force=force)

    return write


WRITERS: dict[str, Writer] = {
    ".mp4": _video(h264, "mp4"),
    ".m4v": _video(h264, "mp4"),
    ".mov": _video(h264, "mov"),
    ".mkv": _video(ffv1, "matroska"),
    ".webm": _video(vp9, "webm"),
    ".gif": _video(gif, "gif"),
    ".y4m": _video(y4m, "yuv4mpegpipe"),
    ".npy": ArrayWriter,
    ".tif": TiffWriter,
    ".tiff": TiffWriter,
}

OUTPUT_ENDINGS = tuple(WRITERS)
"""The endings that `open_writer` knows; no ending means a directory of PNG images."""

OUTPUT_FORMATS = tuple(ending.removeprefix(".") for ending in WRITERS if ending not in (".m4v", ".tiff"))
"""The formats that `open_writer` takes by name."""

# What is written from front to back; the others go to standard output by way of the disk.
_STREAMED = {"mp4", "mov", "mkv", "webm", "gif", "y4m"}


def open_writer(
    path: Path | str, info: SequenceInfo, *, force: bool = False, format: str | None = None
) -> FrameWriter:
    """A writer of frames, for use in a `with` block; the ending of `path` chooses the format.

    .mp4 .m4v .mov (H.264), .mkv (FFV1, lossless), .webm (VP9), .gif, .y4m, .npy, .tif .tiff; no ending, a
    closing slash or an existing directory: PNG images. Of `info`, the size, channels, times, rate, colour and
    pixel shape are used. format: one of `OUTPUT_FORMATS`, whatever the ending.

    Raises `OutputError` for other endings and formats, and if something exists there and `force` is not set.
    """
    if format is not None:
        return _writer_of(format, str(path))(Path(path), info, force=force)
    wants_directory = str(path).endswith(("/", os.sep))
    path = Path(path)
    ending = path.suffix.lower()
    if path.is_dir() or wants_directory or not ending:
        return DirectoryWriter(path, info, force=force)
    if ending in WRITERS:
        return WRITERS[ending](path, info, force=force)
    raise OutputError(
        f"{path}: unknown ending '{path.suffix}'; use one of {' '.join(OUTPUT_ENDINGS)}, "
        "or a name without one for a directory of PNG images"
    )


def open_output(
    output: Path | str,
    info: SequenceInfo,
    *,
    force: bool = False,
    format: str | None = None,
    tracks: OutgoingTracks | None = None,
    told: Mapping[str, Any] | None = None,
    resume: bool = False,
) -> AbstractContextManager[FrameWriter]:
    """`open_writer`, or a writer to standard output where `output` is "-"; that needs a format.

    tracks: sound and subtitles that go out too; the writer notes what the format cannot hold.
    told, resume: see `FrameWriter`; standard output is not gone on with.
    """
    if not is_standard(output):
        writer = open_writer(output, info, force=force, format=format)
        writer.tracks, writer.told, writer.resume = tracks, told, resume
        return writer
    if format is None:
        known = ", ".join(OUTPUT_FORMATS)
        raise OutputError(f"stdout: has no ending; say what goes out with --format, one of {known}")
    return _to_stdout(format, info, tracks)


def _writer_of(format: str, name: str) -> Writer:
    if format not in OUTPUT_FORMATS:
        raise OutputError(f"{name}: unknown format {format!r}; use one of {', '.join(OUTPUT_FORMATS)}")
    return WRITERS[f".{format}"]


@contextlib.contextmanager
def _to_stdout(format: str, info: SequenceInfo, tracks: OutgoingTracks | None) -> Iterator[FrameWriter]:
    make = _writer_of(format, "stdout")
    with contextlib.ExitStack() as stack:
        if format in _STREAMED:
            check_stdout()
            path = STDOUT
        else:
            path = stack.enter_context(stdout_from_disk(f".{format}"))
        writer = make(path, info)
        writer.tracks = tracks
        yield stack.enter_context(writer)
