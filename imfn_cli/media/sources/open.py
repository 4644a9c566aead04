"""Opening any source of frames: what it is decides its content, not its name."""

import stat
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from ...errors import InputError
from ..problems import reading
from ..sequence import Sequence
from .arrays import ArraySequence
from .idx import IdxSequence, looks_like_idx
from .images import StillImages
from .inputs import Source, still_images
from .stacks import Animation, ImageStack
from .video import VideoSequence

_ARRAY_MAGIC = (b"\x93NUMPY", b"PK\x03\x04")
_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_IMAGE_MAGIC = (
    b"GIF8",
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff",
    b"BM",
    b"P1",
    b"P2",
    b"P3",
    b"P4",
    b"P5",
    b"P6",
    b"\0\0\0\x0cjP  ",
    *_TIFF_MAGIC,
)


def open_sequence(source: Source | str | Path, *, start: int = 0, stop: int | None = None) -> Sequence:
    """Open a video, images, an animation, an array or MNIST images; frames start:stop of it (stop excluded).

    `source` is a path, or one of the sources that `expand_inputs` returns. With start > 0 times count from
    the first selected frame. Raises `InputError`, one line, when it is missing or is none of these.
    """
    if not isinstance(source, Source):
        source = Source((Path(source),), str(source), "unknown")
    if len(source.paths) > 1:
        return StillImages(source.paths, source.name, start=start, stop=stop)
    path, name = source.paths[0], source.name
    with reading(name, "cannot be read"):
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            return StillImages(still_images(path), name, start=start, stop=stop)
        if not stat.S_ISREG(mode):
            raise InputError(f"{name}: is not a regular file; save the stream to a file first")
        with path.open("rb") as file:
            head = file.read(1024)
    return _kind_of(path, name, head)(path, name, start=start, stop=stop)


def _kind_of(path: Path, name: str, head: bytes) -> Callable[..., Sequence]:
    """What reads a file that begins with `head`."""
    if not head:
        raise InputError(f"{name}: is empty (0 bytes); copy it again")
    if head.startswith(_ARRAY_MAGIC):
        return ArraySequence
    if head.startswith(b"\x1f\x8b") or looks_like_idx(head):
        return IdxSequence
    if head.startswith(_IMAGE_MAGIC) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        return _kind_of_image(path, name, head)
    if _is_text(head):
        raise InputError(f"{name}: is a text file; name a video, images or an array")
    return VideoSequence


def _kind_of_image(path: Path, name: str, head: bytes) -> Callable[..., Sequence]:
    with reading(name, "cannot be read as an image; is it damaged?"), Image.open(path) as image:
        if not getattr(image, "is_animated", False):
            return _one_image
    return ImageStack if head.startswith(_TIFF_MAGIC) else Animation


def _one_image(path: Path, name: str, *, start: int, stop: int | None) -> Sequence:
    return StillImages((path,), name, start=start, stop=stop)


def _is_text(head: bytes) -> bool:
    """Whether the bytes are plain text: no control characters but white space, and valid UTF-8."""
    if any(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in head):
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        # The 1024 bytes may end in the middle of a character.
        return error.start > len(head) - 4
    return True
