"""TIFF stacks as arrays, ImageJ's, OME's and BigTIFF, with their axes and the size of a pixel (tifffile)."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError
from ..problems import reading
from .extras import needed
from .source import About, Array, ArraySource

_DAMAGED = "cannot be read as a TIFF; is it damaged or cut short?"
# What ImageJ says of a stack beside its shape.
_IMAGEJ = ("unit", "spacing", "finterval", "fps", "min", "max")
_PIXELS = (
    *("PhysicalSizeX", "PhysicalSizeY", "PhysicalSizeZ", "TimeIncrement"),
    *("PhysicalSizeXUnit", "PhysicalSizeYUnit", "PhysicalSizeZUnit", "TimeIncrementUnit"),
)


class TiffArray(ArraySource):
    """The first series of a TIFF file."""

    def __init__(self, path: Path, name: str) -> None:
        """Raises `InputError`."""
        tifffile = needed("tifffile", name)
        with reading(name, _DAMAGED):
            self._file = tifffile.TiffFile(path)
            self._series = self._file.series[0]
            others = len(self._file.series) - 1
            shape, axes = tuple(self._series.shape), str(self._series.axes)
            dtype = np.dtype(self._series.dtype).newbyteorder(self._file.byteorder)
            about = _about(self._file, self._series)
        inner = [axes.index(letter) for letter in "YXS" if letter in axes]
        first = min(inner, default=len(axes))
        # Channels between time and rows belong to a frame, for those of one frame are alike.
        first -= axes[:first].endswith("C") and first > 1
        if first == 0:
            shape, axes, first = (1, *shape), f"T{axes}" if "T" not in axes else f"Q{axes}", 1
        if len(set(axes)) < len(axes) or max(inner, default=0) > len(axes) - 1 or "T" in axes[first:]:
            raise InputError(f"{name}: has axes {axes}; save it with time before rows and columns")
        notes = (f"{others} other series left out",) if others else ()
        super().__init__(
            *(name, shape, dtype, path.stat().st_size),
            kind="images",
            axes=axes,
            frame_axes=len(axes) - first,
            about=about,
            notes=notes,
        )
        self._pages_in_frame = max(1, len(self._series.pages) // self.frames)

    def read(self, start: int, stop: int) -> Array:
        with reading(self.name, f"frames {start} to {stop - 1} cannot be decoded; is the file damaged?"):
            if self._series.dataoffset is not None:
                samples = int(np.prod(self.frame_shape, dtype=np.int64))
                flat = self._file.filehandle.read_array(
                    self.dtype,
                    count=(stop - start) * samples,
                    offset=self._series.dataoffset + start * samples * self.dtype.itemsize,
                )
            else:
                each = self._pages_in_frame
                flat = self._file.asarray(key=slice(start * each, stop * each), series=0)
            return np.asarray(flat).reshape(stop - start, *self.frame_shape).astype(self.dtype, copy=False)

    def close(self) -> None:
        self._file.close()


def _about(file: Any, series: Any) -> About:
    """Which kind of TIFF, and the size of a pixel in its own terms."""
    page = series.keyframe
    about: About = {"tiff": "ome" if file.is_ome else "imagej" if file.is_imagej else "plain"}
    if file.is_bigtiff:
        about["bigtiff"] = 1
    if "XResolution" in page.tags and "YResolution" in page.tags:
        about["resolution"] = [float(page.resolution[0]), float(page.resolution[1])]
        about["resolution_unit"] = int(page.resolutionunit)
    if file.is_imagej:
        found = file.imagej_metadata or {}
        about |= {key: found[key] for key in _IMAGEJ if isinstance(found.get(key), str | int | float)}
    if file.is_ome:
        about |= _ome(file.ome_metadata or "")
    return about


def _ome(text: str) -> About:
    """The attributes of OME-XML's first Pixels that are about size and time."""
    try:
        pixels = next(one for one in ElementTree.fromstring(text).iter() if one.tag.endswith("Pixels"))
    except (ElementTree.ParseError, StopIteration):
        return {}
    return {key: pixels.attrib[key] for key in _PIXELS if key in pixels.attrib}
