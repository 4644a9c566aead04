"""Writing frames to whatever the name of the output asks for."""

import os
from collections.abc import Callable
from pathlib import Path

from ...errors import OutputError
from ..sequence import SequenceInfo
from .arrays import ArrayWriter, TiffWriter
from .frame_writer import FrameWriter
from .images import DirectoryWriter
from .video import VideoEncoding, VideoWriter, ffv1, gif, h264, vp9

_RECIPES: dict[str, Callable[[SequenceInfo], VideoEncoding]] = {
    ".mp4": h264,
    ".m4v": h264,
    ".mov": h264,
    ".mkv": ffv1,
    ".webm": vp9,
    ".gif": gif,
}
_WRITERS: dict[str, type[FrameWriter]] = {".npy": ArrayWriter, ".tif": TiffWriter, ".tiff": TiffWriter}

OUTPUT_ENDINGS = (*_RECIPES, *_WRITERS)
"""The endings that `open_writer` knows; no ending means a directory of PNG images."""


def open_writer(path: Path | str, info: SequenceInfo, *, force: bool = False) -> FrameWriter:
    """A writer of frames, for use in a `with` block; the ending of `path` chooses the format.

    .mp4 .m4v .mov (H.264), .mkv (FFV1, lossless), .webm (VP9), .gif, .npy, .tif .tiff; no ending, a closing
    slash or an existing directory: PNG images. Of `info`, the size, channels, times, rate, colour and pixel
    shape are used. Raises `OutputError` for other endings, and where something exists without `force`.
    """
    wants_directory = str(path).endswith(("/", os.sep))
    path = Path(path)
    ending = path.suffix.lower()
    if path.is_dir() or wants_directory or not ending:
        return DirectoryWriter(path, info, force=force)
    if ending in _RECIPES:
        return VideoWriter(path, info, _RECIPES[ending](info), force=force)
    if ending in _WRITERS:
        return _WRITERS[ending](path, info, force=force)
    raise OutputError(
        f"{path}: unknown ending '{path.suffix}'; use one of {' '.join(OUTPUT_ENDINGS)}, "
        "or a name without one for a directory of PNG images"
    )
