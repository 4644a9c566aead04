"""A folder of images as an array of their own samples, an image read when it is wanted."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import av
import numpy as np

from ...errors import InputError
from ..arrays.source import Array, ArraySource
from ..arrays.tiff_files import TiffArray
from ..problems import reading
from .image_kinds import series_note
from .sampler import Sampler

_TIFF, _PNM = (".tif", ".tiff"), (".pgm", ".ppm", ".pnm")
#: Endings of the images whose samples are read as they are.
IMAGE_ENDINGS = (".png", *_PNM, *_TIFF)
_REMEDY = "'ffmpeg -i FILE -pix_fmt rgb24 OTHER.png'"
_LARGEST_HEADER = 1 << 12


class ImagesArray(ArraySource):
    """Images of one size, type and number of channels as stored, not turned: (T, H, W) or (T, H, W, C)."""

    def __init__(
        self, paths: Sequence[Path], name: str, *, exact: bool = False, folder: bool = False
    ) -> None:
        """Reads the first image. Raises `InputError`.

        exact: refuse palettes, of which RGB would be made.   folder: whether they are all images of a folder.
        """
        for path in paths:
            if path.suffix.lower() not in IMAGE_ENDINGS:
                raise InputError(
                    f"{path}: is no PNG, PGM, PPM or TIFF, whose samples can be kept; convert it, or leave "
                    "lossless, max_error and fit out"
                )
        self._paths, self._exact, self._note = paths, exact, ""
        first = self._image(paths[0], name)
        tiff = paths[0].suffix.lower() in _TIFF
        notes = [*series_note(paths, name, folder=folder), *([self._note] if self._note else [])]
        super().__init__(
            name,
            (len(paths), *first.shape),
            first.dtype,
            sum(path.stat().st_size for path in paths),
            kind="images" if tiff else "folder",
            axes={2: "TYX", 3: "TYXC"}.get(first.ndim),
            notes=tuple(notes),
        )

    def read(self, start: int, stop: int) -> Array:
        found = np.empty((stop - start, *self.frame_shape), self.dtype)
        for index, path in enumerate(self._paths[start:stop]):
            image = self._image(path, str(path))
            if (image.shape, image.dtype) != (self.frame_shape, self.dtype):
                raise InputError(
                    f"{path}: is {image.dtype.name} of shape {image.shape}, {self._paths[0].name} "
                    f"{self.dtype.name} {self.frame_shape}; keep images of one kind in a folder"
                )
            found[index] = image
        return found

    def _image(self, path: Path, name: str) -> Array:
        ending = path.suffix.lower()
        if ending in _TIFF:
            return _tiff(path)
        with reading(str(path), "cannot be read as an image; is it damaged?"):
            if ending in _PNM:
                return _pnm(path)
            with av.open(f"file:{path}", metadata_errors="ignore") as container:
                frame = next(container.decode(video=0))
            sampler = Sampler(frame, name, exact=self._exact, remedy=_REMEDY)
            self._note = sampler.note
            return sampler(frame)


def _tiff(path: Path) -> Array:
    with TiffArray(path, str(path)) as image:
        if image.frames != 1:
            raise InputError(f"{path}: holds {image.frames} images; name it alone")
        return image.read(0, 1)[0]


def _pnm(path: Path) -> Array:
    """A binary PGM or PPM, samples as stored: libraries stretch those whose largest value is no 2^n − 1."""
    with path.open("rb") as file:
        kind = file.read(2)
        if kind not in (b"P5", b"P6"):
            raise InputError(f"{path}: is no binary PGM or PPM (P5, P6); convert it to PNG")
        width, height, largest = (_number(file) for _ in range(3))
        if not (width > 0 and height > 0 and 0 < largest < 1 << 16):
            raise ValueError("its header is malformed")
        dtype: np.dtype[Any] = np.dtype("u1" if largest < 256 else ">u2")
        shape = (height, width) if kind == b"P5" else (height, width, 3)
        count = int(np.prod(shape, dtype=object))
        if path.stat().st_size - file.tell() < count * dtype.itemsize:
            raise EOFError("the samples end early")
        samples = np.fromfile(file, dtype, count)
    return samples.reshape(shape).astype(dtype.newbyteorder("<"), copy=False)


def _number(file: BinaryIO) -> int:
    """The next number of a header, and the one white space behind it; comments are passed over."""
    digits = b""
    while file.tell() < _LARGEST_HEADER:
        letter = file.read(1)
        if letter == b"#":
            file.readline(_LARGEST_HEADER)
        elif letter.isdigit():
            digits += letter
        elif not letter.isspace():
            break
        elif digits:
            return int(digits)
    raise ValueError("its header is malformed")
