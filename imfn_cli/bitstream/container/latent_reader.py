"""Reading a latent: a safetensors file with one metadata key and few stacked tensors.

metadata  {"imfn": sorted JSON of `Header`, its own CRC-32 and those of `table` and `ticks`}
table     U32 (n, 3): level, size in bytes and CRC-32 of each node, in time order; of an adaptive forest
          of each tree
ticks     U8 / U16 / U32 / I64 (T − 1,): ticks from frame to frame; absent when constant
tracks    U8 (n,): a small MP4 or Matroska file with sound and subtitles; absent where there are none
nodes     U8 (total,): the nodes' bytes, one after another
"""

import zlib
from abc import ABC
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import LatentError
from .header import HIGHEST_LEVEL, METADATA_KEY, FutureVersionError, Header, HeaderError
from .layout import DTYPES, TRACKS, Tensors, checksum_of
from .node import NodeEntry


class LatentReader(ABC):
    """A latent opened for reading: `header`, `nodes` (their places), and the bytes of each on demand.

    nodes_at: where the nodes' offsets count from in the file.   ticks: (T − 1,) ticks from frame to frame,
    None where they are constant.   table_bytes: what the node table takes in the file.
    tracks_at: where sound and subtitles begin in the file.   tracks_bytes: how much they are, 0: none.
    """

    path: Path
    header: Header
    nodes: tuple[NodeEntry, ...]
    nodes_at: int
    ticks: NDArray[np.integer] | None
    table_bytes: int
    tracks_at = tracks_bytes = 0
    growing = False

    def read(self, node: NodeEntry) -> bytes:
        """The bytes of one node. Raises `LatentError` if their checksum differs, or if it is lost."""
        if node.lost:
            raise LatentError(f"{self.path}: {node} is damaged (the head of its record)")
        # Not through safetensors: it maps the file, and every page read would count as this process's own.
        # A handle for each read, so that threads need not share one.
        try:
            with self.path.open("rb") as file:
                file.seek(self.nodes_at + node.offset)
                data = file.read(node.size)
        except OSError as error:
            raise LatentError(f"{self.path}: cannot be read ({error.strerror or error})") from error
        if zlib.crc32(data) != node.crc32:
            raise LatentError(f"{self.path}: {node} is damaged (checksum differs)")
        return data

    def check_tracks(self) -> None:  # noqa: B027 - most latents have none
        """Raise `LatentError` where the sound and subtitles are damaged, or cannot be read."""

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


class FinishedLatent(LatentReader):
    """A latent in its final form.

    Raises `LatentError` where the file is not a latent, of a future version, cut short, or its header or
    node table is damaged. A damaged node raises only when it is read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._tensors = Tensors(path)
        metadata = self._tensors.metadata.get(METADATA_KEY)
        if metadata is None:
            raise LatentError(
                f"{path}: a safetensors file, but not an imfn latent; make one with 'imfn compress'"
            )
        try:
            self.header, checksums = Header.from_json(metadata)
            table = self._tensor("table", checksums)
            self.ticks = self._tensor("ticks", checksums) if self.header.frame_ticks is None else None
            self.nodes = tuple(self._entries(table))
        except FutureVersionError as error:
            raise LatentError(f"{path}: {error}; upgrade imfn to read it") from error
        except HeaderError as error:
            raise LatentError(f"{path}: {error}; compress the source again") from error
        self.nodes_at = self._tensors.place("nodes")
        self._tracks_crc32 = checksums.get(TRACKS)
        if TRACKS in self._tensors:
            self.tracks_at = self._tensors.place(TRACKS)
            self.tracks_bytes = self._tensors.bytes_of(TRACKS)
        self.table_bytes = table.nbytes

    def check_tracks(self) -> None:
        if not self.tracks_bytes:
            return
        try:
            with self.path.open("rb") as file:
                found = checksum_of(file, self.tracks_at, self.tracks_bytes)
        except OSError as error:
            raise LatentError(f"{self.path}: cannot be read ({error.strerror or error})") from error
        if found != self._tracks_crc32:
            raise LatentError(f"{self.path}: its sound is damaged (checksum differs)")

    def _tensor(self, name: str, checksums: dict[str, int]) -> NDArray[np.integer]:
        dtype, _ = self._kind(name)
        if dtype not in (DTYPES if name == "ticks" else ("U32",)):
            raise HeaderError(f"its tensor {name!r} is of type {dtype}")
        array = self._tensors.load(name)
        if zlib.crc32(array.tobytes()) != checksums.get(name):
            raise HeaderError(f"its tensor {name!r} is damaged (checksum differs)")
        return array

    def _kind(self, name: str) -> tuple[str, list[int]]:
        if name not in self._tensors:
            raise HeaderError(f"it has no tensor {name!r}")
        return self._tensors.kind(name)

    def _entry(self, index: int, level: int, place: tuple[int, int, int], first_frame: int) -> NodeEntry:
        if level > HIGHEST_LEVEL:
            raise HeaderError(f"node {index} has level {level}")
        if gop := self.header.gop_frames:
            at = first_frame % gop
            if at + (1 << level) > (gop if at else 1) or (1 << level) > self.header.ratio:
                raise HeaderError(f"node {index} has level {level}, which does not fit into its GOP")
        return NodeEntry(index, level, *place, first_frame)

    def _entries(self, table: NDArray[np.integer]) -> Iterator[NodeEntry]:
        if table.ndim != 2 or table.shape[1] != 3:
            raise HeaderError(f"its node table has shape {table.shape}")
        offset = first_frame = 0
        for index, (level, size, crc32) in enumerate(table.tolist()):
            entry = self._entry(index, level, (offset, size, crc32), first_frame)
            yield entry
            offset += size
            first_frame = entry.frames.stop
        dtype, shape = self._kind("nodes")
        if dtype != "U8" or shape != [offset]:
            raise HeaderError(f"its nodes are {dtype} of shape {shape}, the table says U8 of {[offset]}")
        if first_frame != self.header.frames:
            raise HeaderError(f"its nodes hold {first_frame} frames, the header says {self.header.frames}")
        if self.ticks is not None and self.ticks.shape != (self.header.frames - 1,):
            raise HeaderError(f"its presentation times have shape {self.ticks.shape}")
