"""Frames of FFmpeg as the samples that they hold, and back: gray, RGB, alpha of any depth, none rounded."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from av import VideoFrame
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Layout:
    """Where the samples of a pixel format lie.

    dtype: of a sample, as in memory.   bits: of it that count.
    places: of each channel, its plane where the format is `planar`, else its place among the `step` samples
    of a pixel.
    """

    name: str
    dtype: np.dtype[Any]
    bits: int
    places: tuple[int, ...]
    planar: bool = False
    step: int = 1

    @property
    def channels(self) -> int:
        """Samples of a pixel that mean something: 1 gray, 2 with alpha, 3 RGB, 4 RGBA."""
        return len(self.places)

    @property
    def native(self) -> np.dtype[Any]:
        """The type of the samples in an array: little-endian."""
        return self.dtype.newbyteorder("<")

    def samples(self, frame: VideoFrame) -> Array:
        """The samples of a frame of this format: (H, W), or (H, W, C): red, green, blue, alpha."""
        if self.planar:
            found = [self._rows(frame, plane, 1)[:, :, 0] for plane in self.places]
            samples = np.stack(found, axis=2) if len(found) > 1 else found[0]
        else:
            samples = self._rows(frame, 0, self.step)[:, :, list(self.places)]
            samples = samples[:, :, 0] if self.channels == 1 else samples
        # A copy: the frame's memory is FFmpeg's.
        return np.array(samples, self.native, order="C")

    def frame(self, samples: Array) -> VideoFrame:
        """The inverse of `samples`."""
        height, width = samples.shape[:2]
        frame = VideoFrame(width, height, self.name)
        pixels = samples.reshape(height, width, self.channels)
        if self.planar:
            for channel, plane in enumerate(self.places):
                self._fill(frame, plane, pixels[:, :, channel])
            return frame
        packed = np.zeros((height, width, self.step), self.dtype)
        packed[:, :, list(self.places)] = pixels
        self._fill(frame, 0, packed.reshape(height, width * self.step))
        return frame

    def _rows(self, frame: VideoFrame, index: int, step: int) -> Array:
        plane = frame.planes[index]
        lines = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
        used = lines[:, : frame.width * step * self.dtype.itemsize]
        return np.ascontiguousarray(used).view(self.dtype).reshape(plane.height, frame.width, step)

    def _fill(self, frame: VideoFrame, index: int, samples: Array) -> None:
        plane = frame.planes[index]
        lines = np.zeros((plane.height, plane.line_size), np.uint8)
        used = np.ascontiguousarray(samples.astype(self.dtype, copy=False)).view(np.uint8)
        lines[:, : used.shape[1]] = used
        plane.update(lines.tobytes())


def layout_of(pixel_format: str) -> Layout | None:
    """The layout of a pixel format, by FFmpeg's name; None where its samples are no gray or RGB."""
    return _layouts().get(pixel_format)


@cache
def _layouts() -> dict[str, Layout]:
    byte = np.dtype("u1")
    found = [
        Layout("gray", byte, 8, (0,)),
        Layout("ya8", byte, 8, (0, 1), step=2),
        Layout("gbrp", byte, 8, (2, 0, 1), planar=True),
        Layout("gbrap", byte, 8, (2, 0, 1, 3), planar=True),
    ]
    for name in ("rgb24", "bgr24", "rgba", "bgra", "argb", "abgr", "rgb0", "bgr0", "0rgb", "0bgr"):
        letters = name.removesuffix("24")
        places = tuple(letters.index(letter) for letter in "rgba" if letter in letters)
        found.append(Layout(name, byte, 8, places, step=len(letters)))
    for end, order in (("le", "<"), ("be", ">")):
        word = np.dtype(f"{order}u2")
        for bits in (9, 10, 12, 14, 16):
            found.append(Layout(f"gray{bits}{end}", word, bits, (0,)))
            found.append(Layout(f"gbrp{bits}{end}", word, bits, (2, 0, 1), planar=True))
            found.append(Layout(f"gbrap{bits}{end}", word, bits, (2, 0, 1, 3), planar=True))
        found.append(Layout(f"ya16{end}", word, 16, (0, 1), step=2))
        for name in ("rgb48", "bgr48", "rgba64", "bgra64"):
            places = tuple(name.index(letter) for letter in "rgba" if letter in name)
            found.append(Layout(f"{name}{end}", word, 16, places, step=len(places)))
    return {layout.name: layout for layout in found}
