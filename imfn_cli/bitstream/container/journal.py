"""The records of a growing latent as bytes: finding their heads again, whatever has been damaged."""

import os
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .header import HIGHEST_LEVEL

MAGIC = b"node"
#: magic, level, size, CRC-32 of the data, first time, tick, CRC-32 of the times
HEAD = struct.Struct("<4sIQIqQI")
#: CRC-32 of the head
CRC = struct.Struct("<I")
HEAD_SIZE = HEAD.size + CRC.size
#: Bytes that are looked through at once for a head.
BLOCK = 1 << 20


class Record(NamedTuple):
    """One finished node, and where its bytes lie in the journal."""

    level: int
    offset: int
    size: int
    crc32: int
    times: range | NDArray[np.int64]
    lost: bool = False
    """Its head or its times are damaged: level and times are what the records around it tell."""


class Gap(NamedTuple):
    """Bytes of the journal that hold nodes but no head that can be read, between two records or before any.

    alone: they are one record, or what is left of its head still says so.   level: what that head says.
    certain: the head is whole and only the times are damaged.
    """

    size: int
    alone: bool
    level: int
    certain: bool


class _Head(NamedTuple):
    magic: bytes
    level: int
    size: int
    crc32: int
    first: int
    tick: int
    crc_of_times: int

    @property
    def bytes_of_times(self) -> int:
        return 0 if self.tick else 8 << self.level


def pieces_of(file: BinaryIO, start: int, block: int = BLOCK) -> Iterator[Record | Gap]:
    """The complete records from `start` on, and the gaps between them; what is not complete ends them."""
    end = file.seek(0, os.SEEK_END)
    at = start
    while at + HEAD_SIZE <= end:
        head = _head_at(file, at)
        if head is None:
            following = _next_head(file, at + 1, block)
            if following is None:
                return
            yield _gap(file, at, following, block)
            at = following
            continue
        shown = file.read(head.bytes_of_times)
        offset = at + HEAD_SIZE + head.bytes_of_times
        if offset + head.size > end:
            return
        if zlib.crc32(shown) == head.crc_of_times:
            count = 1 << head.level
            times = (
                range(head.first, head.first + count * head.tick, head.tick)
                if head.tick
                else np.frombuffer(shown, "<i8")
            )
            yield Record(head.level, offset, head.size, head.crc32, times)
        else:
            yield Gap(offset + head.size - at, True, head.level, True)
        at = offset + head.size


def _parsed(content: bytes) -> _Head:
    return _Head(*HEAD.unpack(content[: HEAD.size]))


def _head_at(file: BinaryIO, at: int) -> _Head | None:
    """The head at a place in the file, where one is; the file is left behind it."""
    file.seek(at)
    content = file.read(HEAD_SIZE)
    if len(content) < HEAD_SIZE or CRC.unpack(content[HEAD.size :])[0] != zlib.crc32(content[: HEAD.size]):
        return None
    head = _parsed(content)
    # A tick below 0 or a node of 4 GB was never written, whatever its checksum says.
    usual = head.magic == MAGIC and head.level <= HIGHEST_LEVEL and head.tick >= 0 and head.size < 1 << 32
    return head if usual else None


def _next_head(file: BinaryIO, start: int, size: int) -> int | None:
    """Where the next head from `start` on begins."""
    at = start
    while True:
        file.seek(at)
        block = file.read(size)
        found = block.find(MAGIC)
        while found >= 0:
            if _head_at(file, at + found) is not None:
                return at + found
            found = block.find(MAGIC, found + 1)
        if len(block) < size:
            return None
        # The magic may lie across the end of the block.
        at += size - len(MAGIC) + 1


def _gap(file: BinaryIO, start: int, end: int, block: int) -> Gap:
    """The gap from `start` to `end`: is it one record? Its size or its data's checksum may be there still."""
    file.seek(start)
    content = file.read(min(end - start, block))
    if len(content) < HEAD_SIZE:
        return Gap(end - start, False, 0, False)
    head = _parsed(content)
    data = end - start - HEAD_SIZE
    alone = head.level <= HIGHEST_LEVEL and head.size == data - head.bytes_of_times
    alone = alone or (len(content) == end - start and zlib.crc32(content[HEAD_SIZE:]) == head.crc32)
    return Gap(end - start, alone, head.level, False)


def is_whole(file: BinaryIO, record: Record) -> bool:
    file.seek(record.offset)
    return zlib.crc32(file.read(record.size)) == record.crc32
