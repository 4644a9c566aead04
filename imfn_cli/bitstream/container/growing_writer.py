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
`compact` rewrites the journal as a plain latent, the same bytes as `imfn compress -g 0` would have
made.
"""

import json
import os
import struct
import time
import zlib
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np

from ...system.files import replacing, write_all, writing
from .header import METADATA_KEY, Header
from .journal import CRC, HEAD, MAGIC


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
        head = HEAD.pack(
            *(MAGIC, level, len(data), zlib.crc32(data), times[0], tick if even else 0, zlib.crc32(shown))
        )
        record = head + CRC.pack(zlib.crc32(head)) + shown + data
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
                write_all(file, struct.pack("<Q", len(text)) + text + record)
            except OSError:
                file.close()
                raise
        self._file = file
        self._start = 8 + len(text)
        self.size = self._start + len(record)
        _sync_folder(self._path.parent)

    def _append(self, file: BinaryIO, record: bytes) -> None:
        try:
            write_all(file, record)
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
