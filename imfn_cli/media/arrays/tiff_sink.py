"""Arrays as TIFF, of the kind that they came from: ImageJ's, OME's, or plain."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .source import About

# Larger files need 64-bit offsets.
_LARGEST_CLASSIC = (1 << 32) - (1 << 25)
# What ImageJ can hold.
_IMAGEJ_TYPES = ("u1", "u2", "f4")


def write_tiff(
    tifffile: Any,
    path: Path,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    axes: str,
    about: About,
    blocks: Iterator[NDArray[Any]],
) -> None:
    """Write blocks of frames as pages, with axes and the size of a pixel as `about` has them."""
    kind = str(about.get("tiff", "plain"))
    if kind == "imagej" and dtype.str[1:] not in _IMAGEJ_TYPES:
        kind = "plain"
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    big = bool(about.get("bigtiff")) or size > _LARGEST_CLASSIC
    metadata: dict[str, Any] = {"axes": axes}
    if kind != "plain":
        known = ("resolution", "resolution_unit", "tiff", "bigtiff")
        metadata |= {key: value for key, value in about.items() if key not in known}
    options: dict[str, Any] = {"photometric": "rgb" if axes.endswith("S") else "minisblack"}
    if isinstance(about.get("resolution"), list):
        options |= {"resolution": about["resolution"], "resolutionunit": about.get("resolution_unit", 1)}
    page = shape[-3:] if axes.endswith("S") else shape[-2:]
    order = "<" if dtype.str[0] == "|" else dtype.str[0]
    with tifffile.TiffWriter(
        path,
        bigtiff=big and kind != "imagej",
        imagej=kind == "imagej",
        ome=kind == "ome",
        byteorder=order,
    ) as file:
        pages = (one for block in blocks for one in block.reshape(-1, *page))
        file.write(pages, shape=shape, dtype=dtype.newbyteorder("="), metadata=metadata, **options)
