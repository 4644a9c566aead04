"""Whatever a source is, as an array of its samples: files of arrays, videos, folders of images."""

from pathlib import Path

from ...errors import InputError
from ..arrays.open_array import is_array, is_zarr, open_array
from ..arrays.source import ArraySource, PartOfArray
from ..problems import reading
from ..selection import selected
from .formats import HEAD_BYTES, VIDEO, format_of_content, format_of_name
from .images_array import ImagesArray
from .inputs import Source, still_images
from .video_array import VideoArray

_WANTED = (
    "is no array; lossless, max_error and fit are for .npy, .npz, .tif, .h5, .zarr, video files, and folders "
    "of PNG, PGM, PPM or TIFF"
)


def open_samples(
    source: Source, *, start: int = 0, stop: int | None = None, stream: int | None = None, exact: bool = False
) -> ArraySource:
    """Open a source as an array; frames start … stop − 1 of it.

    stream: which of several video streams.   exact: refuse what has to be converted to RGB first.
    Raises `InputError`, one line, where it is none.
    """
    whole = _opened(source, stream, exact)
    if whole is None:
        return open_array(source.name, start=start, stop=stop)
    if (start, stop) == (0, None):
        return whole
    try:
        chosen = selected(source.name, whole.frames, start, stop)
        return PartOfArray(whole, chosen.start, chosen.stop)
    except InputError:
        whole.close()
        raise


def _opened(source: Source, stream: int | None, exact: bool) -> ArraySource | None:
    """None for a file of an array."""
    if not source.paths:
        raise InputError(f"{source.name}: {_WANTED}; save it to a file first")
    if len(source.paths) > 1:
        return ImagesArray(source.paths, source.name, exact=exact)
    path = source.paths[0]
    if is_zarr(path):
        return None
    if path.is_dir():
        with reading(source.name, "cannot be read"):
            images = still_images(path)
        if not images:
            raise InputError(f"{source.name}: {_WANTED}")
        return ImagesArray(images, source.name, exact=exact, folder=True)
    if is_array(source.name) or not path.is_file():
        return None
    if _is_video(path, source.name):
        return VideoArray(path, source.name, stream=stream, exact=exact)
    known = format_of_name(path)
    if known is not None and known.kind == "images":
        return ImagesArray([path], source.name, exact=exact)
    raise InputError(f"{source.name}: {_WANTED}")


def _is_video(path: Path, name: str) -> bool:
    """Whether the ending is that of a video, and nothing in the file says otherwise."""
    if format_of_name(path) is not VIDEO:
        return False
    with reading(name, "cannot be read"), path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    return format_of_content(head) in (None, VIDEO)
