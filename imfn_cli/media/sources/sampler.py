"""What a frame of a video or an image gives as an array: its own samples, or RGB that is made of them."""

import numpy as np
from av import VideoFrame

from ...errors import InputError
from ..arrays.source import Array
from ..colour import MATRICES, ToRgb, is_convertible
from ..exact_pixels import Layout, layout_of
from .picture import is_full_range


class Sampler:
    """Takes the samples of frames that are all like the first one.

    shape: of a frame.   dtype: of a sample.   axes: of a frame.
    pixel_format: of the frames, or of what they are converted to.
    note: what the user should know; empty where samples are taken as they are.
    """

    def __init__(self, first: VideoFrame, name: str, *, exact: bool, remedy: str) -> None:
        """exact: nothing may be converted.   remedy: what makes gray or RGB of the file.

        Raises `InputError` where `exact` asks for too much.
        """
        self._format, self._size = first.format.name, (first.width, first.height)
        self._to_rgb: ToRgb | None = None
        self.note = ""
        layout = layout_of(self._format)
        if layout is None:
            if exact:
                raise InputError(
                    f"{name}: holds {self._format}, and lossless is of gray and RGB samples; make some with "
                    f"{remedy}, or give --max-error, which makes 8 or 16-bit RGB of it first"
                )
            layout = self._converted(first)
        self._layout: Layout = layout
        self.pixel_format, self.dtype = layout.name, layout.native
        gray = layout.channels == 1
        self.shape = (first.height, first.width) if gray else (first.height, first.width, layout.channels)
        self.axes = "YX" if gray else "YXC"

    def _converted(self, first: VideoFrame) -> Layout:
        deep = max((one.bits for one in first.format.components), default=8) > 8
        alpha = any(one.is_alpha for one in first.format.components)
        wanted = ("rgba64le" if alpha else "rgb48le") if deep else ("rgba" if alpha else "rgb24")
        self._to_rgb = ToRgb(*self._size, wanted)
        matrix = MATRICES.get(first.colorspace)
        doubt = "" if is_convertible(matrix) else f", colour matrix {matrix} read as BT.601"
        bits = 16 if deep else 8
        self.note = f"{self._format} converted to {bits}-bit RGB{doubt}, in which an error counts"
        layout = layout_of(wanted)
        assert layout is not None
        return layout

    def __call__(self, frame: VideoFrame) -> Array:
        """The samples of a frame, of `shape` and `dtype`. Raises ValueError for another kind or size."""
        if (frame.format.name, frame.width, frame.height) != (self._format, *self._size):
            raise ValueError(
                f"is {frame.width}x{frame.height} {frame.format.name}, the first one "
                f"{self._size[0]}x{self._size[1]} {self._format}"
            )
        if self._to_rgb is not None:
            frame = self._to_rgb(frame, MATRICES.get(frame.colorspace), full_range=is_full_range(frame))
        samples = self._layout.samples(frame)
        assert samples.dtype == np.dtype(self.dtype)
        return samples
