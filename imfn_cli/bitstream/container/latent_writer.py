"""Writing a latent: nodes are collected as they are made, the file appears in one rename."""

import shutil
import tempfile
import zlib
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ...limits import NO_LIMITS
from ...system.files import writing
from ..alpha import OPAQUE
from .embedded_model import ModelFiles
from .header import METADATA_KEY, Header
from .latent_reader import FinishedLatent
from .layout import ALPHA, ALPHA_TABLE, TRACKS, checksum_of, layout_bytes, tensor_entry
from .spooled_writer import SpooledWriter


class LatentWriter(SpooledWriter):
    """Collects nodes as they are made; the file appears, whole, when `finish` is called.

    Nodes wait in the output's work file, so memory does not grow with the sequence.
    """

    def __init__(
        self,
        path: Path,
        *,
        force: bool = False,
        told: Mapping[str, Any] | None = None,
        resume: bool = False,
        model: ModelFiles | None = None,
    ) -> None:
        """model: goes into the file. All else as in `SpooledWriter`, and what it raises."""
        super().__init__(path, force=force, told=told, resume=resume)
        self._model = {} if model is None else model.parts()

    def take_up(self, gop: int) -> "array[int]":
        """Take up the whole GOPs, of `gop` frames, that an interrupted run left.

        Returns the times of their frames. To be called before `add`.
        """
        with writing(self._path):
            return self._nodes.take_up(gop) if self._work.found else array("q")

    def take_over(self, parts: Sequence[Path], gop: int) -> "array[int]":
        """Take the whole GOPs, of `gop` frames, of latents of the same sequence's parts, in order.

        Nothing is coded again. Returns the times of their frames. To be called before `add`. Raises
        `LatentError` where one is damaged.
        """
        times = array("q")
        for part in parts:
            reader = FinishedLatent(part, NO_LIMITS)
            shown = list(reader.times())
            whole = len(shown) - len(shown) % gop
            for node in reader.nodes:
                if node.frames.stop > whole:
                    break
                self.add(node.level, reader.read(node), shown[node.frames.start : node.frames.stop])
            times.extend(shown[:whole])
            if whole < len(shown):
                break
        return times

    def add(self, level: int, data: bytes, times: Sequence[int] = ()) -> None:
        """Append the bytes of the next node in time.   times: of its frames, for `take_up`."""
        with writing(self._path):
            self._nodes.add(level, data, times)

    def add_alpha(self, frames: int, data: bytes) -> None:
        """Append the alpha planes of the next `frames` frames, before the last node of those frames."""
        with writing(self._path):
            self._nodes.add_alpha(frames, data)

    def nodes(self) -> Iterator[bytes]:
        """The bytes of all nodes so far; not to be mixed with `add`."""
        return iter(self._nodes)

    @property
    def table(self) -> list[tuple[int, int, int]]:
        """Level, size and CRC-32 of each node so far."""
        return self._nodes.table

    @property
    def node_count(self) -> int:
        """Nodes so far."""
        return len(self._nodes)

    @property
    def node_bytes(self) -> int:
        """Bytes of all nodes so far."""
        return self._nodes.node_bytes

    def finish(
        self,
        header: Header,
        ticks: NDArray[np.int64] | None = None,
        tracks: Callable[[BinaryIO], bool] | None = None,
    ) -> None:
        """Write header, table, tracks, alpha planes, unless they hide nothing, model and nodes.

        ticks: (T − 1,), ticks between frames, unless constant.   tracks: writes sound and subtitles into a
        file and says whether there are any.
        """
        with tempfile.TemporaryFile(dir=self._path.parent) as spool:
            self._finish(header, ticks, spool if tracks is not None and tracks(spool) else None)

    def _finish(self, header: Header, ticks: NDArray[np.int64] | None, tracks: BinaryIO | None) -> None:
        tensors: list[tuple[str, NDArray[np.integer]]] = [
            ("table", np.array(self.table, np.uint32).reshape(-1, 3))
        ]
        if ticks is not None:
            tensors.append(("ticks", _narrowest(ticks)))
        opaque = len(OPAQUE), zlib.crc32(OPAQUE)
        alpha = self._nodes.alpha_table
        alpha = [] if all(row[1:] == opaque for row in alpha) else alpha
        if alpha:
            tensors.append((ALPHA_TABLE, np.array(alpha, np.uint32)))
        # safetensors wants the widest type first, so that every tensor is aligned.
        tensors.sort(key=lambda item: -item[1].itemsize)
        checksums = {name: zlib.crc32(values.tobytes()) for name, values in tensors}
        if tracks is not None:
            checksums[TRACKS] = checksum_of(tracks)
        checksums |= {name: zlib.crc32(data) for name, data in self._model.items()}
        layout: dict[str, Any] = {"__metadata__": {METADATA_KEY: header.to_json(**checksums)}}
        position = 0
        for name, values in tensors:
            layout[name] = tensor_entry(values.dtype, values.shape, position, values.nbytes)
            position += values.nbytes
        if tracks is not None:
            size = tracks.seek(0, 2)
            layout[TRACKS] = tensor_entry(np.dtype(np.uint8), (size,), position, size)
            position += size
        if alpha:
            size = sum(row[1] for row in alpha)
            layout[ALPHA] = tensor_entry(np.dtype(np.uint8), (size,), position, size)
            position += size
        for name, data in self._model.items():
            layout[name] = tensor_entry(np.dtype(np.uint8), (len(data),), position, len(data))
            position += len(data)
        layout["nodes"] = tensor_entry(np.dtype(np.uint8), (self.node_bytes,), position, self.node_bytes)
        with writing(self._path), self._work.part.open("wb") as file:
            file.write(layout_bytes(layout))
            for _, values in tensors:
                file.write(values.tobytes())
            if tracks is not None:
                tracks.seek(0)
                shutil.copyfileobj(tracks, file, 1 << 20)
            for data in self._nodes.alpha() if alpha else ():
                file.write(data)
            for data in self._model.values():
                file.write(data)
            for data in self._nodes:
                file.write(data)
        self._finished = True


def _narrowest(values: NDArray[np.int64]) -> NDArray[np.integer]:
    for dtype in (np.uint8, np.uint16, np.uint32):
        if values.size == 0 or (values.min() >= 0 and values.max() <= np.iinfo(dtype).max):
            return values.astype(dtype)
    return values
