""".npy through a memory map, and one array of an .npz as a stream."""

import zipfile
from pathlib import Path
from typing import IO

import numpy as np

from ...errors import InputError
from ..problems import reading
from .source import Array, ArraySource, GivenArray

_DAMAGED = "cannot be read as a NumPy file; is it damaged or cut short?"
_NAMES = ("frames", "video", "data")
_MAGIC = b"\x93NUMPY"


def open_npy(path: Path, name: str) -> ArraySource:
    """The array of a .npy file. Raises `InputError`."""
    with reading(name, _DAMAGED):
        with path.open("rb") as file:
            shape, _, dtype = read_header(file)
            begin = file.tell()
            if dtype.hasobject:
                # Says so without looking at the objects.
                return GivenArray(np.empty(shape, object), name)
            size = int(np.prod(shape, dtype=object)) * dtype.itemsize
            file.seek(begin + size)
            another = file.read(len(_MAGIC)) == _MAGIC
        if path.stat().st_size < begin + size:
            raise InputError(
                f"{name}: is cut short: {path.stat().st_size:,} of {begin + size:,} bytes are there"
            )
        if another:
            raise InputError(
                f"{name}: holds several arrays one after another; save them as one with np.concatenate"
            )
        # Not an empty one, which cannot be mapped.
        array: Array = np.load(path, mmap_mode="r", allow_pickle=False) if size else np.empty(shape, dtype)
    return GivenArray(array, name, path.stat().st_size)


class NpzArray(ArraySource):
    """One array of an .npz file, read from front to back; going back begins anew."""

    def __init__(self, path: Path, name: str, member: str | None = None) -> None:
        """member: which array; None: the only one, or frames, video or data. Raises `InputError`."""
        with reading(name, _DAMAGED):
            self._archive = zipfile.ZipFile(path)
            self._member = _chosen(self._archive, name, member)
            with self._archive.open(self._member) as stream:
                shape, fortran, dtype = read_header(stream)
        if fortran and len(shape) > 1:
            raise InputError(f"{name}: is stored in Fortran order; save np.ascontiguousarray of it")
        others = len(self._archive.namelist()) - 1
        notes = (f"{others} other arrays left out",) if others else ()
        super().__init__(name, shape, dtype, path.stat().st_size, notes=notes)
        self._stream: IO[bytes] | None = None
        self._at = 0

    def read(self, start: int, stop: int) -> Array:
        frame_bytes = int(np.prod(self.frame_shape, dtype=np.int64)) * self.dtype.itemsize
        with reading(self.name, "is damaged or cut short"):
            if self._stream is None or start < self._at:
                self._rewind()
            assert self._stream is not None
            while self._at < start:
                self._take(frame_bytes)
                self._at += 1
            data = self._take(frame_bytes * (stop - start))
            self._at = stop
        return np.frombuffer(data, self.dtype).reshape(stop - start, *self.frame_shape)

    def _rewind(self) -> None:
        if self._stream is not None:
            self._stream.close()
        self._stream, self._at = self._archive.open(self._member), 0
        read_header(self._stream)

    def _take(self, size: int) -> bytes:
        assert self._stream is not None
        data = self._stream.read(size)
        if len(data) < size:
            raise EOFError("the data ends early")
        return data

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
        self._archive.close()


def _chosen(archive: zipfile.ZipFile, name: str, member: str | None) -> str:
    names = [one.removesuffix(".npy") for one in archive.namelist() if one.endswith(".npy")]
    if member is not None and member not in names:
        raise InputError(f"{name}: holds no array of this name; it has {', '.join(names[:5]) or 'none'}")
    wanted = [member] if member is not None else [one for one in _NAMES if one in names] or names
    if member is None and len(names) > 1 and len(wanted) == len(names):
        found = ", ".join(names[:5])
        raise InputError(f"{name}: holds {len(names)} arrays ({found}); name one, as in {name}::{names[0]}")
    if not wanted:
        raise InputError(f"{name}: holds no arrays; save one with np.savez")
    return f"{wanted[0]}.npy"


def read_header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, "np.dtype[np.generic]"]:
    """Shape, Fortran order and type of the array that follows in `stream`, which stands at its magic."""
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(stream)
    return np.lib.format.read_array_header_2_0(stream)
