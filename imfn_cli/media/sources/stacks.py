"""Image files of one or several pictures: animated GIF, WebP and PNG, multi-page TIFF (Pillow)."""

from abc import abstractmethod
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from ...errors import InputError
from ..pixels import ALPHA_NOTE, ValueRange, has_alpha, is_deep, is_gray, range_of, to_pixels
from ..problems import reading
from ..selection import check_selection, select
from ..sequence import DEFAULT_RATE, RGB_COLOUR, Frame, Sequence, SequenceInfo
from .images import StillImages

# How long browsers show a picture of an animation that states no duration, in milliseconds.
_UNSTATED_DURATION = 100


def read_image(path: Path, name: str, *, start: int = 0, stop: int | None = None) -> Sequence:
    """An animation, or a sequence of the one image that the file holds. Raises `InputError`."""
    return (Animation if _is_stack(path, name) else _one_image)(path, name, start=start, stop=stop)


def read_tiff(path: Path, name: str, *, start: int = 0, stop: int | None = None) -> Sequence:
    """A multi-page TIFF, or a sequence of the one image that the file holds. Raises `InputError`."""
    return (ImageStack if _is_stack(path, name) else _one_image)(path, name, start=start, stop=stop)


def holds_several(path: Path) -> bool:
    """Whether an image file holds several pictures. Raises any of Pillow's errors if it is no image."""
    with Image.open(path) as image:
        return getattr(image, "is_animated", False)


def _is_stack(path: Path, name: str) -> bool:
    with reading(name, "cannot be read as an image; is it damaged?"):
        return holds_several(path)


def _one_image(path: Path, name: str, *, start: int, stop: int | None) -> Sequence:
    return StillImages((path,), name, start=start, stop=stop)


class _Stack(Sequence):
    """The pages of an image file, each read once when it is opened and decoded one by one when iterated."""

    def __init__(self, path: Path, name: str, *, start: int, stop: int | None) -> None:
        check_selection(name, start, stop)
        self._path = path
        self._channels = 1
        self._range: ValueRange | None = None
        self._alpha = False
        size: tuple[int, int] = (0, 0)
        count = 0
        for image in self._pages(name):
            size = size if count else image.size
            if image.size != size:
                raise InputError(
                    f"{name}: page {count} is {image.width}x{image.height} but the first one is "
                    f"{size[0]}x{size[1]}; all pages must have one size"
                )
            with reading(name, f"page {count} cannot be decoded; is the file damaged or cut short?"):
                self._inspect(image)
            count += 1
        self._chosen = select(name, count, start, stop)
        times, time_base, frame_rate = self._timing()
        self._times = times
        notes = ([ALPHA_NOTE] if self._alpha else []) + ([str(self._range)] if self._range else [])
        super().__init__(
            name,
            SequenceInfo(
                width=size[0],
                height=size[1],
                channels=self._channels,
                time_base=time_base,
                frame_rate=frame_rate,
                frame_count=len(self._chosen),
                kind=self._kind,
                size_bytes=path.stat().st_size,
                colour=RGB_COLOUR,
                value_range=(self._range.low, self._range.high) if self._range else None,
                notes=tuple(notes),
            ),
        )

    _kind: str

    @abstractmethod
    def _inspect(self, image: Image.Image) -> None:
        """Take what must be known of a page before iterating; called for each page, in order."""

    @abstractmethod
    def _timing(self) -> tuple[list[int] | range, Fraction, Fraction | None]:
        """The time of every page of the file in ticks, the time base, the nominal rate."""

    def _pages(self, name: str, last: int | None = None) -> Iterator[Image.Image]:
        """Each page up to `last` (None: all), not decoded; one object, moved from page to page."""
        with reading(name, "cannot be read as an image; is it damaged?"):
            image = Image.open(self._path)
        with image:
            page = 0
            while last is None or page <= last:
                try:
                    image.seek(page)
                except EOFError:
                    return
                except Exception as error:
                    raise InputError(
                        f"{name}: page {page} cannot be read ({error}); is the file damaged?"
                    ) from error
                yield image
                page += 1

    def __iter__(self) -> Iterator[Frame]:
        origin = self._times[self._chosen.start]
        for page, image in enumerate(self._pages(self.name, self._chosen[-1])):
            # The pictures of an animation are differences, so those before the selection are decoded too.
            if page < self._chosen.start and self._kind == "images":
                continue
            with reading(self.name, f"page {page} cannot be decoded; is the file damaged or cut short?"):
                pixels = to_pixels(image, self._channels, self._range)
            if page >= self._chosen.start:
                yield Frame(pixels, self._times[page] - origin)


class ImageStack(_Stack):
    """A multi-page TIFF: no times, so 25 pages to the second; 16-bit pages are mapped to 8 bits."""

    _kind = "images"

    def __init__(self, path: Path, name: str, *, start: int = 0, stop: int | None = None) -> None:
        """Reads all pages, and decodes those of 16 bits. Raises `InputError`."""
        self._count = 0
        super().__init__(path, name, start=start, stop=stop)

    def _inspect(self, image: Image.Image) -> None:
        if is_deep(image):
            samples = np.asarray(image)
            self._range = self._range.joined(samples) if self._range else range_of(samples)
        elif self._range is not None:
            raise ValueError("16-bit and 8-bit pages are mixed")
        if not is_gray(image):
            self._channels = 3
        self._alpha |= has_alpha(image)
        self._count += 1

    def _timing(self) -> tuple[range, Fraction, Fraction | None]:
        return range(self._count), 1 / DEFAULT_RATE, DEFAULT_RATE


class Animation(_Stack):
    """An animated GIF, WebP or PNG, each picture composed as it is shown, times in milliseconds."""

    _kind = "animation"

    def __init__(self, path: Path, name: str, *, start: int = 0, stop: int | None = None) -> None:
        """Decodes all pictures once, for their durations and colours. Raises `InputError`."""
        self._durations: list[int] = []
        super().__init__(path, name, start=start, stop=stop)

    def _inspect(self, image: Image.Image) -> None:
        image.load()  # WebP knows a picture's duration only when it is decoded
        self._durations.append(round(float(image.info.get("duration", 0))) or _UNSTATED_DURATION)
        if not is_gray(image):
            self._channels = 3
        if has_alpha(image) and not self._alpha:
            self._alpha = bool(np.asarray(image.convert("RGBA"))[:, :, 3].min() < 255)

    def _timing(self) -> tuple[list[int], Fraction, Fraction | None]:
        times = [0]
        for duration in self._durations[:-1]:
            times.append(times[-1] + duration)
        steady = len(set(self._durations)) == 1
        return times, Fraction(1, 1000), Fraction(1000, self._durations[0]) if steady else None
