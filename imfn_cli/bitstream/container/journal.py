"""The records of a growing latent as bytes: finding their heads again, whatever has been damaged."""

import os
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .header import HIGHEST_LEVEL
from .layout import checksum_of
from .spread import Spread

MAGIC = b"node"
#: magic, level, size, CRC-32 of the data, first time, tick, CRC-32 of the times
HEAD = struct.Struct("<4sIQIqQI")
#: CRC-32 of the head
CRC = struct.Struct("<I")
HEAD_SIZE = HEAD.size + CRC.size
#: Ticks from the first record to the last, at most: half of what 64 bits hold, so that sums do not overflow.
LONGEST_SPAN = 1 << 62
#: Bytes that are looked through at once for a head.
BLOCK = 1 << 20


class Record(NamedTuple):
    """One finished node, and where its bytes lie in the journal."""

    level: int
    offset: int
    size: int
    crc32: int
    times: range | Spread | NDArray[np.int64]
    lost: bool = False
    """Its head or its times are damaged: level and times are what the records around it tell."""


class Gap(NamedTuple):
    """Bytes of the journal that hold nodes but no head that can be read, between two records or before any.

    alone: they are one record, or what is left of its head still says so.   level: what that head says.
    certain: the head is whole and only the times are damaged, or do not come after those before.
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

    def times_in(self, shown: bytes) -> range | NDArray[np.int64] | None:
        """The frames' times; None where the block `shown` is damaged, or they do not increase."""
        if zlib.crc32(shown) != self.crc_of_times:
            return None
        if self.tick:
            return range(self.first, self.first + (self.tick << self.level), self.tick)
        times = np.frombuffer(shown, "<i8")
        return times if bool((times[1:] > times[:-1]).all()) else None


def pieces_of(
    file: BinaryIO, start: int, block: int = BLOCK, top: int = HIGHEST_LEVEL
) -> Iterator[Record | Gap]:
    """The complete records from `start` on, and the gaps between them; what is not complete ends them.

    top: the highest level of a node; a head of a higher one is none.
    """
    end = file.seek(0, os.SEEK_END)
    at, latest = start, -(1 << 63) - 1
    earliest: int | None = None
    while at + HEAD_SIZE <= end:
        head = _head_at(file, at, top)
        if head is None:
            following = _next_head(file, at + 1, block, top)
            if following is None:
                return
            yield _gap(file, at, following, block, top)
            at = following
            continue
        shown = file.read(head.bytes_of_times)
        offset = at + HEAD_SIZE + head.bytes_of_times
        if offset + head.size > end:
            return
        times = head.times_in(shown)
        if times is not None and times[0] > latest and not _too_far(times, earliest):
            yield Record(head.level, offset, head.size, head.crc32, times)
            earliest = int(times[0]) if earliest is None else earliest
            latest = int(times[-1])
        else:
            yield Gap(offset + head.size - at, True, head.level, True)
        at = offset + head.size


def _too_far(times: range | NDArray[np.int64], earliest: int | None) -> bool:
    """Whether the last of these times lies so far after all others that ticks between would need 64 bits."""
    return int(times[-1]) - (int(times[0]) if earliest is None else earliest) >= LONGEST_SPAN


def _parsed(content: bytes) -> _Head:
    return _Head(*HEAD.unpack(content[: HEAD.size]))


def _head_at(file: BinaryIO, at: int, top: int) -> _Head | None:
    """The head at a place in the file, where one is; the file is left behind it."""
    file.seek(at)
    content = file.read(HEAD_SIZE)
    if len(content) < HEAD_SIZE or CRC.unpack(content[HEAD.size :])[0] != zlib.crc32(content[: HEAD.size]):
        return None
    head = _parsed(content)
    # A tick below 0, times beyond 64 bits or a node of 4 GB were never written, whatever its checksum says.
    usual = head.magic == MAGIC and head.level <= top and head.tick >= 0 and head.size < 1 << 32
    return head if usual and head.first + (head.tick << head.level) < 1 << 63 else None


def _next_head(file: BinaryIO, start: int, size: int, top: int) -> int | None:
    """Where the next head from `start` on begins."""
    at = start
    while True:
        file.seek(at)
        block = file.read(size)
        found = block.find(MAGIC)
        while found >= 0:
            if _head_at(file, at + found, top) is not None:
                return at + found
            found = block.find(MAGIC, found + 1)
        if len(block) < size:
            return None
        # The magic may lie across the end of the block.
        at += size - len(MAGIC) + 1


def _gap(file: BinaryIO, start: int, end: int, block: int, top: int) -> Gap:
    """The gap from `start` to `end`: is it one record? Its size or its data's checksum may be there still."""
    file.seek(start)
    content = file.read(min(end - start, block))
    if len(content) < HEAD_SIZE:
        return Gap(end - start, False, 0, False)
    head = _parsed(content)
    data = end - start - HEAD_SIZE
    alone = head.level <= top and head.size == data - head.bytes_of_times
    alone = alone or (len(content) == end - start and zlib.crc32(content[HEAD_SIZE:]) == head.crc32)
    return Gap(end - start, alone, head.level, False)


def is_whole(file: BinaryIO, record: Record) -> bool:
    """Whether a record's bytes are those that were written."""
    return checksum_of(file, record.offset, record.size) == record.crc32
