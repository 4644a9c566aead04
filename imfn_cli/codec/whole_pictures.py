"""What a linear model shows, in whole numbers: the same pixels on every machine."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError
from ..network.whole_tree import PIXEL_UNIT, whole_tree
from ..zoo import Model

Pixels = NDArray[np.uint8]
# Luma of Rec. 601 in thousandths, for a gray film and a model of RGB.
_LUMA = np.array([299, 587, 114], np.int32)


def shows_whole_numbers(model: Model) -> bool:
    """Whether a model's frames are shown so: it is linear, and its maps are orthonormal."""
    if not model.network.config.is_linear:
        return False
    try:
        whole_tree(model.network)
    except ModelError:
        return False
    return True


def whole_pictures(
    model: Model,
    memory: NDArray[Any],
    level: int,
    size: tuple[int, int, int],
    wanted: tuple[int, int],
) -> Iterator[Pixels]:
    """A memory (C, h, w) of `level` → frames wanted[0] … wanted[1] − 1 of its 2^level, (H, W, 1 or 3) each.

    memory: whole numbers, in 1/256 grey levels, as `WholeTree` has them.   size: (H, W, 1 or 3).
    """
    config, tree = model.network.config, whole_tree(model.network)
    height, width, channels = size
    h, w = config.grid(height, width)
    rows = memory.reshape(len(memory), -1).T
    to_gray = channels < config.in_channels
    # Gray is rounded once, not from colours that were.
    frames = (tree.frames if to_gray else tree.pixels)(level, rows, *wanted)
    for patches in frames:
        parts = patches.reshape(h, w, config.patch_height, config.patch_width, -1)
        whole = parts.swapaxes(1, 2).reshape(h * config.patch_height, w * config.patch_width, -1)
        shown = _gray(whole) if to_gray else whole
        cut = shown[:height, :width]
        yield np.ascontiguousarray(cut if cut.shape[2] == channels else cut.repeat(channels, axis=2))


def _gray(values: NDArray[Any]) -> Pixels:
    """RGB values (…, 3) in 1/PIXEL_UNIT grey levels → pixels (…, 1)."""
    unit = PIXEL_UNIT * int(_LUMA.sum())
    return ((values @ _LUMA + unit // 2) // unit).astype(np.uint8)[..., None]
