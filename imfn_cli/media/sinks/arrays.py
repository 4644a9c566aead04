"""NumPy arrays, written as the frames come."""

import struct
from typing import BinaryIO

import numpy as np

from .frame_writer import FileWriter


class ArrayWriter(FileWriter):
    """.npy, uint8 (T, H, W) for gray, (T, H, W, 3) for RGB, (T, H, W, 4) with alpha, gray too.

    The header, which holds T, is written last.
    """

    holds_alpha = True
    _HEADER_BYTES = 128

    def _start(self) -> None:
        self._output.write(self._header())

    def _whole_frames(self, file: BinaryIO) -> tuple[int, int] | None:
        frame = self._shape[0] * self._shape[1] * (4 if self.keeps_alpha else self._shape[2])
        count = (file.seek(0, 2) - self._HEADER_BYTES) // frame - 1
        return (count, self._HEADER_BYTES + count * frame) if count > 0 else None

    def _write(self, pixels: np.ndarray, time: int) -> None:
        if pixels.shape[2] == 2:
            pixels = pixels[:, :, (0, 0, 0, 1)]
        self._output.write(pixels.tobytes())

    def _finish(self) -> None:
        self._output.seek(0)
        self._output.write(self._header())
        super()._finish()

    def _header(self) -> bytes:
        """NumPy's header of version 1.0, padded to a fixed length."""
        frame: tuple[int, ...] = self._shape if self.info.channels == 3 else self._shape[:2]
        if self.keeps_alpha:
            frame = (*self._shape[:2], 4)
        text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {(self._count, *frame)}, }}"
        room = self._HEADER_BYTES - 10
        return b"\x93NUMPY\x01\x00" + struct.pack("<H", room) + text.ljust(room - 1).encode() + b"\n"
