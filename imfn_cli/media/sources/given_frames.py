"""Frames that a program hands over one by one."""

from collections.abc import Iterable, Iterator
from fractions import Fraction

import numpy as np

from ...errors import InputError
from ..pixels import split_alpha
from ..sequence import DEFAULT_RATE, RGB_COLOUR, Frame, Sequence, SequenceInfo


class GivenFrames(Sequence):
    """Frames that a program hands over, read once. Each is copied, so a program may reuse one buffer."""

    def __init__(
        self, frames: Iterable[np.ndarray], rate: Fraction = DEFAULT_RATE, *, name: str = "frames"
    ) -> None:
        """frames: uint8 (H, W) or (H, W, 1) gray, (H, W, 3) RGB or (H, W, 4) RGBA, all of one shape.

        rate: frames per second. Takes the first frame. Raises `InputError` if there is none or it has another
        type or shape, and what `frames` raises.
        """
        self._frames = iter(frames)
        first = next(self._frames, None)
        if first is None:
            raise InputError(f"{name}: there are none; hand over one at least")
        self._shape: tuple[int, ...] | None = None
        self._next: Frame | None = self._checked(name, 0, first)
        shape = self._next.pixels.shape
        info = SequenceInfo(
            width=shape[1],
            height=shape[0],
            channels=shape[2],
            time_base=1 / rate,
            frame_rate=rate,
            frame_count=None,
            kind="video",
            size_bytes=0,
            colour=RGB_COLOUR,
            alpha=self._next.alpha is not None,
        )
        super().__init__(name, info)

    def __iter__(self) -> Iterator[Frame]:
        if self._next is None:
            raise RuntimeError(f"{self.name} can be read only once")
        first, self._next = self._next, None
        yield first
        for index, frame in enumerate(self._frames, 1):
            yield self._checked(self.name, index, frame)

    def _checked(self, name: str, index: int, frame: np.ndarray) -> Frame:
        """A copy, uint8 (H, W, 1 or 3). Raises `InputError` if its shape is not that of the first frame."""
        pixels = np.asarray(frame)
        usual = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] in (1, 3, 4))
        if pixels.dtype != np.uint8 or not usual or 0 in pixels.shape:
            raise InputError(
                f"{name}: frame {index} is {pixels.dtype} of shape {pixels.shape}; "
                "wanted uint8 of shape (H, W), (H, W, 1) or (H, W, 3), values 0 to 255"
            )
        if self._shape not in (None, pixels.shape):
            raise InputError(
                f"{name}: frame {index} is of shape {pixels.shape}, those before of {self._shape}; "
                "scale all to one size"
            )
        self._shape = pixels.shape
        if pixels.ndim == 2:
            pixels = pixels[:, :, None]
        if pixels.shape[2] == 4:
            composited, alpha = split_alpha(np.array(pixels, order="C"))
            return Frame(composited, index, alpha)
        return Frame(np.array(pixels, order="C"), index)
