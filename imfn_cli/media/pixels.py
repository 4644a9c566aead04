"""From a Pillow image of any mode to 8-bit gray or RGB pixels."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

ALPHA_NOTE = "alpha channel dropped (composited on black)"

_GRAY_MODES = {"1", "L", "LA", "La"}
_DEEP_GRAY_MODES = {"I", "I;16", "I;16L", "I;16B", "I;16N"}


def is_deep(image: Image.Image) -> bool:
    """Whether the image holds integer samples of more than 8 bits (gray)."""
    return image.mode in _DEEP_GRAY_MODES


def is_gray(image: Image.Image) -> bool:
    """Whether the image has one channel, apart from alpha."""
    return image.mode in _GRAY_MODES or is_deep(image)


def has_alpha(image: Image.Image) -> bool:
    """Whether the image can be transparent: it has an alpha channel, or a colour that stands for it."""
    return image.has_transparency_data


def on_black(pixels: np.ndarray) -> np.ndarray:
    """uint8 (H, W, C + 1) with alpha last, composited on black: uint8 (H, W, C)."""
    alpha = pixels[:, :, -1:]
    if alpha.min() == 255:
        return pixels[:, :, :-1]
    product = pixels[:, :, :-1].astype(np.uint16) * alpha
    return ((product + 127) // 255).astype(np.uint8)


@dataclass(frozen=True)
class ValueRange:
    """The linear map of integer samples low..high to 0..255."""

    low: int
    high: int

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Integers of any shape to uint8 of the same shape, rounded to nearest."""
        span = max(self.high - self.low, 1)
        return ((samples.astype(np.int64) - self.low) * 255 / span + 0.5).astype(np.uint8)

    def joined(self, samples: np.ndarray) -> "ValueRange":
        """The smallest range that holds this one and all `samples`."""
        return ValueRange(min(self.low, int(samples.min())), max(self.high, int(samples.max())))

    def __str__(self) -> str:
        return f"16-bit samples {self.low}..{self.high} mapped to 8 bits"


def range_of(samples: np.ndarray) -> ValueRange:
    """The range of integer `samples` of any shape, of which there is at least one."""
    return ValueRange(int(samples.min()), int(samples.max()))


def to_pixels(image: Image.Image, channels: int, value_range: ValueRange | None = None) -> np.ndarray:
    """uint8 (H, W, channels), alpha composited on black.

    channels: 1 (gray) or 3 (RGB).   value_range: of the samples, if they have more than 8 bits. Decodes the
    image. Raises any of Pillow's errors, and ValueError if samples are floating-point or lack their range.
    """
    if is_deep(image):
        if value_range is None:
            raise ValueError("16-bit and 8-bit images are mixed; convert them to one depth")
        gray = value_range(np.asarray(image))[:, :, None]
        return np.ascontiguousarray(np.repeat(gray, channels, axis=2))
    if image.mode.startswith("F"):
        raise ValueError("floating-point samples; convert them to 8 or 16 bits")
    transparent = has_alpha(image)
    if channels == 1:
        image = image.convert("LA" if transparent else "L")
    else:
        image = image.convert("RGBA" if transparent else "RGB")
    pixels = np.asarray(image)
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    if transparent:
        pixels = on_black(pixels)
    return np.ascontiguousarray(pixels)
