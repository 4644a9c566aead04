"""What a container's own bytes say that FFmpeg does not tell: what is cut off, what follows the film."""

import struct
from pathlib import Path
from typing import BinaryIO

_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"


def container_notes(path: Path, container_format: str) -> list[str]:
    """Lines about a file of FFmpeg's format `container_format`; none where all is well. Raises OSError."""
    if "matroska" in container_format:
        missing = _missing_of_matroska(path)
        return [f"cut short: the last {missing:,} bytes of the file are missing"] if missing else []
    if "mp4" in container_format:
        films = _films_in_mp4(path)
        if len(films) > 1:
            return [
                f"{len(films)} films joined end to end: only the first is read; "
                f"'tail -c +{films[1] + 1} {path.name} > rest{path.suffix}' makes a file of the others"
            ]
    return []


def _missing_of_matroska(path: Path) -> int:
    """Bytes that the segment announces beyond the end of the file; 0 where it does not say its size."""
    with path.open("rb") as file:
        if file.read(4) != _EBML:
            return 0
        head = _variable_size(file)
        if head is None:
            return 0
        file.seek(head, 1)
        if file.read(4) != _SEGMENT:
            return 0
        size = _variable_size(file)
        begin = file.tell()
    return 0 if size is None else max(begin + size - path.stat().st_size, 0)


def _variable_size(file: BinaryIO) -> int | None:
    """An EBML size: as many bytes as the first one has leading zeros, and one; None if it is not stated."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    length = 9 - first[0].bit_length()
    rest = file.read(length - 1)
    if len(rest) < length - 1:
        return None
    value = int.from_bytes(first + rest) & ((1 << 7 * length) - 1)
    return None if value == (1 << 7 * length) - 1 else value


def _films_in_mp4(path: Path) -> list[int]:
    """Where the films (each with a box `moov`) begin that follow one another."""
    films: list[int] = []
    begins = 0
    size = path.stat().st_size
    with path.open("rb") as file:
        at = 0
        while at + 8 <= size:
            file.seek(at)
            head = file.read(16)
            length, kind = struct.unpack(">I4s", head[:8])
            if length == 1 and len(head) == 16:
                length = struct.unpack(">Q", head[8:])[0]
            if kind == b"ftyp":
                begins = at
            elif kind == b"moov":
                films.append(begins)
            if length < 8:
                # To the end of the file, or damaged.
                break
            at += length
    return films
