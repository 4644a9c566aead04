"""From a Pillow image of any mode to 8-bit gray or RGB pixels."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import av
import numpy as np
from PIL import ExifTags, Image, TiffImagePlugin

from .profiles import profile_note, to_srgb
from .sequence import ALPHA_NOTE

_GRAY_MODES = {"1", "L", "LA", "La"}
_DEEP_GRAY_MODES = {"I", "I;16", "I;16L", "I;16B", "I;16N"}
_SIGNED, _FLOAT = 2, 3
# FFmpeg's formats of 16-bit colour, as NumPy arrays: uint16 (H, W, 3 or 4).
_DEEP_COLOUR = {"rgb48be", "rgb48le", "rgba64be", "rgba64le"}


@contextlib.contextmanager
def opened_image(path: Path) -> Iterator[Image.Image]:
    """An image file, opened and not decoded. Raises any of Pillow's errors."""
    # Not by its name: Pillow would map the file, and turn a plain TIFF wrongly.
    with path.open("rb") as file, Image.open(file) as image:
        yield image


def on_black(pixels: np.ndarray) -> np.ndarray:
    """uint8 (H, W, C + 1) with alpha last, composited on black: uint8 (H, W, C)."""
    alpha = pixels[:, :, -1:]
    if alpha.min() == 255:
        return pixels[:, :, :-1]
    product = pixels[:, :, :-1].astype(np.uint16) * alpha
    return ((product + 127) // 255).astype(np.uint8)


def split_alpha(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """uint8 (H, W, C + 1) with alpha last → composited on black, (H, W, C), and the alpha (H, W)."""
    return np.ascontiguousarray(on_black(pixels)), np.ascontiguousarray(pixels[:, :, -1])


def with_alpha(pixels: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
    """uint8 (H, W, C) composited on black, and alpha (H, W) or None → (H, W, C + 1), alpha last.

    Colours are those that give these pixels once more where they are composited on black.
    """
    if alpha is None:
        alpha = np.full(pixels.shape[:2], 255, np.uint8)
    parts = np.maximum(alpha, 1)[:, :, None].astype(np.uint16)
    straight = np.minimum((pixels * np.uint16(255) + parts // 2) // parts, 255)
    straight *= (alpha > 0)[:, :, None]
    return np.concatenate((straight.astype(np.uint8), alpha[:, :, None]), axis=2)


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


def joined_range(value_range: ValueRange | None, samples: np.ndarray) -> ValueRange:
    """The smallest range of integer `samples`, at least one, and of `value_range`, where there is one."""
    if value_range is not None:
        return value_range.joined(samples)
    return ValueRange(int(samples.min()), int(samples.max()))


@dataclass(frozen=True)
class Traits:
    """What must be known of an image to show it, told before it is decoded."""

    size: tuple[int, int]
    """Width and height as shown."""

    gray: bool
    """One channel, apart from alpha."""

    deep: bool
    """Integer samples of more than 8 bits."""

    alpha: bool
    """It can be transparent: it has an alpha channel, or a colour that stands for it."""

    orientation: int
    """EXIF's number of the turn that is still to be done; 1: none."""

    turned: bool
    """The file asks for a turn or a reflection, done already or not."""

    signed: bool
    """8-bit samples from −128 to 127."""

    white_is_zero: bool
    """Deep gray samples that Pillow hands over inverted."""

    profile: str
    """What to say of the colour profile; empty where there is nothing."""

    @classmethod
    def of(cls, image: Image.Image) -> "Traits":
        """Of an opened image, or of its current page. Raises any of Pillow's errors."""
        tiff = isinstance(image, TiffImagePlugin.TiffImageFile)
        deep_gray = image.mode in _DEEP_GRAY_MODES
        # Before Pillow looks for EXIF, which decodes a PNG.
        deep = deep_gray or _is_deep_colour(image)
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        return cls(
            # Pillow turns TIFF by itself when it decodes, and says so in the size.
            size=image.size if tiff or orientation < 5 else image.size[::-1],
            gray=image.mode in _GRAY_MODES or deep_gray,
            deep=deep,
            alpha=image.has_transparency_data,
            orientation=1 if tiff and not (deep and not deep_gray) else orientation,
            turned=orientation != 1,
            signed=image.mode == "L" and _SIGNED in _tag(image, TiffImagePlugin.SAMPLEFORMAT),
            white_is_zero=deep_gray and 0 in _tag(image, TiffImagePlugin.PHOTOMETRIC_INTERPRETATION),
            profile="" if deep else profile_note(image),
        )

    def opaque(self) -> "Traits":
        """The same of an image whose alpha channel hides nothing."""
        return replace(self, alpha=False)


def notes_of(traits: list[Traits]) -> list[str]:
    """`SequenceInfo.notes` of images together: each kind once."""
    notes = []
    if any(one.alpha and one.deep for one in traits):
        notes.append(ALPHA_NOTE)
    if any(one.turned for one in traits):
        notes.append("turned as the EXIF orientation asks")
    if any(one.signed for one in traits):
        notes.append("signed samples -128..127 shown as 0..255")
    notes.extend(dict.fromkeys(one.profile for one in traits if one.profile))
    return notes


def any_alpha(traits: list[Traits]) -> bool:
    """`SequenceInfo.alpha` of images together. Of more than 8 bits none is kept."""
    return any(one.alpha and not one.deep for one in traits)


def deep_samples(image: Image.Image, traits: Traits, path: Path, page: int = 0) -> np.ndarray:
    """The integer samples of a deep image: (H, W) gray or (H, W, 3), alpha composited on black.

    path, page: where the image is, for what Pillow would round to 8 bits. Raises any of the decoders' errors.
    """
    if not traits.gray:
        return _turned(_deep_colour(path, page), traits.orientation)
    samples = _turned(np.asarray(image), traits.orientation)
    if traits.white_is_zero:
        signed = _SIGNED in _tag(image, TiffImagePlugin.SAMPLEFORMAT)
        white = -1 if signed else (1 << max(_tag(image, TiffImagePlugin.BITSPERSAMPLE))) - 1
        samples = white - samples.astype(np.int64)
    return samples


def to_pixels(
    image: Image.Image,
    channels: int,
    traits: Traits,
    path: Path,
    page: int = 0,
    value_range: ValueRange | None = None,
) -> tuple[np.ndarray, np.ndarray | None]:
    """uint8 (H, W, channels) as shown, composited on black, in sRGB; and alpha (H, W), where there is one.

    channels: 1 (gray) or 3 (RGB).   value_range: of the samples, if they have more than 8 bits. Decodes the
    image. Raises any of Pillow's errors, and ValueError if samples are floating-point or lack their range.
    """
    if traits.deep:
        if value_range is None:
            raise ValueError("16-bit and 8-bit images are mixed; convert them to one depth")
        mapped = value_range(deep_samples(image, traits, path, page))
        if mapped.ndim == 2:
            mapped = mapped[:, :, None]
        return np.ascontiguousarray(np.broadcast_to(mapped, (*mapped.shape[:2], channels))), None
    if image.mode.startswith("F"):
        raise ValueError("floating-point samples; convert them to 8 or 16 bits")
    image.load()
    shown = to_srgb(image) if traits.profile else image
    if channels == 1:
        shown = shown.convert("LA" if traits.alpha else "L")
    else:
        shown = shown.convert("RGBA" if traits.alpha else "RGB")
    pixels = np.asarray(shown)
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    alpha = None
    if traits.alpha:
        pixels, alpha = split_alpha(pixels)
        alpha = _turned(alpha, traits.orientation)
    if traits.signed:
        pixels = pixels ^ np.uint8(0x80)
    return _turned(pixels, traits.orientation), alpha


def _turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """(H, W, …) as stored to (H, W, …) or (W, H, …) as EXIF's orientation 1 … 8 asks; C-contiguous."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def _tag(image: Image.Image, number: int) -> tuple[int, ...]:
    """The values of a TIFF tag of the current page; none where the image is no TIFF."""
    values = image.tag_v2.get(number, ()) if isinstance(image, TiffImagePlugin.TiffImageFile) else ()
    return values if isinstance(values, tuple) else (values,)


def _is_deep_colour(image: Image.Image) -> bool:
    """Whether Pillow would round colours of 16 bits to 8 when it decodes the image."""
    if image.mode not in ("RGB", "RGBA"):
        return False
    if max(_tag(image, TiffImagePlugin.BITSPERSAMPLE), default=8) > 8 and _FLOAT not in _tag(
        image, TiffImagePlugin.SAMPLEFORMAT
    ):
        return True
    for tile in getattr(image, "tile", ()):
        args = tile.args if isinstance(tile.args, tuple) else (tile.args,)
        # PNG names its raw mode, PNM its largest value.
        if ";16" in str(args[0]) or (image.format == "PPM" and isinstance(args[-1], int) and args[-1] > 255):
            return True
    return False


def _deep_colour(path: Path, page: int) -> np.ndarray:
    """A picture of 16-bit colour by FFmpeg: uint16 (H, W, 3) as stored, alpha composited on black."""
    with av.open(f"file:{path}", metadata_errors="ignore") as container:
        stream = container.streams.video[0]
        if page:
            stream.codec_context.options = {"page": str(page + 1)}
        frame = next(container.decode(stream))
        if frame.format.name not in _DEEP_COLOUR:
            raise ValueError(f"samples of the format {frame.format.name}; convert them to 8 bits")
        samples = np.asarray(cast(np.ndarray, frame.to_ndarray()))
    if samples.shape[2] == 4:
        alpha = samples[:, :, 3:].astype(np.uint64)
        samples = ((samples[:, :, :3] * alpha + 32767) // 65535).astype(np.uint16)
    return samples
