"""A latent that grows: an append-only journal of finished nodes, readable after a kill at any moment.

The file is a safetensors file with the one metadata key of every latent and one tensor:

metadata  {"imfn": sorted JSON: "format" 2, the fields of `Header` that are known beforehand, their CRC-32}
journal   U8: records, one after another, each of them
            head   44 bytes: magic, level, size and CRC-32 of the node's bytes, time of its first frame, ticks
                   from frame to frame (0: they follow), CRC-32 of the block of times, CRC-32 of this head
            times  I64 (2^level,), the frames' times, where they are not evenly spaced
            node   its bytes

Why a journal: what has been written is never written again. One `write` appends a whole record; whatever
ends the process, the records before the last are complete, and the last is complete or fails its checksum and
is left out. The reader trusts the records, not the length that the safetensors header states: that is a
number of fixed width in the file's first sector, brought up to date after each record so that any safetensors
library can open the file too. Frame count, node table and times are the sum of the records; nothing is kept
in memory while the file grows.

Sync: a record is with the system as soon as `add` returns, so SIGKILL loses none. `fdatasync` at most every
`sync` seconds, after a record: a power cut loses at most that much, and never what was synced before.

Why not in place (table and nodes before the end): safetensors allows no gaps, so a table that grows in front
of nodes would move them. Why not a rename per node: it costs the whole file each time. When the stream ends
`container.compact` rewrites the journal as a plain latent, the same bytes as `imfn compress -g 0` would have
made.
"""

import json
import os
import struct
import time
import zlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from ...errors import LatentError
from ...system.files import replacing, writing
from .header import FutureVersionError, Header, HeaderError

_MAGIC = b"node"
_HEAD = struct.Struct("<4sIQIqQI")  # magic, level, size, crc of data, first time, tick, crc of times
_CRC = struct.Struct("<I")
HEAD_SIZE = _HEAD.size + _CRC.size
#: The one metadata key of every latent.
METADATA_KEY = "imfn"
_MAX_HEADER = 1 << 20
# Bytes that are looked through at once for a head.
_BLOCK = 1 << 20


class Record(NamedTuple):
    """One finished node, and where its bytes lie in the journal."""

    level: int
    offset: int
    size: int
    crc32: int
    times: range | NDArray[np.int64]
    lost: bool = False
    """Its head or its times are damaged: level and times are what the records around it tell."""


class GrowingWriter:
    """Appends nodes to a growing latent at `path`, which appears with the first of them.

    header: frames, start_time and frame_ticks are not looked at, the records tell them.
    """

    def __init__(self, path: Path, header: Header, *, force: bool = False, sync: float = 1.0) -> None:
        self._path = path
        self._header = header
        self._force = force
        self._sync = sync
        self._synced = time.monotonic()
        self._file: BinaryIO | None = None
        self._start = 0
        self.size = 0
        """Bytes of the file so far."""

    def add(self, level: int, data: bytes, times: list[int]) -> None:
        """Append the next node in time: its bytes, and the times of its 2^level frames, increasing.

        Raises `OutputError` (the file exists without `force`, or cannot be written). All earlier nodes stay.
        """
        block = np.asarray(times, "<i8")
        if len(block) != 1 << level:
            raise ValueError(f"{len(block)} times for a node of level {level}")
        ticks = np.diff(block)
        tick = int(ticks[0]) if ticks.size else 1
        even = tick > 0 and bool((ticks == tick).all())
        shown = b"" if even else block.tobytes()
        head = _HEAD.pack(
            *(_MAGIC, level, len(data), zlib.crc32(data), times[0], tick if even else 0, zlib.crc32(shown))
        )
        record = head + _CRC.pack(zlib.crc32(head)) + shown + data
        with writing(self._path):
            if self._file is None:
                self._create(record)
            else:
                self._append(self._file, record)

    def _create(self, record: bytes) -> None:
        """The file appears at its place with its first record."""
        text = self._layout(len(record)) + b',"__metadata__":'
        text += json.dumps({METADATA_KEY: self._header.to_growing_json()}).encode() + b"}"
        text += b" " * (-len(text) % 8)
        with replacing(self._path, force=self._force) as temporary:
            # Not buffered: what was written is with the system.
            file = temporary.open("wb", buffering=0)
            try:
                _write_all(file, struct.pack("<Q", len(text)) + text + record)
            except OSError:
                file.close()
                raise
        self._file = file
        self._start = 8 + len(text)
        self.size = self._start + len(record)
        _sync_folder(self._path.parent)

    def _append(self, file: BinaryIO, record: bytes) -> None:
        try:
            _write_all(file, record)
        except OSError:
            # Half a record would end the journal for good.
            file.truncate(self.size)
            file.seek(self.size)
            raise
        self.size += len(record)
        # One write for both numbers, in the file's first sector.
        file.seek(8)
        file.write(self._layout(self.size - self._start))
        file.seek(self.size)
        now = time.monotonic()
        if now - self._synced >= self._sync:
            getattr(os, "fdatasync", os.fsync)(file.fileno())
            self._synced = now

    @staticmethod
    def _layout(size: int) -> bytes:
        """The beginning of the safetensors header, as long whatever `size`: JSON allows blanks."""
        return b'{"journal":{"dtype":"U8","shape":[%19d],"data_offsets":[0,%19d]}' % (size, size)

    def close(self) -> None:
        """Sync and close; the file stays as it is."""
        if self._file is not None:
            with writing(self._path):
                os.fsync(self._file.fileno())
                self._file.close()
            self._file = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        elif self._file is not None:
            self._file.close()


@dataclass(frozen=True)
class Journal:
    """A growing latent as it lies on the disk.

    header: complete, summed up from the records.   ticks: (T − 1,), None where constant.
    """

    header: Header
    records: tuple[Record, ...]
    ticks: NDArray[np.int64] | None

    def nodes(self) -> Iterator[tuple[Record, int]]:
        """Each record with its first frame's number."""
        first_frame = 0
        for record in self.records:
            yield record, first_frame
            first_frame += 1 << record.level


def read_journal(path: Path) -> Journal | None:
    """The finished nodes of a growing latent; None where the file is none (or is none that can be told).

    Raises `LatentError` where its header is damaged or no node is finished. Reads heads and times only.
    """
    try:
        with path.open("rb") as file:
            found = _growing_header(file)
            if found is None:
                return None
            text, start = found
            header = Header.from_growing_json(text)
            pieces = list(_pieces(file, start))
            if pieces and not (isinstance(pieces[-1], Record) and _whole(file, pieces[-1])):
                # A power cut may leave a record's length but not its bytes.
                pieces.pop()
                while pieces and isinstance(pieces[-1], _Gap):
                    pieces.pop()
    except FutureVersionError as error:
        raise LatentError(f"{path}: {error}; upgrade imfn to read it") from error
    except HeaderError as error:
        raise LatentError(f"{path}: {error}; compress the source again") from error
    except OSError:
        # Whoever opens it next says why.
        return None
    if not pieces:
        raise LatentError(f"{path}: a stream's latent without a finished node; compress the source again")
    return _summed(header, list(_without_gaps(pieces, header)))


def _growing_header(file: BinaryIO) -> tuple[str, int] | None:
    """The metadata of a growing latent and where its journal starts."""
    start = file.read(8)
    size = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
    if not 2 <= size <= _MAX_HEADER:
        return None
    try:
        layout = json.loads(file.read(size))
        if set(layout) != {"__metadata__", "journal"}:
            return None
        return str(layout["__metadata__"][METADATA_KEY]), 8 + size
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


class _Gap(NamedTuple):
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


def _pieces(file: BinaryIO, start: int) -> Iterator[Record | _Gap]:
    """The complete records from `start` on, and the gaps between them; what is not complete ends them."""
    end = file.seek(0, os.SEEK_END)
    at = start
    while at + HEAD_SIZE <= end:
        head = _head_at(file, at)
        if head is None:
            following = _next_head(file, at + 1)
            if following is None:
                return
            yield _gap(file, at, following)
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
            yield _Gap(offset + head.size - at, True, head.level, True)
        at = offset + head.size


def _parsed(content: bytes) -> _Head:
    return _Head(*_HEAD.unpack(content[: _HEAD.size]))


def _head_at(file: BinaryIO, at: int) -> _Head | None:
    """The head at a place in the file, where one is; the file is left behind it."""
    file.seek(at)
    content = file.read(HEAD_SIZE)
    if len(content) < HEAD_SIZE or _CRC.unpack(content[_HEAD.size :])[0] != zlib.crc32(content[: _HEAD.size]):
        return None
    head = _parsed(content)
    # A tick below 0 or a node of 4 GB was never written, whatever its checksum says.
    usual = head.magic == _MAGIC and head.level <= 20 and head.tick >= 0 and head.size < 1 << 32
    return head if usual else None


def _next_head(file: BinaryIO, start: int) -> int | None:
    """Where the next head from `start` on begins."""
    at = start
    while True:
        file.seek(at)
        block = file.read(_BLOCK)
        found = block.find(_MAGIC)
        while found >= 0:
            if _head_at(file, at + found) is not None:
                return at + found
            found = block.find(_MAGIC, found + 1)
        if len(block) < _BLOCK:
            return None
        # The magic may lie across the end of the block.
        at += _BLOCK - len(_MAGIC) + 1


def _gap(file: BinaryIO, start: int, end: int) -> _Gap:
    """The gap from `start` to `end`: is it one record? Its size or its data's checksum may be there still."""
    file.seek(start)
    content = file.read(min(end - start, _BLOCK))
    if len(content) < HEAD_SIZE:
        return _Gap(end - start, False, 0, False)
    head = _parsed(content)
    data = end - start - HEAD_SIZE
    alone = head.level <= 20 and head.size == data - head.bytes_of_times
    alone = alone or (len(content) == end - start and zlib.crc32(content[HEAD_SIZE:]) == head.crc32)
    return _Gap(end - start, alone, head.level, False)


def _whole(file: BinaryIO, record: Record) -> bool:
    file.seek(record.offset)
    return zlib.crc32(file.read(record.size)) == record.crc32


def _without_gaps(pieces: list[Record | _Gap], header: Header) -> Iterator[Record]:
    """The records, and lost ones for each run of gaps, so that every frame keeps its number and its time."""
    whole = header.ratio.bit_length() - 1
    records = [piece for piece in pieces if isinstance(piece, Record)]
    typical = sum(_stored(record) for record in records) / len(records)
    before: Record | None = None
    gaps: list[_Gap] = []
    for piece in pieces:
        if isinstance(piece, _Gap):
            gaps.append(piece)
            continue
        if gaps:
            nominal = header.frame_ticks or 1
            missing = _frames_between(before, piece, nominal)
            levels = _lost_levels(gaps, before, piece, whole, typical, missing)
            yield from _lost(levels, before, piece, nominal)
        yield piece
        before, gaps = piece, []


def _stored(record: Record) -> int:
    """Bytes of a record in the journal, its head included."""
    times = 0 if isinstance(record.times, range) else record.times.nbytes
    return HEAD_SIZE + times + record.size


def _lost_levels(
    gaps: list[_Gap], before: Record | None, after: Record, whole: int, typical: float, missing: int | None
) -> list[int]:
    """The levels of the nodes between two records, `before` None at the beginning.

    whole: that of a full tree.   typical: bytes of a record.   missing: frames, None where not known. What
    tells, the surest first: whole heads, of which only the times are damaged; what is left of the one head;
    the frames that are missing; the bytes.
    """
    if all(gap.certain for gap in gaps):
        return [gap.level for gap in gaps]
    # Full trees first; in the tail every node is smaller than the one before it.
    largest = whole if before is None or before.level >= whole else max(0, before.level - 1)
    smallest = whole if after.level >= whole else after.level + 1
    if len(gaps) == 1 and gaps[0].alone:
        if missing is None:
            return [max(smallest, min(gaps[0].level, largest))]
        if missing.bit_count() == 1 and missing <= 1 << largest:
            return [missing.bit_length() - 1]
        return [largest] if missing else []
    size = sum(gap.size for gap in gaps)
    if missing is not None:
        levels = [largest] * (missing >> largest)
        levels += [level for level in reversed(range(largest)) if missing >> level & 1]
        if len(levels) * HEAD_SIZE <= size:
            return levels
    return [largest] * min(max(1, round(size / typical)), size // HEAD_SIZE)


def _frames_between(before: Record | None, after: Record, nominal: int) -> int | None:
    """How many frames are missing between two records of evenly spaced ones; None where that is not known."""
    if before is None or not isinstance(before.times, range) or not isinstance(after.times, range):
        return None
    # Single frames have no step of their own.
    steps = {one.times.step for one in (before, after) if isinstance(one.times, range) and one.level}
    if len(steps) > 1:
        return None
    count, rest = divmod(after.times[0] - before.times[-1], steps.pop() if steps else nominal)
    return count - 1 if rest == 0 and count > 0 else None


def _lost(levels: list[int], before: Record | None, after: Record, tick: int) -> Iterator[Record]:
    """Lost records of these levels, their frames' times spread evenly between the records around them."""
    frames = sum(1 << level for level in levels)
    end = int(after.times[0])
    if isinstance(after.times, range) and after.level:
        tick = after.times.step
    start = end - (frames + 1) * tick if before is None else int(before.times[-1])
    shown = [start + (end - start) * number // (frames + 1) for number in range(1, frames + 1)]
    first = 0
    for level in levels:
        yield Record(level, 0, 0, 0, np.array(shown[first : first + (1 << level)], np.int64), lost=True)
        first += 1 << level


def _summed(header: Header, records: list[Record]) -> Journal:
    times = array("q")
    for record in records:
        times.extend(record.times if isinstance(record.times, range) else record.times.tolist())
    moments = np.frombuffer(times, np.int64)
    ticks = np.diff(moments)
    constant: int | None = header.frame_ticks
    if ticks.size:
        constant = int(ticks[0]) if ticks[0] > 0 and bool((ticks == ticks[0]).all()) else None
    return Journal(
        header.with_times(len(moments), int(moments[0]), constant),
        tuple(records),
        ticks if constant is None else None,
    )


def _write_all(file: BinaryIO, data: bytes) -> None:
    view = memoryview(data)
    while view:
        # Unbuffered: a full disk or a signal may cut a write short.
        view = view[file.write(view) :]


def _sync_folder(folder: Path) -> None:
    """Make the file's name as durable as its bytes, where the system can."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)
