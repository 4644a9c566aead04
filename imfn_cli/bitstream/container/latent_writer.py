"""Writing a latent: nodes are collected as they are made, the file appears in one rename."""

import contextlib
import shutil
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from ...system.files import replacing, writing
from .header import METADATA_KEY, Header
from .layout import TRACKS, checksum_of, layout_bytes, tensor_entry


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
    def node_count(self) -> int:
        """Nodes so far."""
        return len(self._table)

    @property
    def node_bytes(self) -> int:
        """Bytes of all nodes so far."""
        return sum(size for _, size, _ in self._table)

    def finish(
        self,
        header: Header,
        ticks: NDArray[np.int64] | None = None,
        tracks: Callable[[BinaryIO], bool] | None = None,
    ) -> None:
        """Write header, table, tracks and nodes.

        ticks: (T − 1,), ticks between frames, unless constant.   tracks: writes sound and subtitles into a
        file and says whether there are any.
        """
        with tempfile.TemporaryFile(dir=self._path.parent) as spool:
            self._finish(header, ticks, spool if tracks is not None and tracks(spool) else None)

    def _finish(self, header: Header, ticks: NDArray[np.int64] | None, tracks: BinaryIO | None) -> None:
        tensors: list[tuple[str, NDArray[np.integer]]] = [
            ("table", np.array(self._table, np.uint32).reshape(-1, 3))
        ]
        if ticks is not None:
            tensors.append(("ticks", _narrowest(ticks)))
        # safetensors wants the widest type first, so that every tensor is aligned.
        tensors.sort(key=lambda item: -item[1].itemsize)
        checksums = {name: zlib.crc32(array.tobytes()) for name, array in tensors}
        if tracks is not None:
            checksums[TRACKS] = checksum_of(tracks)
        layout: dict[str, Any] = {"__metadata__": {METADATA_KEY: header.to_json(**checksums)}}
        position = 0
        for name, array in tensors:
            layout[name] = tensor_entry(array.dtype, array.shape, position, array.nbytes)
            position += array.nbytes
        if tracks is not None:
            size = tracks.seek(0, 2)
            layout[TRACKS] = tensor_entry(np.dtype(np.uint8), (size,), position, size)
            position += size
        layout["nodes"] = tensor_entry(np.dtype(np.uint8), (self.node_bytes,), position, self.node_bytes)
        with writing(self._path), self._temporary.open("wb") as file:
            self._spool.seek(0)
            file.write(layout_bytes(layout))
            for _, array in tensors:
                file.write(array.tobytes())
            if tracks is not None:
                tracks.seek(0)
                shutil.copyfileobj(tracks, file, 1 << 20)
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


def _narrowest(values: NDArray[np.int64]) -> NDArray[np.integer]:
    for dtype in (np.uint8, np.uint16, np.uint32):
        if values.size == 0 or (values.min() >= 0 and values.max() <= np.iinfo(dtype).max):
            return values.astype(dtype)
    return values
