"""The formats of files that can be read, one declaration each.

    name ──format_of_name──▶ Format: is it a sequence, or a still of one?          (inputs.py)
    first bytes ──format_of_content──▶ Format ──reader──▶ Sequence                 (files.py)

A new format is an entry of `FORMATS` and, unless Pillow or FFmpeg reads it, a module with its reader.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol

from ..sequence import Sequence
from .arrays import ArraySequence
from .idx import IdxSequence, is_idx
from .still_or_stack import holds_several, read_image, read_tiff
from .video import VideoSequence

#: Bytes at the beginning of a file by which `format_of_content` recognises it.
HEAD_BYTES = 1024


class Reader(Protocol):
    """Opens a file. `name` is for messages; frames start:stop, counted from 0. Raises `InputError`."""

    def __call__(self, path: Path, name: str, *, start: int = 0, stop: int | None = None) -> Sequence: ...


class Holds(Enum):
    """What one file of a format is."""

    SEQUENCE = "a sequence"
    STILL = "one image; several files make a sequence"
    EITHER = "one image or a sequence, as Pillow says"


@dataclass(frozen=True)
class Format:
    """How files of one format are recognised and read."""

    kind: str
    """`Source.kind` of a file with such a name: "video", "images", "animation", "array" or "idx"."""

    reader: Reader
    endings: tuple[str, ...]
    """Of file names, in lower case."""

    magic: tuple[bytes, ...] = ()
    """First bytes of a file, each of which identifies the format."""

    recognises: Callable[[bytes], bool] | None = None
    """A test of the first `HEAD_BYTES` (or all, if there are fewer), where `magic` cannot say it."""

    holds: Holds = Holds.SEQUENCE

    @property
    def has_mark(self) -> bool:
        """Whether the content of such files tells what they are."""
        return bool(self.magic) or self.recognises is not None

    def begins(self, head: bytes) -> bool:
        """Whether a file of this format begins with `head`."""
        return head.startswith(self.magic) or (self.recognises is not None and self.recognises(head))

    def is_sequence(self, path: Path) -> bool:
        """Whether a file with a name of this format is a sequence by itself; a damaged image is not."""
        if self.holds is not Holds.EITHER:
            return self.holds is Holds.SEQUENCE
        try:
            return holds_several(path)
        except Exception:  # opening it as a still names it with the reason
            return False


def _is_webp(head: bytes) -> bool:
    return head[:4] == b"RIFF" and head[8:12] == b"WEBP"


def _is_avif(head: bytes) -> bool:
    return head[4:8] == b"ftyp" and head[8:12] in (b"avif", b"avis")


#: What FFmpeg reads, which has no magic bytes in common: the format of all content that no other one claims.
VIDEO = Format(
    "video",
    VideoSequence,
    (
        *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".wmv", ".asf", ".flv", ".f4v", ".3gp", ".3g2"),
        *(".mpg", ".mpeg", ".m2v", ".ts", ".m2ts", ".mts", ".vob", ".dv", ".mxf", ".ogv", ".mj2", ".nut"),
        *(".ivf", ".264", ".h264", ".265", ".h265", ".hevc", ".obu", ".y4m"),
    ),
)

FORMATS = (
    Format("array", ArraySequence, (".npy", ".npz"), magic=(b"\x93NUMPY", b"PK\x03\x04")),
    Format(
        "idx",
        IdxSequence,
        (".idx3-ubyte", "-idx3-ubyte", ".idx3-ubyte.gz", "-idx3-ubyte.gz"),
        magic=(b"\x1f\x8b",),
        recognises=is_idx,
    ),
    Format(
        "images",
        read_tiff,
        (".tif", ".tiff"),
        magic=(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
        holds=Holds.EITHER,
    ),
    Format("animation", read_image, (".gif",), magic=(b"GIF8",), holds=Holds.EITHER),
    Format("animation", read_image, (".webp",), recognises=_is_webp, holds=Holds.EITHER),
    Format("animation", read_image, (".avif", ".avifs"), recognises=_is_avif, holds=Holds.EITHER),
    # Its content is recognised as PNG; one that is named .png counts as a still among others.
    Format("animation", read_image, (".apng",), holds=Holds.EITHER),
    Format("images", read_image, (".png",), magic=(b"\x89PNG\r\n\x1a\n",), holds=Holds.STILL),
    Format("images", read_image, (".jpg", ".jpeg", ".jpe"), magic=(b"\xff\xd8\xff",), holds=Holds.STILL),
    Format("images", read_image, (".bmp",), magic=(b"BM",), holds=Holds.STILL),
    Format(
        "images",
        read_image,
        (".ppm", ".pgm", ".pbm", ".pnm"),
        magic=(b"P1", b"P2", b"P3", b"P4", b"P5", b"P6"),
        holds=Holds.STILL,
    ),
    # Nothing in it tells what it is.
    Format("images", read_image, (".tga",), holds=Holds.STILL),
    Format("images", read_image, (".jp2",), magic=(b"\0\0\0\x0cjP  ",), holds=Holds.STILL),
    VIDEO,
)


def format_of_name(path: Path) -> Format | None:
    """The format that the ending of a file's name stands for, in any case; None where it is unknown."""
    # The dot of a hidden file begins no ending.
    name = path.name.lower().lstrip(".")
    return next((known for known in FORMATS if name.endswith(known.endings)), None)


def format_of_content(head: bytes) -> Format | None:
    """The format of a file that begins with `head`, its first `HEAD_BYTES` (or all, if there are fewer).

    None where nothing identifies it; it may be a video all the same.
    """
    return next((known for known in FORMATS if known.begins(head)), None)
