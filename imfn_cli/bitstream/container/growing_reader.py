"""Reading a latent that grows, or whose stream was killed; see `growing_writer` for the format."""

from array import array
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from ...errors import LatentError
from .header import METADATA_KEY, FutureVersionError, Header, HeaderError
from .journal import BLOCK, HEAD_SIZE, Gap, Record, is_whole, pieces_of
from .latent_reader import LatentReader
from .latent_writer import LatentWriter
from .layout import metadata_of, read_layout
from .lost_records import without_gaps
from .node import NodeEntry


class GrowingLatent(LatentReader):
    """The nodes that were finished when it was opened. Reads heads and times only.

    block: bytes that are looked through at once where a head is damaged.

    Raises `LatentError` where the header is damaged or of a future version, or no node is finished.
    """

    growing = True
    nodes_at = 0

    def __init__(self, path: Path, *, block: int = BLOCK) -> None:
        self.path = path
        try:
            with path.open("rb") as file:
                found = read_layout(file)
                layout, start = found or ({}, 0)
                header = Header.from_growing_json(str(metadata_of(layout).get(METADATA_KEY)))
                pieces = _finished(file, start, block)
        except FutureVersionError as error:
            raise LatentError(f"{path}: {error}; upgrade imfn to read it") from error
        except HeaderError as error:
            raise LatentError(f"{path}: {error}; compress the source again") from error
        except OSError as error:
            raise LatentError(f"{path}: cannot be read ({error.strerror or error})") from error
        if not pieces:
            raise LatentError(f"{path}: a stream's latent without a finished node; compress the source again")
        records = list(without_gaps(pieces, header))
        self.header, self.ticks = _summed(header, records)
        self.nodes = tuple(_entries(records))
        self.table_bytes = HEAD_SIZE * len(records)


def compact(path: Path) -> None:
    """Rewrite a growing latent in its final form, by a temporary file and one rename.

    Raises `OutputError` where that cannot be written, and `LatentError` where a node was damaged since; the
    growing latent stays as it was then, and is read all the same.
    """
    reader = GrowingLatent(path)
    with LatentWriter(path, force=True) as writer:
        for node in reader.nodes:
            writer.add(node.level, reader.read(node))
        ticks = None if reader.ticks is None else reader.ticks.astype(np.int64)
        writer.finish(reader.header, ticks)


def _finished(file: BinaryIO, start: int, block: int) -> list[Record | Gap]:
    """The records from `start` on that are complete, and the gaps between them."""
    pieces = list(pieces_of(file, start, block))
    if pieces and not (isinstance(pieces[-1], Record) and is_whole(file, pieces[-1])):
        # A power cut may leave a record's length but not its bytes.
        pieces.pop()
        while pieces and isinstance(pieces[-1], Gap):
            pieces.pop()
    return pieces


def _summed(header: Header, records: list[Record]) -> tuple[Header, NDArray[np.int64] | None]:
    """The header with what the records tell, and the ticks (T − 1,), None where constant."""
    times = array("q")
    for record in records:
        times.extend(record.times if isinstance(record.times, range) else record.times.tolist())
    moments = np.frombuffer(times, np.int64)
    ticks = np.diff(moments)
    constant: int | None = header.frame_ticks
    if ticks.size:
        constant = int(ticks[0]) if ticks[0] > 0 and bool((ticks == ticks[0]).all()) else None
    summed = header.with_times(len(moments), int(moments[0]), constant)
    return summed, ticks if constant is None else None


def _entries(records: list[Record]) -> list[NodeEntry]:
    entries, first_frame = [], 0
    for index, record in enumerate(records):
        entries.append(
            NodeEntry(index, record.level, record.offset, record.size, record.crc32, first_frame, record.lost)
        )
        first_frame += 1 << record.level
    return entries
