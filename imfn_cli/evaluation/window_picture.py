"""An adaptive forest's windows drawn over a frame: one colour for each length."""

import numpy as np
from numpy.typing import NDArray

#: Colours by level, windows of 1, 2, 4 … 64 frames: seven steps of viridis, from what moves to what stands.
COLOURS = ("#fde725", "#90d743", "#35b779", "#21918c", "#31688e", "#443983", "#440154")
# How much of a pixel is its window's colour; the rest is the frame's brightness.
_TINT = 0.6
_BORDER = 0.45


def draw_windows(frame: NDArray[np.uint8], levels: NDArray[np.int8]) -> NDArray[np.uint8]:
    """A frame (H, W, 1 or 3) in gray, each block in the colour of its window, dark where windows change.

    levels: (H, W), log2 of the frames in each pixel's window.
    Returns (H, W, 3) uint8.
    """
    palette = np.array([[int(colour[at : at + 2], 16) for at in (1, 3, 5)] for colour in COLOURS], np.float32)
    gray = frame.mean(axis=2, keepdims=True, dtype=np.float32)
    drawn = (1 - _TINT) * gray + _TINT * palette[levels]
    edge = np.zeros(levels.shape, np.bool_)
    edge[1:] |= levels[1:] != levels[:-1]
    edge[:, 1:] |= levels[:, 1:] != levels[:, :-1]
    drawn[edge] *= _BORDER
    return np.clip(np.round(drawn), 0, 255).astype(np.uint8)
