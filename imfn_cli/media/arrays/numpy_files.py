""".npy through a memory map, and one array of an .npz as a stream."""

import zipfile
from pathlib import Path
from typing import IO

import numpy as np

from ...errors import InputError
from ..problems import reading
from .source import Array, ArraySource

_DAMAGED = "cannot be read as a NumPy file; is it damaged or cut short?"
_NAMES = ("frames", "video", "data")
_MAGIC = b"\x93NUMPY"


class NpyArray(ArraySource):
    """The array of a .npy file, read by parts: what is read of a map counts as this process's memory."""

    def __init__(self, path: Path, name: str) -> None:
        """Raises `InputError`."""
        with reading(name, _DAMAGED), path.open("rb") as file:
            shape, fortran, dtype = read_header(file)
            self._begin = file.tell()
            end = self._begin + int(np.prod(shape, dtype=object)) * dtype.itemsize
            file.seek(end)
            another = file.read(len(_MAGIC)) == _MAGIC
        size = path.stat().st_size
        super().__init__(name, shape, dtype, size)
        if size < end:
            raise InputError(f"{name}: is cut short: {size:,} of {end:,} bytes are there; copy it again")
        if another:
            raise InputError(
                f"{name}: holds several arrays one after another; save them as one with np.concatenate"
            )
        self._path, self._fortran = path, fortran and len(shape) > 1

    def read(self, start: int, stop: int) -> Array:
        with reading(self.name, _DAMAGED):
            if self._fortran:
                return np.array(np.load(self._path, mmap_mode="r", allow_pickle=False)[start:stop])
            samples = int(np.prod(self.frame_shape, dtype=np.int64))
            at = self._begin + start * samples * self.dtype.itemsize
            flat = np.fromfile(self._path, self.dtype, (stop - start) * samples, offset=at)
            return flat.reshape(stop - start, *self.frame_shape)


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
