"""Still images as a sequence: a directory, a list, or one image (Pillow)."""

from collections.abc import Iterator
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from ...errors import InputError
from ..pixels import ALPHA_NOTE, ValueRange, has_alpha, is_deep, is_gray, range_of, to_pixels
from ..problems import reading
from ..selection import check_selection, select
from ..sequence import DEFAULT_RATE, RGB_COLOUR, Frame, Sequence, SequenceInfo

_UNREADABLE = "cannot be read as an image; is it damaged?"
_EXIF_ORIENTATION = 0x0112


@dataclass(frozen=True)
class _Header:
    """What is known of an image before it is decoded."""

    size: tuple[int, int]
    """Width and height as shown."""

    gray: bool
    deep: bool
    """Whether the samples have more than 8 bits."""

    alpha: bool
    turned: bool
    """Whether EXIF asks for a turn or a reflection."""

    @classmethod
    def of(cls, path: Path) -> "_Header":
        """Of the image at `path`. Raises `InputError`."""
        with reading(str(path), _UNREADABLE), Image.open(path) as image:
            orientation = image.getexif().get(_EXIF_ORIENTATION, 1)
            size = image.size if orientation < 5 else image.size[::-1]
            return cls(size, is_gray(image), is_deep(image), has_alpha(image), orientation != 1)


class StillImages(Sequence):
    """One frame per image file, in the order given, 25 to the second."""

    def __init__(
        self, paths: SequenceOf[Path], name: str, *, start: int = 0, stop: int | None = None
    ) -> None:
        """Reads all headers, and all samples where they have 16 bits. Raises `InputError`."""
        check_selection(name, start, stop)
        if not paths:
            raise InputError(f"{name}: no images or videos in this directory")
        headers = [_Header.of(path) for path in paths]
        for path, header in zip(paths, headers, strict=True):
            _check_alike(path, header, paths[0], headers[0])
        self._paths = paths
        self._chosen = select(name, len(paths), start, stop)
        self._range = _range_over(paths) if headers[0].deep else None
        notes = []
        if any(header.alpha for header in headers):
            notes.append(ALPHA_NOTE)
        if any(header.turned for header in headers):
            notes.append("turned as the EXIF orientation asks")
        if self._range is not None:
            notes.append(str(self._range))
        width, height = headers[0].size
        super().__init__(
            name,
            SequenceInfo(
                width=width,
                height=height,
                channels=1 if all(header.gray for header in headers) else 3,
                time_base=1 / DEFAULT_RATE,
                frame_rate=DEFAULT_RATE,
                frame_count=len(self._chosen),
                kind="images",
                size_bytes=sum(path.stat().st_size for path in paths),
                colour=RGB_COLOUR,
                value_range=(self._range.low, self._range.high) if self._range else None,
                notes=tuple(notes),
            ),
        )

    def __iter__(self) -> Iterator[Frame]:
        for time, index in enumerate(self._chosen):
            yield Frame(self._load(self._paths[index]), time)

    def _load(self, path: Path) -> np.ndarray:
        with reading(str(path), _UNREADABLE), Image.open(path) as image:
            return to_pixels(ImageOps.exif_transpose(image), self.info.channels, self._range)


def _check_alike(path: Path, header: _Header, first_path: Path, first: _Header) -> None:
    """Raises `InputError` unless an image has the size and the bit depth of the first one."""
    if header.size != first.size:
        raise InputError(
            f"{path}: is {header.size[0]}x{header.size[1]} but {first_path.name} is "
            f"{first.size[0]}x{first.size[1]}; give all images one size, or leave this one out"
        )
    if header.deep != first.deep:
        raise InputError(
            f"{path}: has another bit depth than {first_path.name}; convert all images to one depth"
        )


def _range_over(paths: SequenceOf[Path]) -> ValueRange:
    """The range of the samples of all images, which are decoded one at a time."""
    value_range: ValueRange | None = None
    for path in paths:
        with reading(str(path), _UNREADABLE), Image.open(path) as image:
            samples = np.asarray(image)
        value_range = value_range.joined(samples) if value_range else range_of(samples)
    assert value_range is not None  # there is at least one image
    return value_range
