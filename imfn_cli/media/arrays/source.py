"""An array whose first axis is time, of any type, wherever it lies; frames are read as they are wanted."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ...system.closing import Closing

Array = NDArray[Any]
About = dict[str, str | int | float | list[float]]

#: Most samples of a frame.
MAX_FRAME = 1 << 27
WANTED = (
    "wanted an array with time as its first axis, (T, H, W), (T, H, W, C) or (T, D), "
    "of booleans, integers or floats up to 64 bits"
)


class ArraySource(Closing, ABC):
    """An array that is open for reading.

    name: for messages.   shape, dtype: of the array, byte order included.   axes: a letter for each axis.
    frame_axes: how many axes, the last ones, are those of a frame; the others count frames.
    kind: "array", "images" (TIFF), "hdf5", "zarr", "video" or "folder" (of images).
    size_bytes: on disk.   about: what else it says of itself.
    notes: what the user should know, one line each.
    """

    def __init__(
        self,
        name: str,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        size_bytes: int,
        *,
        kind: str = "array",
        axes: str | None = None,
        frame_axes: int | None = None,
        about: About | None = None,
        notes: tuple[str, ...] = (),
    ) -> None:
        """axes, frame_axes: those of an array with time first, unless given. Raises `InputError`."""
        _check(name, shape, dtype, 4 if axes is None else 6)
        self.name, self.shape, self.dtype, self.size_bytes = name, shape, dtype, size_bytes
        self.kind, self.about, self.notes = kind, about or {}, notes
        self.axes = axes or _axes_of(shape)
        self.frame_axes = len(shape) - 1 if frame_axes is None else frame_axes
        frame_samples = int(np.prod(self.frame_shape, dtype=object))
        if frame_samples > MAX_FRAME:
            raise InputError(
                f"{name}: frames of {frame_samples:,} samples are too large, at most {MAX_FRAME:,}; "
                "is the first axis time?"
            )

    @property
    def frame_shape(self) -> tuple[int, ...]:
        """The shape of a frame."""
        return self.shape[len(self.shape) - self.frame_axes :]

    @property
    def frames(self) -> int:
        """How many there are."""
        return int(np.prod(self.shape[: len(self.shape) - self.frame_axes], dtype=object))

    @abstractmethod
    def read(self, start: int, stop: int) -> Array:
        """Frames start … stop − 1, (N, *frame_shape). Raises `InputError` where they cannot be read."""


class GivenArray(ArraySource):
    """An array of the program."""

    def __init__(self, array: Array, name: str = "array", size_bytes: int | None = None) -> None:
        """Raises `InputError`."""
        super().__init__(name, array.shape, array.dtype, array.nbytes if size_bytes is None else size_bytes)
        self._array = array

    def read(self, start: int, stop: int) -> Array:
        return np.array(self._array[start:stop])


class PartOfArray(ArraySource):
    """Frames start … stop − 1 of another source that has one axis of frames."""

    def __init__(self, whole: ArraySource, start: int, stop: int) -> None:
        if whole.frame_axes != len(whole.shape) - 1:
            raise InputError(
                f"{whole.name}: has several axes before its frames; --frames cannot choose there"
            )
        super().__init__(
            whole.name,
            (stop - start, *whole.frame_shape),
            whole.dtype,
            whole.size_bytes,
            kind=whole.kind,
            axes=whole.axes,
            frame_axes=whole.frame_axes,
            about=whole.about,
            notes=whole.notes,
        )
        self._whole, self._start = whole, start

    def read(self, start: int, stop: int) -> Array:
        return self._whole.read(self._start + start, self._start + stop)

    def close(self) -> None:
        self._whole.close()


def _check(name: str, shape: tuple[int, ...], dtype: np.dtype[Any], most_axes: int) -> None:
    """Raises `InputError` for what is no array of numbers in time."""
    holds = f"{name}: holds {_called(dtype)} of shape {shape}"
    if dtype.kind == "O":
        raise InputError(
            f"{holds}, which is never unpickled; save one array of numbers, all frames of one size"
        )
    if dtype.kind not in "biuf" or dtype.itemsize > 8:
        raise InputError(f"{holds}; {WANTED}")
    if not 1 <= len(shape) <= most_axes:
        raise InputError(f"{holds}; {WANTED}")
    if 0 in shape:
        raise InputError(f"{holds}, which is empty; {WANTED}")


def _called(dtype: np.dtype[Any]) -> str:
    return "Python objects" if dtype.kind == "O" else dtype.name


def _axes_of(shape: tuple[int, ...]) -> str:
    """Letters for the axes of an array with time first."""
    if len(shape) == 4:
        # Channels are few; where they come first, as PyTorch has them, planes follow.
        first, rows, columns = shape[1:]
        return "TCYX" if 4 * first <= min(rows, columns) and columns > 16 else "TYXC"
    return {1: "T", 2: "TD", 3: "TYX"}[len(shape)]
