"""Still images as a sequence: a directory, a list, or one image (Pillow)."""

from collections.abc import Iterator
from collections.abc import Sequence as SequenceOf
from pathlib import Path

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
from ..sequence import Frame, Sequence, SequenceInfo
from .image_kinds import check_alike, series_note

_UNREADABLE = "cannot be read as an image; is it damaged?"


class StillImages(Sequence):
    """One frame per image file, in the order given, 25 to the second."""

    def __init__(
        self,
        paths: SequenceOf[Path],
        name: str,
        *,
        start: int = 0,
        stop: int | None = None,
        folder: bool = False,
    ) -> None:
        """Reads all headers, and all samples where they have 16 bits. Raises `InputError`.

        folder: whether they are all images of a folder, and may be several films.
        """
        check_selection(name, start, stop)
        if not paths:
            raise InputError(f"{name}: no images or videos in this directory")
        self._traits = [_traits_of(path) for path in paths]
        check_alike(paths, self._traits, name)
        self._paths = paths
        self._chosen = select(name, len(paths), start, stop)
        self._range = self._range_over_all() if self._traits[0].deep else None
        notes = [*notes_of(self._traits), *series_note(paths, name, folder=folder)]
        if self._range is not None:
            notes.append(str(self._range))
        if more := sum(_pictures_beside(path) for path in paths):
            notes.append(f"{more} more pictures in the same file (a gain map, another view) left out")
        width, height = self._traits[0].size
        super().__init__(
            name,
            SequenceInfo.untimed(
                width=width,
                height=height,
                channels=1 if all(traits.gray for traits in self._traits) else 3,
                frame_count=len(self._chosen),
                kind="images",
                size_bytes=sum(path.stat().st_size for path in paths),
                value_range=(self._range.low, self._range.high) if self._range else None,
                alpha=any_alpha(self._traits),
                notes=tuple(notes),
            ),
        )

    def __iter__(self) -> Iterator[Frame]:
        return self.after(0)

    def after(self, count: int) -> Iterator[Frame]:
        """See `Sequence.after`."""
        for time, index in enumerate(self._chosen[count:], count):
            path, traits = self._paths[index], self._traits[index]
            with reading(str(path), _UNREADABLE), opened_image(path) as image:
                pixels, alpha = to_pixels(image, self.info.channels, traits, path, value_range=self._range)
            yield Frame(pixels, time, alpha)

    def _range_over_all(self) -> ValueRange:
        """The range of the samples of all images, which are decoded one at a time."""
        value_range: ValueRange | None = None
        for path, traits in zip(self._paths, self._traits, strict=True):
            with reading(str(path), _UNREADABLE), opened_image(path) as image:
                value_range = joined_range(value_range, deep_samples(image, traits, path))
        assert value_range is not None  # there is at least one image
        return value_range


def _traits_of(path: Path) -> Traits:
    """Of the image at `path`. Raises `InputError`."""
    with reading(str(path), _UNREADABLE), opened_image(path) as image:
        return Traits.of(image)


def _pictures_beside(path: Path) -> int:
    """Pictures of a phone's or a stereo camera's JPEG beside the first one."""
    with reading(str(path), _UNREADABLE), opened_image(path) as image:
        return getattr(image, "n_frames", 1) - 1 if image.format == "MPO" else 0
