"""Multi-page TIFF, written as the frames come."""

import struct
import zlib
from pathlib import Path

import numpy as np

from ...errors import OutputError
from .frame_writer import FileWriter


class TiffWriter(FileWriter):
    """Multi-page TIFF 6.0, a page per frame, lossless (Deflate)."""

    _SHORT, _LONG = 3, 4
    _LARGEST = 2**32 - 1

    def _begin(self, temporary: Path) -> None:
        super()._begin(temporary)
        # The position of the offset to the next page, filled in when there is one.
        self._link = 4
        self._output.write(b"II*\0" + struct.pack("<I", 0))

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
        entries = [
            (256, self._LONG, 1, width),
            (257, self._LONG, 1, height),
            (258, self._SHORT, channels, 8 if channels == 1 else depths_at),
            (259, self._SHORT, 1, 8),  # compression: Deflate
            (262, self._SHORT, 1, 1 if channels == 1 else 2),  # black is zero, or RGB
            (273, self._LONG, 1, strip_at),
            (277, self._SHORT, 1, channels),
            (278, self._LONG, 1, height),  # rows per strip: one strip
            (279, self._LONG, 1, len(strip)),
            (284, self._SHORT, 1, 1),  # channels beside each other
        ]
        output.write(strip + b"\0" * (len(strip) % 2) + struct.pack("<4H", 8, 8, 8, 0))
        output.write(struct.pack("<H", len(entries)))
        for entry in entries:
            output.write(struct.pack("<HHII", *entry))
        output.write(struct.pack("<I", 0))
        output.seek(self._link)
        output.write(struct.pack("<I", page_at))
        self._link = page_at + 2 + 12 * len(entries)
