"""NumPy arrays and multi-page TIFF, written as the frames come."""

import contextlib
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ...errors import OutputError
from .frame_writer import FrameWriter


class _BinaryWriter(FrameWriter):
    """A writer into one plain file."""

    _file: BinaryIO | None = None

    def _begin(self, temporary: Path) -> None:
        self._file = temporary.open("wb")

    @property
    def _output(self) -> BinaryIO:
        assert self._file is not None  # between _begin and _finish
        return self._file

    def _finish(self) -> None:
        self._output.close()
        self._file = None

    def _release(self) -> None:
        if self._file is not None:
            # Closing flushes; what fails there (a full disk) has been reported before.
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None


class ArrayWriter(_BinaryWriter):
    """.npy, uint8 (T, H, W) for gray and (T, H, W, 3) for RGB. The header, which holds T, is written last."""

    _HEADER_BYTES = 128

    def _begin(self, temporary: Path) -> None:
        super()._begin(temporary)
        self._output.write(self._header())

    def _write(self, pixels: np.ndarray, time: int) -> None:
        self._output.write(pixels.tobytes())

    def _finish(self) -> None:
        self._output.seek(0)
        self._output.write(self._header())
        super()._finish()

    def _header(self) -> bytes:
        """NumPy's header of version 1.0, padded to a fixed length."""
        frame = self._shape if self.info.channels == 3 else self._shape[:2]
        text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {(self._count, *frame)}, }}"
        room = self._HEADER_BYTES - 10
        return b"\x93NUMPY\x01\x00" + struct.pack("<H", room) + text.ljust(room - 1).encode() + b"\n"


class TiffWriter(_BinaryWriter):
    """Multi-page TIFF 6.0, a page per frame, lossless (Deflate)."""

    _SHORT, _LONG = 3, 4
    _LARGEST = 2**32 - 1

    def _begin(self, temporary: Path) -> None:
        super()._begin(temporary)
        # The position of the offset to the page that comes next, filled in when there is one.
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
