"""Reading a latent that grows, or whose stream was killed; see `growing_writer` for the format."""

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from ...errors import LatentError
from ...limits import DEFAULT_LIMITS, Limits
from ...system.remote import RemotePath
from .header import METADATA_KEY, FutureVersionError, Header, HeaderError
from .journal import BLOCK, HEAD_SIZE, Gap, Record, is_whole, pieces_of
from .latent_reader import LatentReader
from .latent_writer import LatentWriter
from .layout import metadata_of, read_layout
from .lost_records import without_gaps
from .node import NodeEntry
from .spread import Spread

# What a record without times and bytes takes in memory while a file is opened.
_RECORD_BYTES = 1200


class GrowingLatent(LatentReader):
    """The nodes that were finished when it was opened. Reads heads and times only.

    block: bytes that are looked through at once where a head is damaged.

    Raises `LatentError` where the header is damaged or of a future version, or no node is finished, and
    `LimitError` where its heads alone are too many.
    """

    growing = True
    nodes_at = 0

    def __init__(
        self, path: Path | RemotePath, limits: Limits = DEFAULT_LIMITS, *, block: int = BLOCK
    ) -> None:
        self.path, self.limits = path, limits
        try:
            with path.open("rb") as file:
                self.size = file.seek(0, os.SEEK_END)
                limits.check_memory(
                    path, self.size // HEAD_SIZE * _RECORD_BYTES, "reading its records' heads"
                )
                file.seek(0)
                found = read_layout(file)
                layout, start = found or ({}, 0)
                header = Header.from_growing_json(str(metadata_of(layout).get(METADATA_KEY)))
                pieces = _finished(file, start, block, header.ratio.bit_length() - 1)
        except FutureVersionError as error:
            raise LatentError(f"{path}: {error}; upgrade imfn to read it") from error
        except HeaderError as error:
            raise LatentError(f"{path}: {error}; compress the source again") from error
        except OSError as error:
            raise LatentError(f"{path}: cannot be read ({error.strerror or error})") from error
        if not pieces:
            raise LatentError(f"{path}: a stream's latent without a finished node; compress the source again")
        records = list(without_gaps(pieces, header))
        self._shown = [record.times for record in records]
        frames = sum(map(len, self._shown))
        tick = header.frame_ticks if frames == 1 else _constant(self._shown)
        self.header = header.with_times(frames, int(self._shown[0][0]), tick)
        self.nodes = tuple(_entries(records))
        self.table_bytes = HEAD_SIZE * len(records)
        self.times_bytes = sum(times.nbytes for times in self._shown if isinstance(times, np.ndarray))

    @property
    def ticks(self) -> NDArray[np.int64] | None:
        if self.header.frame_ticks is not None:
            return None
        self.limits.check_memory(self.path, 24 * self.header.frames, "reading its times")
        times = np.fromiter(self.times(), np.int64, self.header.frames)
        return times[1:] - times[:-1]

    def times(self, start: int = 0) -> Iterator[int]:
        """As of every latent; nothing is held for frames that the records only count."""
        for times in self._shown:
            if start < len(times):
                part = times if isinstance(times, Spread) else times[start:]
                values = part.tolist() if isinstance(part, np.ndarray) else part
                yield from itertools.islice(values, start if isinstance(times, Spread) else 0, None)
            start = max(0, start - len(times))


def compact(path: Path, tracks: Callable[[BinaryIO], bool] | None = None) -> None:
    """Rewrite a growing latent in its final form, by a temporary file and one rename.

    tracks: as in `LatentWriter.finish`. Raises `OutputError` where that cannot be written, and `LatentError`
    where a node was damaged since; the growing latent stays as it was then, and is read all the same.
    """
    reader = GrowingLatent(path)
    with LatentWriter(path, force=True) as writer:
        for node in reader.nodes:
            writer.add(node.level, reader.read(node))
        ticks = None if reader.ticks is None else reader.ticks.astype(np.int64)
        writer.finish(reader.header, ticks, tracks)


def _finished(file: BinaryIO, start: int, block: int, top: int) -> list[Record | Gap]:
    """The records from `start` on that are complete, and the gaps between them.   top: highest level."""
    pieces = list(pieces_of(file, start, block, top))
    if pieces and not (isinstance(pieces[-1], Record) and is_whole(file, pieces[-1])):
        # A power cut may leave a record's length but not its bytes.
        pieces.pop()
        while pieces and isinstance(pieces[-1], Gap):
            pieces.pop()
    return pieces


def _constant(shown: list[range | Spread | NDArray[np.int64]]) -> int | None:
    """Ticks from frame to frame where they are always the same."""
    # Times that stand in the file one by one are uneven, else they would not.
    if not all(isinstance(times, range) for times in shown):
        return None
    steps = {int(times[1] - times[0]) for times in shown if len(times) > 1}
    steps |= {int(after[0] - before[-1]) for before, after in itertools.pairwise(shown)}
    return steps.pop() if len(steps) == 1 else None


def _entries(records: list[Record]) -> list[NodeEntry]:
    entries, first_frame = [], 0
    for index, record in enumerate(records):
        entries.append(
            NodeEntry(index, record.level, record.offset, record.size, record.crc32, first_frame, record.lost)
        )
        first_frame += 1 << record.level
    return entries
