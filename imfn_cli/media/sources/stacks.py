"""Image files of several pictures: animated GIF, WebP and AVIF, multi-page TIFF (Pillow)."""

import contextlib
from abc import abstractmethod
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from ...errors import InputError
from ..pixels import (
    Traits,
    ValueRange,
    any_alpha,
    deep_samples,
    joined_range,
    notes_of,
    opened_image,
    to_pixels,
)
from ..problems import reading
from ..selection import check_selection, select
from ..sequence import DEFAULT_RATE, RGB_COLOUR, Frame, Sequence, SequenceInfo
from .durations import UNSTATED_DURATION, steady_rate, times_of

# Browsers take the shortest durations that GIF can state for unstated ones.
_SHORTEST_IN_GIF = 20
# Milliseconds.
_TIME_BASE = Fraction(1, 1000)


class _Stack(Sequence):
    """The pages of an image file, each read once when it is opened and decoded one by one when iterated."""

    _kind: str
    _time_base = 1 / DEFAULT_RATE

    def __init__(self, path: Path, name: str, *, start: int = 0, stop: int | None = None) -> None:
        """Reads all pages. Raises `InputError`."""
        check_selection(name, start, stop)
        self._path = path
        self._traits: list[Traits] = []
        self._range: ValueRange | None = None
        self._durations: list[int] = []
        self._plays = 0
        for image in self._pages(name):
            page = len(self._traits)
            with reading(name, f"page {page} cannot be decoded; is the file damaged or cut short?"):
                traits = Traits.of(image)
                self._check_alike(name, traits)
                self._traits.append(traits)
                self._durations.append(self._inspect(image, traits, page))
        self._chosen = select(name, len(self._traits), start, stop)
        self._times = times_of(self._durations)
        width, height = self._traits[0].size
        super().__init__(
            name,
            SequenceInfo(
                width=width,
                height=height,
                channels=1 if all(traits.gray for traits in self._traits) else 3,
                time_base=self._time_base,
                frame_rate=steady_rate(self._durations, self._time_base),
                frame_count=len(self._chosen),
                kind=self._kind,
                size_bytes=path.stat().st_size,
                colour=RGB_COLOUR,
                value_range=(self._range.low, self._range.high) if self._range else None,
                last_ticks=self._durations[self._chosen[-1]],
                plays=self._plays,
                alpha=any_alpha(self._shown()),
                notes=(*notes_of(self._shown()), *([str(self._range)] if self._range else [])),
            ),
        )

    @abstractmethod
    def _inspect(self, image: Image.Image, traits: Traits, page: int) -> int:
        """Take what must be known of a page before iterating, in order. Returns its duration in ticks."""

    def _shown(self) -> list[Traits]:
        """What is known of the pages when all are."""
        return self._traits

    def _check_alike(self, name: str, traits: Traits) -> None:
        """Raises `InputError` unless a page has the size and the depth of the first one."""
        first = self._traits[0] if self._traits else traits
        page = len(self._traits)
        if traits.size != first.size:
            raise InputError(
                f"{name}: page {page} is {traits.size[0]}x{traits.size[1]} but the first one is "
                f"{first.size[0]}x{first.size[1]}; all pages must have one size"
            )
        if traits.deep != first.deep:
            raise InputError(
                f"{name}: page {page} has another bit depth than the first one; convert all to one depth"
            )

    def _pages(self, name: str, last: int | None = None) -> Iterator[Image.Image]:
        """Each page up to `last` (None: all), not decoded; one object, moved from page to page."""
        with contextlib.ExitStack() as stack:
            with reading(name, "cannot be read as an image; is it damaged?"):
                image = stack.enter_context(opened_image(self._path))
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
                pixels, alpha = to_pixels(
                    image, self.info.channels, self._traits[page], self._path, page, self._range
                )
            if page >= self._chosen.start:
                yield Frame(pixels, self._times[page] - origin, alpha)


class ImageStack(_Stack):
    """A multi-page TIFF: no times, so 25 pages to the second; 16-bit pages are mapped to 8 bits.

    Pages of 16 bits are decoded when it is opened, for their range.
    """

    _kind = "images"

    def _inspect(self, image: Image.Image, traits: Traits, page: int) -> int:
        if traits.deep:
            self._range = joined_range(self._range, deep_samples(image, traits, self._path, page))
        return 1


class Animation(_Stack):
    """An animated GIF, WebP or AVIF, each picture composed as it is shown, times in milliseconds.

    All pictures are decoded once when it is opened, for their durations and colours.
    """

    _kind = "animation"
    _time_base = _TIME_BASE
    _transparent = False

    def _inspect(self, image: Image.Image, traits: Traits, page: int) -> int:
        image.load()  # WebP and AVIF know a picture's duration only when it is decoded
        if page == 0:
            self._plays = _plays_of(image)
        if traits.alpha and not self._transparent:
            self._transparent = bool(np.asarray(image.convert("RGBA"))[:, :, 3].min() < 255)
        duration = round(float(image.info.get("duration", 0)))
        shortest = _SHORTEST_IN_GIF if image.format == "GIF" else 1
        return duration if duration >= shortest else UNSTATED_DURATION

    def _shown(self) -> list[Traits]:
        return [one if self._transparent else one.opaque() for one in self._traits]


def _plays_of(image: Image.Image) -> int:
    """How often an animation is played; 0: without end."""
    if image.format == "GIF":
        # The extension counts repeats; without it, one play.
        return int(image.info["loop"]) + 1 if image.info.get("loop") else int("loop" not in image.info)
    return int(image.info.get("loop", 0))
