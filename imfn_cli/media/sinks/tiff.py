"""Multi-page TIFF, written as the frames come."""

import struct
import zlib
from typing import BinaryIO

import numpy as np

from ...errors import OutputError
from .frame_writer import FileWriter


class TiffWriter(FileWriter):
    """Multi-page TIFF 6.0, a page per frame, lossless (Deflate)."""

    holds_alpha = True
    _SHORT, _LONG = 3, 4
    _LARGEST = 2**32 - 1

    # The position of the offset to the next page, filled in when there is one.
    _link = 4

    def _start(self) -> None:
        self._output.write(b"II*\0" + struct.pack("<I", 0))

    def _whole_frames(self, file: BinaryIO) -> tuple[int, int] | None:
        # The link to a page is written after it.
        links, end = [self._link], file.seek(0, 2)
        while (page := _number(file, links[-1], "<I")) and page + 2 <= end:
            link = page + 2 + 12 * _number(file, page, "<H")
            if link + 4 > end:
                break
            links.append(link)
        if len(links) < 3:
            return None
        self._link = links[-2]
        file.seek(self._link)
        file.write(struct.pack("<I", 0))
        return len(links) - 2, self._link + 4

    def _write(self, pixels: np.ndarray, time: int) -> None:
        height, width, channels = pixels.shape
        strip = zlib.compress(pixels.tobytes(), 6)
        output = self._output
        strip_at = output.seek(0, 2)
        # Offsets in TIFF are even. Three bit depths do not fit into an entry: they stand before the page.
        depths_at = strip_at + len(strip) + len(strip) % 2
        page_at = depths_at + 8
        if page_at > self._LARGEST - 1024:
            raise OutputError(
                f"{self.path}: TIFF ends at 4 GB (frame {self._count}); write .npy or .mkv instead"
            )
        colour = channels - self.keeps_alpha
        depths = {1: 8, 2: 8 | 8 << 16}.get(channels, depths_at)
        entries = [
            (256, self._LONG, 1, width),
            (257, self._LONG, 1, height),
            (258, self._SHORT, channels, depths),
            (259, self._SHORT, 1, 8),  # compression: Deflate
            (262, self._SHORT, 1, 1 if colour == 1 else 2),  # black is zero, or RGB
            (273, self._LONG, 1, strip_at),
            (277, self._SHORT, 1, channels),
            (278, self._LONG, 1, height),  # rows per strip: one strip
            (279, self._LONG, 1, len(strip)),
            (284, self._SHORT, 1, 1),  # channels beside each other
            # Alpha that colours are not multiplied by.
            *([(338, self._SHORT, 1, 2)] if self.keeps_alpha else []),
        ]
        output.write(strip + b"\0" * (len(strip) % 2) + struct.pack("<4H", 8, 8, 8, 8 * (channels == 4)))
        output.write(struct.pack("<H", len(entries)))
        for entry in entries:
            output.write(struct.pack("<HHII", *entry))
        output.write(struct.pack("<I", 0))
        # Not before the page is in the file: whoever goes on counts by links.
        output.flush()
        output.seek(self._link)
        output.write(struct.pack("<I", page_at))
        self._link = page_at + 2 + 12 * len(entries)


def _number(file: BinaryIO, position: int, form: str) -> int:
    """A number in a file; 0 where it ends before."""
    file.seek(position)
    data = file.read(struct.calcsize(form))
    return int(struct.unpack(form, data)[0]) if len(data) == struct.calcsize(form) else 0
