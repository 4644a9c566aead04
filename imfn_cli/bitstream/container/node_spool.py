"""Nodes that wait in a work file until their latent is whole, one record each.

head   16 bytes: level, number of times, size of the node's bytes, CRC-32 of all else in the record
times  I64, presentation times of the node's frames, if whoever goes on needs them
node   its bytes

Alpha planes of some frames are such records too, of the level `_ALPHA` and with the number of frames as their
only time. They come before the last node of the frames that they belong to.

A record is appended by one write. Whatever ends the process, those before the last are complete, and the last
is complete or fails its checksum.
"""

import struct
import zlib
from array import array
from collections.abc import Iterator, Sequence
from typing import BinaryIO, NamedTuple

import numpy as np

from ...system.files import write_all
from ...system.work_file import WorkFile

_HEAD = struct.Struct("<IIII")
_ALPHA = (1 << 32) - 1


class _Record(NamedTuple):
    """Where a node's bytes are in the work file.   level, size, crc32: as in a latent's table."""

    level: int
    size: int
    crc32: int
    offset: int


class NodeSpool:
    """The nodes of a latent that is being made, in time order."""

    def __init__(self, work: WorkFile) -> None:
        self._file, self._end = work.file, work.start
        self._records: list[_Record] = []
        # Their level is the number of frames.
        self._alpha: list[_Record] = []

    def add(self, level: int, data: bytes, times: Sequence[int] = ()) -> None:
        """Append a node: its level, its bytes, and its frames' times. Raises OSError."""
        self._take(_Record(level, len(data), zlib.crc32(data), self._append(level, data, times)))

    def add_alpha(self, frames: int, data: bytes) -> None:
        """Append the alpha planes of the next `frames` frames. Raises OSError."""
        self._take_alpha(_Record(frames, len(data), zlib.crc32(data), self._append(_ALPHA, data, [frames])))

    def _append(self, level: int, data: bytes, times: Sequence[int]) -> int:
        """Write a record; where its bytes begin."""
        shown = np.asarray(times, "<i8").tobytes()
        head = _HEAD.pack(level, len(times), len(data), 0)
        record = head[:-4] + struct.pack("<I", zlib.crc32(head + shown + data)) + shown + data
        write_all(self._file, record)
        return self._end + len(record) - len(data)

    def _take(self, record: _Record) -> None:
        self._records.append(record)
        self._end = record.offset + record.size

    def _take_alpha(self, record: _Record) -> None:
        self._alpha.append(record)
        self._end = record.offset + record.size

    def take_up(self, gop: int) -> "array[int]":
        """Take up the whole GOPs, of `gop` frames, that an interrupted run left; the rest is cut off.

        Returns the times of their frames.
        """
        times, whole = array("q"), 0
        waiting: list[_Record] = []
        alpha: list[_Record] = []
        for record, shown in self._found():
            if record.level == _ALPHA:
                frames = int(np.frombuffer(shown, "<i8")[0])
                alpha.append(record._replace(level=frames))
                continue
            waiting.append(record)
            times.extend(np.frombuffer(shown, "<i8").tolist())
            if len(times) % gop == 0:
                for one in alpha:
                    self._take_alpha(one)
                for one in waiting:
                    self._take(one)
                waiting, alpha, whole = [], [], len(times)
        self._file.truncate(self._end)
        self._file.seek(self._end)
        return times[:whole]

    def _found(self) -> Iterator[tuple[_Record, bytes]]:
        """The records that are complete, and their times."""
        end = self._file.seek(0, 2)
        at = self._file.seek(self._end)
        while len(head := self._file.read(_HEAD.size)) == _HEAD.size:
            level, count, size, crc = _HEAD.unpack(head)
            if at + _HEAD.size + 8 * count + size > end:
                return
            shown, data = _read(self._file, 8 * count), _read(self._file, size)
            if zlib.crc32(head[:-4] + bytes(4) + shown + data) != crc:
                return
            at += _HEAD.size + 8 * count
            yield _Record(level, size, zlib.crc32(data), at), shown
            at += size

    @property
    def table(self) -> list[tuple[int, int, int]]:
        """Level, size and CRC-32 of each node."""
        return [record[:3] for record in self._records]

    @property
    def alpha_table(self) -> list[tuple[int, int, int]]:
        """Frames, size and CRC-32 of the alpha planes that are coded together."""
        return [record[:3] for record in self._alpha]

    def alpha(self) -> Iterator[bytes]:
        """The bytes of each of those."""
        return self._bytes_of(self._alpha)

    @property
    def node_bytes(self) -> int:
        """Bytes of all nodes."""
        return sum(record.size for record in self._records)

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[bytes]:
        """The bytes of each node."""
        return self._bytes_of(self._records)

    def _bytes_of(self, records: list[_Record]) -> Iterator[bytes]:
        for record in records:
            self._file.seek(record.offset)
            yield _read(self._file, record.size)
        self._file.seek(self._end)


def _read(file: BinaryIO, size: int) -> bytes:
    """So many bytes of an unbuffered file, fewer at its end."""
    data = bytearray()
    while len(data) < size and (part := file.read(size - len(data))):
        data += part
    return bytes(data)
