"""Frames of any shape as (T, H, W, C): rows, columns and channels, which is how they are predicted."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
_CHANNELS = "CS"


def plane_shape(frame_shape: tuple[int, ...], axes: str) -> tuple[int, int, int]:
    """(H, W, C) of a frame. axes: a letter for each of its axes."""
    order = _order(axes)
    lengths = [frame_shape[axis] for axis in order]
    channels = int(np.prod([frame_shape[axis] for axis in order[2:]], dtype=np.int64))
    if len(lengths) < 2:
        # A vector is a row.
        return 1, (lengths or [1])[0], 1
    return lengths[0], lengths[1], channels


def to_planes(frames: Array, axes: str) -> Array:
    """(T, *frame) → (T, H, W, C)."""
    order = _order(axes)
    turned = frames.transpose(0, *(1 + axis for axis in order))
    return turned.reshape(len(frames), *plane_shape(frames.shape[1:], axes))


def from_planes(planes: Array, frame_shape: tuple[int, ...], axes: str) -> Array:
    """The inverse of `to_planes`."""
    order = _order(axes)
    turned = planes.reshape(len(planes), *(frame_shape[axis] for axis in order))
    return turned.transpose(0, *(1 + axis for axis in np.argsort(order)))


def _order(axes: str) -> list[int]:
    """A frame's axes with rows and columns first, channels after them."""
    if len(axes) <= 2:
        return list(range(len(axes)))
    rest = [axis for axis, letter in enumerate(axes) if letter not in _CHANNELS]
    # Without rows and columns among them, the first two axes are taken for those.
    found = rest if len(rest) >= 2 else list(range(len(axes)))
    return [*found, *(axis for axis in range(len(axes)) if axis not in found)]
