"""Frames as indices into a palette, as GIF wants them."""

import numpy as np
from PIL import Image


def paletted(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """uint8 (H, W, C) pixels as indices (H, W) and an ARGB palette (256, 4), both uint8. Gray is exact."""
    palette = np.full((256, 4), 255, np.uint8)
    if pixels.shape[2] == 1:
        palette[:, 1:] = np.arange(256)[:, None]
        return pixels[:, :, 0], palette
    image = Image.fromarray(pixels).quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    colours = np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
    palette[: len(colours), 1:] = colours
    return np.asarray(image), palette
