"""Coded packets that wait in a work file until their container is written, one record each.

head  25 bytes: kind (a packet, one that decoding can begin with, a mark), presentation time and duration in
      ticks, size and CRC-32 of the bytes
data  the packet's bytes; of a mark, JSON: where coding began anew, and what whoever goes on there has to know

Whatever ends the process, the records before the last are complete.
"""

import json
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from av.packet import Packet

from ...system.files import write_all
from ...system.work_file import WorkFile

_HEAD = struct.Struct("<BqqII")
_PACKET, _KEY, _MARK = 0, 1, 2


class PacketJournal:
    """The packets of a video stream that is being made, in the order of decoding."""

    def __init__(self, work: WorkFile) -> None:
        self._file, self._start = work.file, work.start

    def add(self, packet: Packet) -> None:
        """Append a packet. Raises OSError."""
        kind = _KEY if packet.is_keyframe else _PACKET
        self._append(kind, packet.pts or 0, packet.duration or 0, bytes(packet))

    def mark(self, state: dict[str, int]) -> None:
        """Note that the next packet begins anew. Raises OSError."""
        self._append(_MARK, 0, 0, json.dumps(state).encode())

    def _append(self, kind: int, pts: int, duration: int, data: bytes) -> None:
        write_all(self._file, _HEAD.pack(kind, pts, duration, len(data), zlib.crc32(data)) + data)

    def take_up(self) -> dict[str, int] | None:
        """What the last mark says; what comes after it is cut off. None where there is none."""
        state, end = None, self._start
        for kind, *_, data in self._records():
            if kind == _MARK:
                state, end = json.loads(data), self._file.tell()
        self._file.truncate(end)
        self._file.seek(end)
        return state

    def packets(self) -> Iterator[Packet]:
        """All packets, with decoding times that increase and come before those of presentation."""
        shown = np.array([pts for kind, pts, *_ in self._records() if kind != _MARK], np.int64)
        coded = (record for record in self._records() if record[0] != _MARK)
        for (kind, pts, duration, data), dts in zip(coded, decoding_times(shown), strict=True):
            packet = Packet(data)
            packet.pts, packet.dts, packet.duration = pts, int(dts), duration
            packet.is_keyframe = kind == _KEY
            yield packet

    def _records(self) -> Iterator[tuple[int, int, int, bytes]]:
        """The records that are complete: kind, time, duration, bytes. The file stands behind each."""
        self._file.seek(self._start)
        while len(head := self._file.read(_HEAD.size)) == _HEAD.size:
            kind, pts, duration, size, crc = _HEAD.unpack(head)
            data = self._file.read(size)
            if len(data) < size or zlib.crc32(data) != crc:
                return
            yield kind, pts, duration, data


def decoding_times(shown: Any) -> Any:
    """Presentation times (N,) in the order of decoding → decoding times (N,), increasing, none after its own.

    A frame is decoded when the one is shown that comes as many frames before it as the order needs.
    """
    ordered = np.sort(shown)
    delay = int((np.arange(len(shown)) - np.searchsorted(ordered, shown)).max(initial=0))
    step = ordered[1] - ordered[0] if len(ordered) > 1 else 1
    return np.concatenate((ordered[0] - step * np.arange(delay, 0, -1), ordered))[: len(ordered)]
