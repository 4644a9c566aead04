"""The formats that can be written, one ending each, and the writer that an output's name asks for.

A new format is an entry of `WRITERS` and a module with its writer; a new kind of video is an entry and a
function in `encodings.py`.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from ...errors import OutputError
from ..sequence import SequenceInfo
from .arrays import ArrayWriter
from .encodings import VideoEncoding, ffv1, gif, h264, vp9
from .frame_writer import FrameWriter
from .images import DirectoryWriter
from .tiff import TiffWriter
from .video import VideoWriter


class Writer(Protocol):
    """Makes a writer of frames as `info` describes them. Raises `OutputError`."""

    def __call__(self, path: Path, info: SequenceInfo, *, force: bool = False) -> FrameWriter: ...


def _video(encoding: Callable[[SequenceInfo], VideoEncoding]) -> Writer:
    def write(path: Path, info: SequenceInfo, *, force: bool = False) -> FrameWriter:
        return VideoWriter(path, info, encoding(info), force=force)

    return write


WRITERS: dict[str, Writer] = {
    ".mp4": _video(h264),
    ".m4v": _video(h264),
    ".mov": _video(h264),
    ".mkv": _video(ffv1),
    ".webm": _video(vp9),
    ".gif": _video(gif),
    ".npy": ArrayWriter,
    ".tif": TiffWriter,
    ".tiff": TiffWriter,
}

OUTPUT_ENDINGS = tuple(WRITERS)
"""The endings that `open_writer` knows; no ending means a directory of PNG images."""


def open_writer(path: Path | str, info: SequenceInfo, *, force: bool = False) -> FrameWriter:
    """A writer of frames, for use in a `with` block; the ending of `path` chooses the format.

    .mp4 .m4v .mov (H.264), .mkv (FFV1, lossless), .webm (VP9), .gif, .npy, .tif .tiff; no ending, a closing
    slash or an existing directory: PNG images. Of `info`, the size, channels, times, rate, colour and pixel
    shape are used. Raises `OutputError` for other endings, and if something exists there and `force` is not
    set.
    """
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
