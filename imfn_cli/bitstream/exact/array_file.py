"""The file of an array latent: a safetensors file with one metadata key and two or three tensors.

metadata  {"imfn_array": sorted JSON of `ArrayHeader`, its own CRC-32 and that of `table`}
table     U32 (n, 3): frames, size in bytes and CRC-32 of each group, in order
model     U8 (size,): of memories, the tree that was fitted to the array (`TreeModel.to_bytes`)
groups    U8 (total,): the groups' bytes, one after another
"""

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...errors import LatentError
from ...limits import DEFAULT_LIMITS, Limits
from ...system.files import writing
from ...system.remote import RemotePath, reading
from ..container.header import FutureVersionError, HeaderError
from ..container.layout import Tensors, layout_bytes, tensor_entry
from ..container.ranged import RangedTensors
from ..container.spooled_writer import SpooledWriter
from .array_header import METADATA_KEY, ArrayHeader

#: More than the entries of the largest tree take.
MOST_MODEL_BYTES = 1 << 24
# What a row of the table takes in memory, in bytes.
_ENTRY_BYTES = 400


class Group(NamedTuple):
    """A group's place in the file. offset: counted from the first group's bytes."""

    number: int
    first_frame: int
    length: int
    offset: int
    size: int
    crc32: int

    @property
    def frames(self) -> range:
        """The frames that it holds."""
        return range(self.first_frame, self.first_frame + self.length)

    def __str__(self) -> str:
        return f"group {self.number} (frames {self.frames[0]} to {self.frames[-1]})"


class ArrayWriter(SpooledWriter):
    """Collects groups as they are made; the file appears, whole, when `finish` is called.

    Groups wait in the output's work file, so memory does not grow with the array.
    """

    def take_up(self) -> int:
        """Take up the groups that an interrupted run left: how many frames they hold. Before `add`."""
        with writing(self._path):
            if self._work.found:
                self._nodes.take_up(1)
        return sum(frames for frames, *_ in self._nodes.table)

    def add(self, frames: int, data: bytes) -> None:
        """Append the bytes of the next group."""
        with writing(self._path):
            self._nodes.add(frames, data)

    @property
    def groups(self) -> int:
        """How many there are so far."""
        return len(self._nodes)

    def finish(self, header: ArrayHeader, model: bytes = b"") -> None:
        """Write header, table, the tree's bytes where there is one, and groups."""
        table = np.array(self._nodes.table, "<u4").reshape(-1, 3)
        total = int(table[:, 1].sum(dtype=np.int64))
        checksums = {"table": zlib.crc32(table.tobytes())}
        layout: dict[str, Any] = {"table": tensor_entry(np.dtype(np.uint32), table.shape, 0, table.nbytes)}
        at = table.nbytes
        if model:
            checksums["model"] = zlib.crc32(model)
            layout["model"] = tensor_entry(np.dtype(np.uint8), (len(model),), at, len(model))
            at += len(model)
        layout["groups"] = tensor_entry(np.dtype(np.uint8), (total,), at, total)
        layout = {"__metadata__": {METADATA_KEY: header.to_json(**checksums)}} | layout
        with writing(self._path), self._work.part.open("wb") as file:
            file.write(layout_bytes(layout))
            file.write(table.tobytes())
            file.write(model)
            for data in self._nodes:
                file.write(data)
        self._finished = True


class ArrayFile:
    """An array latent opened for reading: `header`, `groups`, and the bytes of each on demand.

    limits: for what is going to be restored from it.   size: of the file.

    Raises `LatentError` where the file is none, of a future version, cut short, or its header or table is
    damaged; `LimitError` where its table is too large. A damaged group raises only when it is read.
    """

    def __init__(self, path: Path | RemotePath, limits: Limits = DEFAULT_LIMITS) -> None:
        self.path, self.limits = path, limits
        tensors = RangedTensors(path) if isinstance(path, RemotePath) else Tensors(path)
        self.size = path.stat().st_size
        try:
            self.header, checksums = ArrayHeader.from_json(tensors.metadata.get(METADATA_KEY, ""))
            self.groups = tuple(self._entries(tensors, checksums))
            #: Bytes of the tree; none without one.
            self.model = self._model(tensors, checksums) if self.header.tree else b""
        except FutureVersionError as error:
            raise LatentError(f"{path}: {error}; upgrade imfn to read it") from error
        except HeaderError as error:
            raise LatentError(f"{path}: {error}; compress the source again") from error
        self._groups_at = tensors.place("groups")

    def read(self, group: Group) -> bytes:
        """The bytes of a group. Raises `LatentError` if their checksum differs."""
        with reading(self.path, LatentError), self.path.open("rb") as file:
            file.seek(self._groups_at + group.offset)
            data = file.read(group.size)
        if zlib.crc32(data) != group.crc32:
            raise LatentError(f"{self.path}: {group} is damaged (checksum differs)")
        return data

    @staticmethod
    def _model(tensors: Tensors | RangedTensors, checksums: dict[str, int]) -> bytes:
        if "model" not in tensors or tensors.kind("model")[0] != "U8":
            raise HeaderError("it has no tensor 'model' of type U8")
        if tensors.bytes_of("model") > MOST_MODEL_BYTES:
            raise HeaderError("its tensor 'model' is larger than any tree is")
        model: bytes = tensors.load("model").tobytes()
        if zlib.crc32(model) != checksums.get("model"):
            raise HeaderError("its tensor 'model' is damaged (checksum differs)")
        return model

    def _entries(self, tensors: Tensors | RangedTensors, checksums: dict[str, int]) -> Iterator[Group]:
        for name, dtype in (("table", "U32"), ("groups", "U8")):
            if name not in tensors or tensors.kind(name)[0] != dtype:
                raise HeaderError(f"it has no tensor {name!r} of type {dtype}")
        needed = tensors.bytes_of("table") * _ENTRY_BYTES // 12
        self.limits.check_memory(self.path, needed, "reading its tensor 'table'")
        table = tensors.load("table")
        if zlib.crc32(table.tobytes()) != checksums.get("table"):
            raise HeaderError("its tensor 'table' is damaged (checksum differs)")
        if table.ndim != 2 or table.shape[1] != 3:
            raise HeaderError(f"its table has shape {table.shape}")
        offset = first_frame = 0
        for index, (length, size, crc32) in enumerate(table.tolist()):
            if not 1 <= length <= self.header.group_frames:
                raise HeaderError(f"group {index} has {length} frames")
            yield Group(index, first_frame, length, offset, size, crc32)
            offset, first_frame = offset + size, first_frame + length
        if tensors.kind("groups")[1] != [offset]:
            raise HeaderError("its groups are not as long as its table says")
        if first_frame != self.header.frames:
            raise HeaderError(f"its groups hold {first_frame} frames, the header says {self.header.frames}")
