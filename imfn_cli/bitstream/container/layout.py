"""The frame of every file here: safetensors, an 8-byte length, a JSON layout, the tensors' bytes."""

import json
import struct
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from ...errors import LatentError

#: safetensors' names of the types that a latent's tensors have.
DTYPES = {"U8": np.uint8, "U16": np.uint16, "U32": np.uint32, "I64": np.int64}
#: The name of the tensor that holds sound and subtitles.
TRACKS = "tracks"
#: The names of those that hold alpha planes, and where they are.
ALPHA, ALPHA_TABLE = "alpha", "alpha_table"
#: The longest layout that is looked into, in bytes; one that imfn writes has a few thousand. JSON takes
#: many times its size once it is parsed, and its checksum is inside.
LONGEST_LAYOUT = 1 << 20
# What the safetensors library itself accepts.
_LONGEST_ACCEPTED = 100_000_000


def checksum_of(file: BinaryIO, start: int = 0, size: int | None = None) -> int:
    """The CRC-32 of `size` bytes of a file from `start` on (None: to its end), read in pieces."""
    checksum, rest = 0, size
    file.seek(start)
    while block := file.read(1 << 20 if rest is None else min(1 << 20, rest)):
        checksum = zlib.crc32(block, checksum)
        rest = None if rest is None else rest - len(block)
    return checksum


def layout_bytes(layout: dict[str, Any]) -> bytes:
    """The length and the JSON of a layout, padded so that the tensors after it are aligned."""
    text = json.dumps(layout, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text


def tensor_entry(dtype: np.dtype[Any], shape: tuple[int, ...], position: int, size: int) -> dict[str, Any]:
    """A tensor's entry in the layout: `size` bytes from `position` on."""
    name = next(name for name, known in DTYPES.items() if dtype == known)
    return {"dtype": name, "shape": list(shape), "data_offsets": [position, position + size]}


def read_layout(file: BinaryIO) -> tuple[dict[str, Any], int] | None:
    """The layout at the beginning of a file, and where the tensors' bytes begin.

    Returns None where there is none, or one longer than `LONGEST_LAYOUT`. Nothing in it has been checked.
    """
    start = file.read(8)
    size = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
    if not 2 <= size <= LONGEST_LAYOUT:
        return None
    try:
        layout = json.loads(file.read(size))
    except (ValueError, RecursionError):
        return None
    return (layout, 8 + size) if isinstance(layout, dict) else None


def metadata_of(layout: dict[str, Any]) -> dict[str, Any]:
    """The free text of a layout by its keys; empty where it is malformed."""
    metadata = layout.get("__metadata__")
    return metadata if isinstance(metadata, dict) else {}


def check_layout(path: Path) -> None:
    """Raise `LatentError` where a layout is too long to be parsed, which it is by the library too."""
    with path.open("rb") as file:
        start = file.read(9)
    size = struct.unpack("<Q", start[:8])[0] if len(start) == 9 else 0
    if LONGEST_LAYOUT < size < _LONGEST_ACCEPTED and start[8:] == b"{":
        raise LatentError(
            f"{path}: its safetensors header takes {size:,} bytes, at most {LONGEST_LAYOUT:,} are read; "
            "it is no file of imfn"
        )


class Tensors:
    """The tensors of a safetensors file that the library has found sound.

    Raises `LatentError`, one line, where the path is no such file, it is cut short or damaged, or its layout
    is longer than `LONGEST_LAYOUT`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = _opened(path)

    @property
    def metadata(self) -> dict[str, str]:
        """The free text beside the tensors."""
        return self._file.metadata() or {}

    def __contains__(self, name: str) -> bool:
        return name in self._file.keys()  # noqa: SIM118 (not a dictionary)

    def kind(self, name: str) -> tuple[str, list[int]]:
        """A tensor's type, as safetensors names it, and shape. Numpy knows only some: ask before loading."""
        part = self._file.get_slice(name)
        return str(part.get_dtype()), list(part.get_shape())

    def load(self, name: str) -> NDArray[Any]:
        """A tensor as an array."""
        array: NDArray[Any] = self._file.get_tensor(name)
        return array

    def place(self, name: str) -> int:
        """Where a tensor's bytes begin in the file."""
        return self._extent(name)[0]

    def bytes_of(self, name: str) -> int:
        """How many bytes a tensor takes in the file."""
        begin, end = self._extent(name)
        return end - begin

    def _extent(self, name: str) -> tuple[int, int]:
        with self._path.open("rb") as file:
            size = struct.unpack("<Q", file.read(8))[0]
            begin, end = json.loads(file.read(size))[name]["data_offsets"]
            return int(8 + size + begin), int(8 + size + end)


def _opened(path: Path) -> Any:
    try:
        if path.stat().st_size == 0:
            raise LatentError(f"{path}: empty file; compress the source again")
        check_layout(path)
        return safe_open(path, framework="numpy").__enter__()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise LatentError(f"{path}: no such file") from error
    except IsADirectoryError as error:
        raise LatentError(f"{path}: is a directory, not a latent") from error
    except OSError as error:
        raise LatentError(f"{path}: cannot be read ({error.strerror or error})") from error
    except SafetensorError as error:
        raise LatentError(f"{path}: {_reason(path)}") from error


def _reason(path: Path) -> str:
    """Why the safetensors library refused a file: cut short, damaged, or something else altogether."""
    with path.open("rb") as file:
        start = file.read(8)
        size = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        if file.read(1) != b"{" or size >= _LONGEST_ACCEPTED:
            return "not an imfn latent; make one with 'imfn compress'"
        stored = path.stat().st_size
        if 8 + size > stored:
            return "cut short within its header; copy it again, or compress the source again"
        file.seek(8)
        try:
            layout = json.loads(file.read(size))
            end = max(int(v["data_offsets"][1]) for k, v in layout.items() if k != "__metadata__")
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, RecursionError):
            return "its safetensors header is damaged; compress the source again"
    missing = 8 + size + end - stored
    if missing > 0:
        return f"cut short, {missing:,} bytes are missing; copy it again, or compress the source again"
    return "its safetensors header is damaged; compress the source again"
