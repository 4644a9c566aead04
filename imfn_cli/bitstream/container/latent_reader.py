"""Reading a latent: a safetensors file with one metadata key and few stacked tensors.

metadata  {"imfn": sorted JSON of `Header`, its own CRC-32 and those of `table` and `ticks`}
table     U32 (n, 3): level, size in bytes and CRC-32 of each node, in time order; of an adaptive forest
          of each tree
ticks     U8 / U16 / U32 / I64 (T − 1,): ticks from frame to frame; absent when constant
tracks    U8 (n,): a small MP4 or Matroska file with sound and subtitles; absent where there are none
alpha_table, alpha  U32 (n, 3) and U8 (total,): frames, size and CRC-32 of alpha planes that are coded
          together, and their bytes (`bitstream/alpha.py`); absent where the frames are opaque
model_config, model_weights
          U8 (n,): the model's `config.json` and `model.safetensors`; absent unless it was asked for
nodes     U8 (total,): the nodes' bytes, one after another
"""

import contextlib
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...errors import LatentError
from ...limits import DEFAULT_LIMITS, Limits
from ...system.remote import RemotePath, reading
from ..alpha import check_group, decode
from .embedded_model import LARGEST, MODEL_CONFIG, MODEL_WEIGHTS, ModelFiles
from .header import HIGHEST_LEVEL, METADATA_KEY, FutureVersionError, Header, HeaderError
from .layout import ALPHA, ALPHA_TABLE, DTYPES, TRACKS, Tensors, checksum_of
from .node import NodeEntry
from .ranged import RangedTensors


class AlphaGroup(NamedTuple):
    """Alpha planes that are coded together. offset: counted from the first one's bytes."""

    frames: range
    offset: int
    size: int
    crc32: int

    def __str__(self) -> str:
        return f"alpha of frames {self.frames[0]} to {self.frames[-1]}"


# What a row of the node table takes in memory, in bytes.
_ENTRY_BYTES = 400
# Times that are made into Python's numbers at once.
_AT_ONCE = 1 << 16


class LatentReader(ABC):
    """A latent opened for reading: `header`, `nodes` (their places), and the bytes of each on demand.

    nodes_at: where the nodes' offsets count from in the file.   size: of the file.
    table_bytes, times_bytes: what node table and presentation times take in it.
    tracks_at: where sound and subtitles begin in the file.   tracks_bytes: how much they are, 0: none.
    alpha: alpha planes, where they are.   alpha_at: where their offsets count from.   alpha_bytes: of all.
    model_bytes: of the model inside, 0: there is none.
    limits: for what is going to be restored from it.
    """

    path: Path | RemotePath
    header: Header
    nodes: tuple[NodeEntry, ...]
    nodes_at: int
    size: int
    limits: Limits
    table_bytes: int
    times_bytes: int
    tracks_at = tracks_bytes = model_bytes = 0
    alpha: tuple[AlphaGroup, ...] = ()
    alpha_at = alpha_bytes = 0
    growing = False

    @property
    @abstractmethod
    def ticks(self) -> NDArray[np.integer] | None:
        """(T − 1,) ticks from frame to frame, None where they are constant."""

    def read(self, node: NodeEntry) -> bytes:
        """The bytes of one node. Raises `LatentError` if their checksum differs, or if it is lost."""
        # Not through safetensors: it maps the file, and every page read would count as this process's own.
        with self._opened(node) as file:
            data = file.read(node.size)
        if zlib.crc32(data) != node.crc32:
            raise LatentError(f"{self.path}: {node} is damaged (checksum differs)")
        return data

    def check(self, node: NodeEntry) -> None:
        """Raise what `read` raises, without holding the bytes."""
        with self._opened(node) as file:
            found = checksum_of(file, self.nodes_at + node.offset, node.size)
        if found != node.crc32:
            raise LatentError(f"{self.path}: {node} is damaged (checksum differs)")

    @contextlib.contextmanager
    def _opened(self, node: NodeEntry) -> Iterator[BinaryIO]:
        """The file at a node's bytes. A handle for each time, so that threads need not share one."""
        if node.lost:
            raise LatentError(f"{self.path}: {node} is damaged (the head of its record)")
        with reading(self.path, LatentError), self.path.open("rb") as file:
            file.seek(self.nodes_at + node.offset)
            yield file

    def check_tracks(self) -> None:  # noqa: B027 - most latents have none
        """Raise `LatentError` where the sound and subtitles are damaged, or cannot be read."""

    def read_alpha(self, group: AlphaGroup) -> NDArray[np.uint8]:
        """The alpha planes (T, H, W) of a group. Raises `LatentError` where they are damaged."""
        with reading(self.path, LatentError), self.path.open("rb") as file:
            file.seek(self.alpha_at + group.offset)
            data = file.read(group.size)
        if zlib.crc32(data) != group.crc32:
            raise LatentError(f"{self.path}: {group} is damaged (checksum differs)")
        try:
            return decode(data, (len(group.frames), self.header.height, self.header.width))
        except ValueError as error:
            raise LatentError(f"{self.path}: {group} is damaged ({error})") from error

    def model_files(self) -> ModelFiles | None:
        """The model inside, where there is one. Raises `LatentError` where it is damaged, or too large."""
        return None

    def times(self, start: int = 0) -> Iterator[int]:
        """Presentation times of the frames from `start` on, in ticks of the header's time base."""
        header, ticks = self.header, self.ticks
        if ticks is None:
            assert header.frame_ticks is not None
            for frame in range(start, header.frames):
                yield header.start_time + frame * header.frame_ticks
            return
        now = header.start_time + int(ticks[:start].sum(dtype=np.int64))
        for first in range(start, len(ticks), _AT_ONCE):
            for tick in ticks[first : first + _AT_ONCE].tolist():
                yield now
                now += tick
        yield now


class FinishedLatent(LatentReader):
    """A latent in its final form.

    Raises `LatentError` where the file is not a latent, of a future version, cut short, or its header or
    node table is damaged; `LimitError` where its table is too large. A damaged node raises only when it is
    read.
    """

    def __init__(self, path: Path | RemotePath, limits: Limits = DEFAULT_LIMITS) -> None:
        self.path, self.limits = path, limits
        self._tensors = RangedTensors(path) if isinstance(path, RemotePath) else Tensors(path)
        self.size = path.stat().st_size
        metadata = self._tensors.metadata.get(METADATA_KEY)
        if metadata is None:
            raise LatentError(
                f"{path}: a safetensors file, but not an imfn latent; make one with 'imfn compress'"
            )
        try:
            self.header, checksums = Header.from_json(metadata)
            table = self._tensor("table", checksums, _ENTRY_BYTES // 12)
            self._ticks = self._tensor("ticks", checksums, 8) if self.header.frame_ticks is None else None
            self.nodes = tuple(self._entries(table))
            if ALPHA_TABLE in self._tensors:
                self.alpha = tuple(
                    self._alpha_groups(self._tensor(ALPHA_TABLE, checksums, _ENTRY_BYTES // 12))
                )
                self.alpha_bytes = sum(group.size for group in self.alpha)
            self._check_times()
        except FutureVersionError as error:
            raise LatentError(f"{path}: {error}; upgrade imfn to read it") from error
        except HeaderError as error:
            raise LatentError(f"{path}: {error}; compress the source again") from error
        self.nodes_at = self._tensors.place("nodes")
        self._tracks_crc32 = checksums.get(TRACKS)
        if TRACKS in self._tensors:
            self.tracks_at = self._tensors.place(TRACKS)
            self.tracks_bytes = self._tensors.bytes_of(TRACKS)
        if self.alpha:
            self.alpha_at = self._tensors.place(ALPHA)
        self._checksums = checksums
        self.model_bytes = sum(self._tensors.bytes_of(name) for name in LARGEST if name in self._tensors)
        self.table_bytes = table.nbytes
        self.times_bytes = 0 if self._ticks is None else self._ticks.nbytes

    @property
    def ticks(self) -> NDArray[np.integer] | None:
        return self._ticks

    def check_tracks(self) -> None:
        if not self.tracks_bytes:
            return
        with reading(self.path, LatentError), self.path.open("rb") as file:
            found = checksum_of(file, self.tracks_at, self.tracks_bytes)
        if found != self._tracks_crc32:
            raise LatentError(f"{self.path}: its sound is damaged (checksum differs)")

    def model_files(self) -> ModelFiles | None:
        if not self.model_bytes:
            return None
        return ModelFiles(self._model_part(MODEL_CONFIG), self._model_part(MODEL_WEIGHTS))

    def _model_part(self, name: str) -> bytes:
        if name not in self._tensors or self._tensors.kind(name)[0] != "U8":
            raise LatentError(f"{self.path}: the model inside lacks its part {name!r}")
        size = self._tensors.bytes_of(name)
        if size > LARGEST[name]:
            raise LatentError(f"{self.path}: the model inside is larger than {LARGEST[name]:,} bytes")
        with reading(self.path, LatentError), self.path.open("rb") as file:
            file.seek(self._tensors.place(name))
            data = file.read(size)
        if zlib.crc32(data) != self._checksums.get(name):
            raise LatentError(f"{self.path}: the model inside is damaged (checksum differs)")
        return data

    def _tensor(self, name: str, checksums: dict[str, int], spread: int) -> NDArray[np.integer]:
        """A tensor, checked.   spread: bytes of memory for each of its bytes."""
        dtype, _ = self._kind(name)
        if dtype not in (DTYPES if name == "ticks" else ("U32",)):
            raise HeaderError(f"its tensor {name!r} is of type {dtype}")
        needed = spread * self._tensors.bytes_of(name)
        self.limits.check_memory(self.path, needed, f"reading its tensor {name!r}")
        array = self._tensors.load(name)
        if zlib.crc32(array.tobytes()) != checksums.get(name):
            raise HeaderError(f"its tensor {name!r} is damaged (checksum differs)")
        return array

    def _kind(self, name: str) -> tuple[str, list[int]]:
        if name not in self._tensors:
            raise HeaderError(f"it has no tensor {name!r}")
        return self._tensors.kind(name)

    def _entry(self, index: int, level: int, place: tuple[int, int, int], first_frame: int) -> NodeEntry:
        if level > HIGHEST_LEVEL or 1 << level > self.header.ratio:
            raise HeaderError(f"node {index} has level {level}, its ratio is {self.header.ratio}")
        if gop := self.header.gop_frames:
            at = first_frame % gop
            if at + (1 << level) > (gop if at else 1):
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

    def _alpha_groups(self, table: NDArray[np.integer]) -> Iterator[AlphaGroup]:
        if table.ndim != 2 or table.shape[1] != 3:
            raise HeaderError(f"its alpha table has shape {table.shape}")
        offset = first_frame = 0
        for frames, size, crc32 in table.tolist():
            try:
                check_group(frames, self.header.height, self.header.width)
            except ValueError as error:
                raise HeaderError(f"it has {error}") from error
            yield AlphaGroup(range(first_frame, first_frame + frames), offset, size, crc32)
            offset, first_frame = offset + size, first_frame + frames
        if self._kind(ALPHA) != ("U8", [offset]):
            raise HeaderError("its alpha planes are not as long as their table says")
        if first_frame != self.header.frames:
            raise HeaderError(f"it has alpha of {first_frame} frames, the header says {self.header.frames}")

    def _check_times(self) -> None:
        """Raise HeaderError where times do not increase, or need more than 64 bits."""
        header, ticks = self.header, self._ticks
        if ticks is None:
            span = header.frames * (header.frame_ticks or 1)
        elif ticks.shape != (header.frames - 1,):
            raise HeaderError(f"its presentation times have shape {ticks.shape}")
        elif ticks.size and ticks.min() < 1:
            raise HeaderError("its presentation times do not increase")
        else:
            # A float: 64 bits might not hold the sum. Its rounding is far below what is left.
            span = int(ticks.sum(dtype=np.float64))
        if span + max(0, header.start_time) >= (1 << 63) - (1 << 32):
            raise HeaderError("its presentation times need more than 64 bits")
