"""The latent file: a safetensors file with one metadata key and few stacked tensors, written in one rename.

metadata  {"imfn": sorted JSON of `Header`, its own CRC-32 and those of `table` and `ticks`}
table     U32 (n, 3): level, size in bytes and CRC-32 of each node, in time order
ticks     U8 / U16 / U32 / I64 (T − 1,): ticks from frame to frame; absent when constant
nodes     U8 (total,): the nodes' bytes, one after another
"""

import contextlib
import json
import shutil
import struct
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from ...errors import LatentError
from ...system.files import replacing, writing
from .growing import METADATA_KEY, read_journal
from .header import FutureVersionError, Header, HeaderError

_DTYPES = {"U8": np.uint8, "U16": np.uint16, "U32": np.uint32, "I64": np.int64}


@dataclass(frozen=True)
class NodeEntry:
    """A node as the table has it: its place in the forest and in the file."""

    index: int
    level: int
    offset: int  # bytes into `nodes`
    size: int
    crc32: int
    first_frame: int
    lost: bool = False
    """Where it lies in the file is not known: the head of its record is damaged."""

    @property
    def frames(self) -> range:
        """The frames under this node."""
        return range(self.first_frame, self.first_frame + (1 << self.level))


class LatentWriter:
    """Collects nodes as they are made; the file appears, whole, when `finish` is called.

    Nodes wait in a temporary file on the output's disk, so memory does not grow with the sequence.
    """

    def __init__(self, path: Path, *, force: bool = False) -> None:
        self._path = path
        with contextlib.ExitStack() as stack:
            self._temporary = stack.enter_context(replacing(path, force=force))
            with writing(path):
                self._spool: BinaryIO = tempfile.TemporaryFile(dir=path.parent)  # noqa: SIM115
            self._stack = stack.pop_all()
        self._table: list[tuple[int, int, int]] = []
        self._finished = False

    def add(self, level: int, data: bytes) -> None:
        """Append the bytes of the next node in time."""
        with writing(self._path):
            self._spool.write(data)
        self._table.append((level, len(data), zlib.crc32(data)))

    @property
    def node_bytes(self) -> int:
        """Bytes of all nodes so far."""
        return sum(size for _, size, _ in self._table)

    def finish(self, header: Header, ticks: NDArray[np.int64] | None = None) -> None:
        """Write header, table and nodes. `ticks` (T − 1,): ticks between frames, unless constant."""
        tensors: list[tuple[str, NDArray[np.integer]]] = [
            ("table", np.array(self._table, np.uint32).reshape(-1, 3))
        ]
        if ticks is not None:
            tensors.append(("ticks", _narrowest(ticks)))
        # safetensors wants the widest type first, so that every tensor is aligned.
        tensors.sort(key=lambda item: -item[1].itemsize)
        checksums = {name: zlib.crc32(array.tobytes()) for name, array in tensors}
        layout: dict[str, Any] = {"__metadata__": {METADATA_KEY: header.to_json(**checksums)}}
        position = 0
        for name, array in tensors:
            layout[name] = _entry(array.dtype, array.shape, position, array.nbytes)
            position += array.nbytes
        layout["nodes"] = _entry(np.dtype(np.uint8), (self.node_bytes,), position, self.node_bytes)
        text = json.dumps(layout, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        with writing(self._path), self._temporary.open("wb") as file:
            self._spool.seek(0)
            file.write(struct.pack("<Q", len(text)) + text)
            for _, array in tensors:
                file.write(array.tobytes())
            shutil.copyfileobj(self._spool, file, 1 << 20)
        self._finished = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Closing flushes what did not fit on the disk; if that matters, it has been reported before.
        with contextlib.suppress(OSError):
            self._spool.close()
        unfinished = kind is None and not self._finished
        if unfinished:
            kind, error = RuntimeError, RuntimeError()
        self._stack.__exit__(kind, error, trace)
        if unfinished:
            raise RuntimeError("LatentWriter left without finish()")


class LatentReader:
    """A latent file opened for reading: `header`, `nodes` (their places), and the bytes of each on demand.

    Raises `LatentError` where the file is not a latent, of a future version, cut short, or its header or
    node table is damaged. A damaged node raises only when it is read. A latent that still grows, or whose
    stream was killed (`growing`), shows the nodes that were finished when it was opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        journal = read_journal(path)
        self.growing = journal is not None
        if journal is not None:
            self.header, self._nodes_at = journal.header, 0
            self.ticks: NDArray[np.integer] | None = journal.ticks
            self.nodes = tuple(
                NodeEntry(
                    index, record.level, record.offset, record.size, record.crc32, first_frame, record.lost
                )
                for index, (record, first_frame) in enumerate(journal.nodes())
            )
            return
        self._file = _open(path)
        metadata = (self._file.metadata() or {}).get(METADATA_KEY)
        if metadata is None:
            raise LatentError(
                f"{path}: a safetensors file, but not an imfn latent; make one with 'imfn compress'"
            )
        try:
            self.header, checksums = Header.from_json(metadata)
            self._table = self._tensor("table", checksums)
            self.ticks = self._tensor("ticks", checksums) if self.header.frame_ticks is None else None
            self.nodes = tuple(self._entries())
            self._nodes_at = _start_of(path, "nodes")
        except FutureVersionError as error:
            raise LatentError(f"{path}: {error}; upgrade imfn to read it") from error
        except HeaderError as error:
            raise LatentError(f"{path}: {error}; compress the source again") from error

    def _tensor(self, name: str, checksums: dict[str, int]) -> NDArray[np.integer]:
        dtype = self._dtype(name)
        if dtype not in (_DTYPES if name == "ticks" else ("U32",)):
            raise HeaderError(f"its tensor {name!r} is of type {dtype}")
        array: NDArray[np.integer] = self._file.get_tensor(name)
        if zlib.crc32(array.tobytes()) != checksums.get(name):
            raise HeaderError(f"its tensor {name!r} is damaged (checksum differs)")
        return array

    def _dtype(self, name: str) -> str:
        """safetensors' name of a tensor's type. Numpy knows only some, so ask before loading."""
        if name not in self._file.keys():  # noqa: SIM118 (not a dictionary)
            raise HeaderError(f"it has no tensor {name!r}")
        return str(self._file.get_slice(name).get_dtype())

    def _entries(self) -> Iterator[NodeEntry]:
        if self._table.ndim != 2 or self._table.shape[1] != 3:
            raise HeaderError(f"its node table has shape {self._table.shape}")
        offset = first_frame = 0
        for index, (level, size, crc32) in enumerate(self._table.tolist()):
            if level > 20:
                raise HeaderError(f"node {index} has level {level}")
            yield NodeEntry(index, level, offset, size, crc32, first_frame)
            offset += size
            first_frame += 1 << level
        dtype, shape = self._dtype("nodes"), self._file.get_slice("nodes").get_shape()
        if dtype != "U8" or shape != [offset]:
            raise HeaderError(f"its nodes are {dtype} of shape {shape}, the table says U8 of {[offset]}")
        if first_frame != self.header.frames:
            raise HeaderError(f"its nodes hold {first_frame} frames, the header says {self.header.frames}")
        if self.ticks is not None and self.ticks.shape != (self.header.frames - 1,):
            raise HeaderError(f"its presentation times have shape {self.ticks.shape}")

    def read(self, node: NodeEntry) -> bytes:
        """The bytes of one node. Raises `LatentError` if their checksum differs, or if it is lost."""
        if node.lost:
            raise LatentError(f"{self.path}: {describe(node)} is damaged (the head of its record)")
        # Not through safetensors: it maps the file, and every page read would count as this process's memory.
        # A handle for each read, so that threads need not share one.
        try:
            with self.path.open("rb") as file:
                file.seek(self._nodes_at + node.offset)
                data = file.read(node.size)
        except OSError as error:
            raise LatentError(f"{self.path}: cannot be read ({error.strerror or error})") from error
        if zlib.crc32(data) != node.crc32:
            raise LatentError(f"{self.path}: {describe(node)} is damaged (checksum differs)")
        return data

    def times(self, start: int = 0) -> Iterator[int]:
        """Presentation times of the frames from `start` on, in ticks of the header's time base."""
        header = self.header
        if self.ticks is None:
            assert header.frame_ticks is not None
            for frame in range(start, header.frames):
                yield header.start_time + frame * header.frame_ticks
            return
        now = header.start_time + int(self.ticks[:start].sum(dtype=np.int64))
        for tick in self.ticks[start:].tolist():
            yield now
            now += tick
        yield now


def compact(path: Path) -> None:
    """Rewrite a growing latent as a finished one, by a temporary file and one rename.

    Raises `OutputError` where that cannot be written, and `LatentError` where a node was damaged since; the
    growing latent stays as it was then, and is read all the same.
    """
    reader = LatentReader(path)
    with LatentWriter(path, force=True) as writer:
        for node in reader.nodes:
            writer.add(node.level, reader.read(node))
        ticks = None if reader.ticks is None else reader.ticks.astype(np.int64)
        writer.finish(reader.header, ticks)


def describe(node: NodeEntry) -> str:
    """'node 3 (frames 48 to 63)', as messages name a node."""
    frames = node.frames
    return (
        f"node {node.index} (frame {frames[0]})"
        if len(frames) == 1
        else (f"node {node.index} (frames {frames[0]} to {frames[-1]})")
    )


def _open(path: Path) -> Any:
    try:
        if path.stat().st_size == 0:
            raise LatentError(f"{path}: empty file; compress the source again")
        return safe_open(path, framework="numpy").__enter__()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise LatentError(f"{path}: no such file") from error
    except IsADirectoryError as error:
        raise LatentError(f"{path}: is a directory, not a latent") from error
    except OSError as error:
        raise LatentError(f"{path}: cannot be read ({error.strerror or error})") from error
    except SafetensorError as error:
        raise LatentError(f"{path}: {_reason(path)}") from error


def _start_of(path: Path, name: str) -> int:
    """Where a tensor's bytes begin in a file that safetensors has found valid."""
    with path.open("rb") as file:
        size = struct.unpack("<Q", file.read(8))[0]
        return int(8 + size + json.loads(file.read(size))[name]["data_offsets"][0])


def _reason(path: Path) -> str:
    """Why the safetensors library refused a file: cut short, damaged, or something else altogether."""
    with path.open("rb") as file:
        start = file.read(8)
        size = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        if file.read(1) != b"{" or size >= 100_000_000:
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


def _entry(dtype: np.dtype[Any], shape: tuple[int, ...], position: int, size: int) -> dict[str, Any]:
    name = next(name for name, known in _DTYPES.items() if dtype == known)
    return {"dtype": name, "shape": list(shape), "data_offsets": [position, position + size]}


def _narrowest(values: NDArray[np.int64]) -> NDArray[np.integer]:
    for dtype in (np.uint8, np.uint16, np.uint32):
        if values.size == 0 or (values.min() >= 0 and values.max() <= np.iinfo(dtype).max):
            return values.astype(dtype)
    return values
