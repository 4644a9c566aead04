"""ImageJ's large stacks: TIFF files with one directory and the images one after another behind it."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, TiffImagePlugin

from ...errors import InputError
from ..pixels import ValueRange, joined_range, opened_image
from ..problems import reading
from ..selection import check_selection, select
from ..sequence import Frame, Sequence, SequenceInfo

_IMAGES = re.compile(r"^images=(\d{1,9})\s*$", re.MULTILINE | re.ASCII)
_DAMAGED = "cannot be read as an ImageJ stack; is it damaged or cut short?"


def images_declared(image: Image.Image) -> int:
    """How many images ImageJ's description announces; 0 where there is none."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return 0
    description = image.tag_v2.get(TiffImagePlugin.IMAGEDESCRIPTION, "")
    if not isinstance(description, str) or not description.startswith("ImageJ="):
        return 0
    found = _IMAGES.search(description)
    return int(found[1]) if found else 0


class ImageJStack(Sequence):
    """Gray images of 8 or 16 bits, 25 to the second; those of 16 bits are mapped to 8."""

    def __init__(self, path: Path, name: str, *, start: int = 0, stop: int | None = None) -> None:
        """Reads the directory, and all samples of 16 bits for their range. Raises `InputError`."""
        check_selection(name, start, stop)
        self._path = path
        with reading(name, _DAMAGED), opened_image(path) as image:
            assert isinstance(image, TiffImagePlugin.TiffImageFile)
            count = images_declared(image)
            bits = image.tag_v2.get(TiffImagePlugin.BITSPERSAMPLE, (1,))
            plain = (
                image.tag_v2.get(TiffImagePlugin.COMPRESSION, 1) == 1
                and image.tag_v2.get(TiffImagePlugin.SAMPLESPERPIXEL, 1) == 1
            )
            if bits not in ((8,), (16,)) or not plain:
                raise InputError(
                    f"{name}: announces {count} images but has one directory; save it again in ImageJ as TIFF"
                )
            self._offset = image.tag_v2[TiffImagePlugin.STRIPOFFSETS][0]
            order = "<" if image.tag_v2.prefix == b"II" else ">"
            self._dtype = np.dtype(f"{order}u{bits[0] // 8}")
            width, height = image.size
        self._shape = (count, height, width)
        wanted = self._offset + self._dtype.itemsize * count * height * width
        if path.stat().st_size < wanted:
            raise InputError(
                f"{name}: is cut short: its {count} images end at byte {wanted:,}, the file at "
                f"{path.stat().st_size:,}; copy it again"
            )
        self._chosen = select(name, count, start, stop)
        self._range = self._range_of_all() if self._dtype.itemsize > 1 else None
        super().__init__(
            name,
            SequenceInfo.untimed(
                width=width,
                height=height,
                channels=1,
                frame_count=len(self._chosen),
                kind="images",
                size_bytes=path.stat().st_size,
                value_range=(self._range.low, self._range.high) if self._range else None,
                notes=(str(self._range),) if self._range else (),
            ),
        )

    def __iter__(self) -> Iterator[Frame]:
        for time, samples in enumerate(self._images(self.name, self._chosen)):
            pixels = self._range(samples) if self._range else samples
            yield Frame(np.ascontiguousarray(pixels[:, :, None]), time)

    def _images(self, name: str, chosen: range) -> Iterator[np.ndarray]:
        with reading(name, _DAMAGED):
            stack = np.memmap(self._path, self._dtype, "r", self._offset, self._shape)
        for index in chosen:
            # A copy: the map must not outlive the iteration.
            yield np.array(stack[index])

    def _range_of_all(self) -> ValueRange:
        value_range: ValueRange | None = None
        for samples in self._images(str(self._path), range(self._shape[0])):
            value_range = joined_range(value_range, samples)
        assert value_range is not None  # there is more than one image
        return value_range
