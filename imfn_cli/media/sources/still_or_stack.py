"""Image files by what they hold: one picture, an animation, a stack of pages (Pillow)."""

from pathlib import Path

from PIL import Image

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
    with reading(name, _UNREADABLE), opened_image(path) as image:
        several, declared = _is_animated(image), images_declared(image)
    if several:
        return ImageStack(path, name, start=start, stop=stop)
    if declared > 1:
        return ImageJStack(path, name, start=start, stop=stop)
    return StillImages((path,), name, start=start, stop=stop)


def holds_several(path: Path) -> bool:
    """Whether an image file holds several pictures. Raises any of Pillow's errors if it is no image."""
    with opened_image(path) as image:
        return _is_animated(image) or images_declared(image) > 1


def _is_animated(image: Image.Image) -> bool:
    # A phone's JPEG holds a gain map or another view beside its picture, which are no frames.
    return getattr(image, "is_animated", False) and image.format != "MPO"
