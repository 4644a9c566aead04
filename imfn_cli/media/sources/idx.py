"""MNIST's format: idx3-ubyte images, plain or gzip-compressed, read as a stream."""

import gzip
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from ...errors import InputError
from ..problems import reading
from ..selection import check_selection, select
from ..sequence import Frame, Sequence, SequenceInfo

_DAMAGED = "cannot be read as MNIST images (idx3-ubyte); is it damaged or cut short?"
_UNSIGNED_BYTE = 0x08
_TYPES = {0x08, 0x09, 0x0B, 0x0C, 0x0D, 0x0E}


def is_idx(head: bytes) -> bool:
    """Whether these first bytes of a file (at least 4) start an idx array of any type and shape."""
    return len(head) >= 4 and head[:2] == b"\0\0" and head[2] in _TYPES and 1 <= head[3] <= 4


class IdxSequence(Sequence):
    """The images of an idx3-ubyte file: gray frames, 25 to the second."""

    def __init__(self, path: Path, name: str, *, start: int = 0, stop: int | None = None) -> None:
        """Reads the header. Raises `InputError` for other types and shapes (labels have one dimension)."""
        check_selection(name, start, stop)
        self._path = path
        with reading(name, _DAMAGED), _open(path) as stream:
            magic = stream.read(4)
            if not is_idx(magic) or magic[2] != _UNSIGNED_BYTE or magic[3] != 3:
                raise InputError(f"{name}: {_what_else(magic)}; name the idx3-ubyte file with the images")
            count, height, width = struct.unpack(">3I", stream.read(12))
        if height == 0 or width == 0:
            raise InputError(f"{name}: holds no pixels ({width}x{height})")
        self._shape = (height, width, 1)
        self._count = count
        self._chosen = select(name, count, start, stop)
        super().__init__(
            name,
            SequenceInfo.untimed(
                width=width,
                height=height,
                channels=1,
                frame_count=len(self._chosen),
                kind="idx",
                size_bytes=path.stat().st_size,
            ),
        )

    def __iter__(self) -> Iterator[Frame]:
        self.warnings.clear()
        height, width, _ = self._shape
        with reading(self.name, _DAMAGED):
            stream = _open(self._path)
        with stream:
            with reading(self.name, _DAMAGED):
                stream.seek(16 + self._chosen.start * height * width)
            for index in self._chosen:
                with reading(self.name, f"breaks at image {index}; is it damaged or cut short?"):
                    data = stream.read(height * width)
                    if len(data) < height * width:
                        raise EOFError("the data ends early")
                yield Frame(np.frombuffer(data, np.uint8).reshape(self._shape), index - self._chosen.start)
            if self._chosen.stop == self._count:
                with reading(self.name, _DAMAGED):
                    if surplus := _rest_of(stream):
                        self.warnings.append(
                            f"{surplus:,} bytes after the {self._count} images that it declares were left out"
                        )


def _open(path: Path) -> BinaryIO:
    """The idx array as a stream of bytes, decompressed where it is a gzip file."""
    with path.open("rb") as file:
        compressed = file.read(2) == b"\x1f\x8b"
    return cast(BinaryIO, gzip.open(path, "rb")) if compressed else path.open("rb")


def _rest_of(stream: BinaryIO) -> int:
    """How many bytes are left; reads to the end, for a compressed stream knows it no sooner."""
    rest = 0
    while block := stream.read(1 << 20):
        rest += len(block)
    return rest


def _what_else(magic: bytes) -> str:
    """What a file is that begins with `magic` and holds no images, for a message."""
    if is_idx(magic) and magic[3] == 1:
        return "holds labels (idx1), not images"
    if is_idx(magic):
        return f"is an idx array of {magic[3]} dimensions and type 0x{magic[2]:02x}, not idx3-ubyte"
    return "is gzip-compressed but holds no images"
