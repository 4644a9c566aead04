"""Arrays of any type to files, block by block: .npy, .npz, .tif, .h5, .zarr; images to .mkv and folders."""

import contextlib
import secrets
import shutil
import struct
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import av
import numpy as np
from numpy.typing import NDArray

from ...errors import OutputError
from ...system.files import check_folder, replacing, writing
from .extras import needed
from .image_sinks import filling_folder, write_mkv, write_png
from .source import About
from .tiff_sink import write_tiff

Blocks = Iterator[NDArray[Any]]


@dataclass(frozen=True)
class ArrayInfo:
    """What is to be written; fields as in `ArraySource`."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    axes: str
    frame_axes: int
    about: About


def write_array(
    output: Path, info: ArrayInfo, blocks: Blocks, *, format: str | None = None, force: bool = False
) -> None:
    """Write frames as they come, blocks (N, *frame); `format`, or the ending of `output`, says how.

    "png", an existing folder or a name without an ending: a folder of PNG.

    Raises `OutputError` for another ending, and where something is there and `force` is not set. What raises
    leaves nothing behind.
    """
    ending = output.suffix.lower() if format is None else f".{format}"
    if ending == ".zarr":
        with _replacing_folder(output, force=force) as folder, _written(output):
            _write_zarr(folder, info, blocks)
        return
    if ending == ".png" if format is not None else output.is_dir() or not ending:
        with filling_folder(output, force=force) as folder, _written(output):
            write_png(folder, info.shape, info.dtype, info.axes, blocks)
        return
    if ending not in _FILES:
        raise OutputError(
            f"{output}: cannot hold {info.dtype.name} of shape {info.shape} as it is; "
            f"use one of {' '.join(ARRAY_ENDINGS)}, or for images of 8 and 16 bits a folder"
        )
    with replacing(output, force=force) as temporary, _written(output):
        _FILES[ending](temporary, info, blocks)


@contextlib.contextmanager
def _written(output: Path) -> Iterator[None]:
    """Whatever libraries raise while they write is an `OutputError` that names `output`."""
    try:
        with writing(output):
            yield
    except av.error.FFmpegError as error:
        raise OutputError(f"{output}: cannot be written ({_one_line(error)}); use .npy") from error
    except (ValueError, TypeError, KeyError, OverflowError, struct.error) as error:
        # Of a latent from somebody else: what libraries make of it is known only to them.
        raise OutputError(
            f"{output}: cannot hold what the array's source says of itself ({_one_line(error)}); use .npy"
        ) from error
    except RuntimeError as error:
        # HDF5 where the disk is full.
        raise OutputError(
            f"{output}: cannot be written ({_one_line(error)}); choose another place with -o"
        ) from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _write_npy(path: Path, info: ArrayInfo, blocks: Blocks) -> None:
    with path.open("wb") as file:
        _npy_to(file, info, blocks)


def _npy_to(file: IO[bytes], info: ArrayInfo, blocks: Blocks) -> None:
    header = {"descr": np.lib.format.dtype_to_descr(info.dtype), "fortran_order": False, "shape": info.shape}
    np.lib.format.write_array_header_1_0(file, header)
    for block in blocks:
        file.write(np.ascontiguousarray(block).data.cast("B"))


def _write_npz(path: Path, info: ArrayInfo, blocks: Blocks) -> None:
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("data.npy", "w", force_zip64=True) as file,
    ):
        _npy_to(file, info, blocks)


def _write_hdf5(path: Path, info: ArrayInfo, blocks: Blocks) -> None:
    h5py = needed("h5py", str(path))
    with h5py.File(path, "w") as file:
        _fill(file.create_dataset("data", info.shape, info.dtype), info, blocks)


def _write_zarr(path: Path, info: ArrayInfo, blocks: Blocks) -> None:
    zarr = needed("zarr", str(path))
    counting = len(info.shape) - info.frame_axes
    chunks = (*[1] * (counting - 1), min(16, info.shape[counting - 1]), *info.shape[counting:])
    _fill(zarr.create_array(path, shape=info.shape, chunks=chunks, dtype=info.dtype), info, blocks)


def _fill(dataset: Any, info: ArrayInfo, blocks: Blocks) -> None:
    """Frames, in order, into a dataset of the array's shape."""
    at, counting = 0, info.shape[: len(info.shape) - info.frame_axes]
    for block in blocks:
        if len(counting) == 1:
            dataset[at : at + len(block)] = block
        else:
            for index, frame in enumerate(block, at):
                dataset[tuple(int(one) for one in np.unravel_index(index, counting))] = frame
        at += len(block)


def _write_tiff(path: Path, info: ArrayInfo, blocks: Blocks) -> None:
    tifffile = needed("tifffile", str(path))
    write_tiff(tifffile, path, info.shape, info.dtype, info.axes, info.about, blocks)


def _write_mkv(path: Path, info: ArrayInfo, blocks: Blocks) -> None:
    write_mkv(path, info.shape, info.dtype, info.axes, info.about, blocks)


_FILES: dict[str, Callable[[Path, ArrayInfo, Blocks], None]] = {
    ".npy": _write_npy,
    ".npz": _write_npz,
    ".tif": _write_tiff,
    ".tiff": _write_tiff,
    ".h5": _write_hdf5,
    ".hdf5": _write_hdf5,
    ".mkv": _write_mkv,
}
#: The endings that `write_array` knows.
ARRAY_ENDINGS = (*_FILES, ".zarr")


@contextlib.contextmanager
def _replacing_folder(path: Path, *, force: bool) -> Iterator[Path]:
    """`system.files.replacing` for a folder."""
    check_folder(path.parent)
    if path.exists() and not force:
        raise OutputError(
            f"{path}: exists already; choose another name with -o, or overwrite it with --force"
        )
    temporary = path.with_name(f".{path.stem[:40]}.{secrets.token_hex(4)}.part{path.suffix}")
    old = temporary.with_suffix(".old")
    try:
        yield temporary
        with writing(path):
            if path.exists():
                path.replace(old)
            temporary.replace(path)
    finally:
        for leftover in (temporary, old):
            _remove(leftover)


def _remove(folder: Path) -> None:
    # Zarr's threads may still write into it, after one of them has failed.
    for _ in range(20):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.05)
