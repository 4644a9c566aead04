"""Image files by what they hold: one picture, an animation, a stack of pages (Pillow)."""

import contextlib
from pathlib import Path

from PIL import Image, TiffImagePlugin, UnidentifiedImageError

from ...errors import InputError
from ..pixels import opened_image
from ..problems import reading
from ..sequence import Sequence
from .animated_png import AnimatedPng
from .imagej import ImageJStack, images_declared
from .images import StillImages
from .stacks import Animation, ImageStack

_UNREADABLE = "cannot be read as an image; is it damaged?"


def read_image(path: Path, name: str, *, start: int = 0, stop: int | None = None) -> Sequence:
    """An animation, or a sequence of the one image that the file holds. Raises `InputError`."""
    with reading(name, _UNREADABLE), opened_image(path) as image:
        kind, several = image.format, _is_animated(image)
    if not several:
        return StillImages((path,), name, start=start, stop=stop)
    return (AnimatedPng if kind == "PNG" else Animation)(path, name, start=start, stop=stop)


def read_tiff(path: Path, name: str, *, start: int = 0, stop: int | None = None) -> Sequence:
    """A multi-page TIFF, or a sequence of the one image that the file holds. Raises `InputError`."""
    with reading(name, _UNREADABLE):
        try:
            with opened_image(path) as image:
                several, declared = _is_animated(image), images_declared(image)
        except UnidentifiedImageError as error:
            raise InputError(f"{name}: {_why_unidentified(path)}") from error
    if several:
        return ImageStack(path, name, start=start, stop=stop)
    if declared > 1:
        return ImageJStack(path, name, start=start, stop=stop)
    return StillImages((path,), name, start=start, stop=stop)


def _why_unidentified(path: Path) -> str:
    """What a TIFF holds that Pillow does not read."""
    with contextlib.suppress(Exception), path.open("rb") as file:
        tags = TiffImagePlugin.ImageFileDirectory_v2(file.read(8))
        file.seek(tags.next)
        tags.load(file)
        bits, kinds = (
            tags.get(TiffImagePlugin.BITSPERSAMPLE, (1,)),
            tags.get(TiffImagePlugin.SAMPLEFORMAT, (1,)),
        )
        kind = {2: "signed", 3: "floating-point"}.get(max(kinds), "unsigned")
        return f"holds {kind} samples of {max(bits)} bits, {len(bits)} a pixel; convert them to 8 or 16 bits"
    return _UNREADABLE


def holds_several(path: Path) -> bool:
    """Whether an image file holds several pictures. Raises any of Pillow's errors if it is no image."""
    with opened_image(path) as image:
        return _is_animated(image) or images_declared(image) > 1


def _is_animated(image: Image.Image) -> bool:
    # A phone's JPEG holds a gain map or another view beside its picture, which are no frames.
    return getattr(image, "is_animated", False) and image.format != "MPO"
