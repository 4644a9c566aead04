"""NumPy arrays as sequences: .npy through a memory map, .npz frame by frame, and arrays of the program."""

import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO

import numpy as np

from ...errors import InputError
from ..pixels import split_alpha
from ..problems import reading
from ..selection import check_selection, select, selected
from ..sequence import Frame, Sequence, SequenceInfo

_WANTED = "wanted uint8 of shape (T, H, W), (T, H, W, 1) or (T, H, W, 3)"
_DAMAGED = "cannot be read as a NumPy file; is it damaged or cut short?"
# What tells the frames from other arrays.
_NAMES = ("frames.npy", "video.npy")
_MAGIC = b"\x93NUMPY"
# Of an array of frames: time, height, width.
_FEWEST_AXES = 3


class ArraySequence(Sequence):
    """uint8 frames (T, H, W), (T, H, W, 1) gray, (T, H, W, 3) RGB or (T, H, W, 4) RGBA, 25 to the second."""

    def __init__(self, path: Path, name: str, *, start: int = 0, stop: int | None = None) -> None:
        """Reads the header of a .npy or .npz file. Raises `InputError`."""
        check_selection(name, start, stop)
        self._path = path
        self._member: str | None = None
        others: list[str] = []
        with reading(name, _DAMAGED):
            if zipfile.is_zipfile(path):
                with zipfile.ZipFile(path) as archive:
                    self._member = _choose_member(archive, name)
                    others = [member for member in archive.namelist() if member != self._member]
                    with archive.open(self._member) as stream:
                        shape, fortran, dtype = _read_header(stream)
                if fortran:
                    raise InputError(f"{name}: is stored in Fortran order; save np.ascontiguousarray of it")
            else:
                array = np.load(path, mmap_mode="r", allow_pickle=False)
                shape, dtype = array.shape, array.dtype
                _check_end(path, array, name)
        _check_shape(name, shape, dtype)
        self._shape = shape
        self._chosen = select(name, shape[0], start, stop)
        info = _info(shape, len(self._chosen), path.stat().st_size)
        if others:
            left_out = ", ".join(member.removesuffix(".npy") for member in others[:5])
            info = replace(info, notes=(*info.notes, f"{len(others)} other arrays left out ({left_out})"))
        super().__init__(name, info)

    def __iter__(self) -> Iterator[Frame]:
        return self.after(0)

    def after(self, count: int) -> Iterator[Frame]:
        """See `Sequence.after`."""
        chosen = self._chosen[count:]
        frames = self._from_map(chosen) if self._member is None else self._from_archive(self._member, chosen)
        for time, frame in enumerate(frames, count):
            yield _as_frame(frame, time)

    def _from_map(self, chosen: range) -> Iterator[np.ndarray]:
        with reading(self.name, _DAMAGED):
            array = np.load(self._path, mmap_mode="r", allow_pickle=False)
        for index in chosen:
            # A copy: the map must not outlive the iteration.
            yield np.array(array[index])

    def _from_archive(self, member: str, chosen: range) -> Iterator[np.ndarray]:
        frame_bytes = int(np.prod(self._shape[1:]))
        with reading(self.name, _DAMAGED):
            archive = zipfile.ZipFile(self._path)
        with archive, archive.open(member) as stream:
            with reading(self.name, _DAMAGED):
                _read_header(stream)
            for index in range(chosen.stop):
                with reading(self.name, f"breaks at frame {index}; is it damaged or cut short?"):
                    data = stream.read(frame_bytes)
                    if len(data) < frame_bytes:
                        raise EOFError("the data ends early")
                if index >= chosen.start:
                    yield np.frombuffer(data, np.uint8).reshape(self._shape[1:])


class LoadedArray(Sequence):
    """uint8 frames as in `ArraySequence`, from an array of the program, which must not change meanwhile."""

    def __init__(self, array: np.ndarray, *, start: int = 0, stop: int | None = None) -> None:
        """Raises `InputError` if the array has another type or shape, or if start:stop selects no frame."""
        name = "array"
        _check_shape(name, array.shape, array.dtype)
        chosen = selected(name, array.shape[0], start, stop)
        self._frames = array[chosen.start : chosen.stop]
        super().__init__(name, _info(array.shape, len(chosen), array.nbytes))

    def __iter__(self) -> Iterator[Frame]:
        for time, frame in enumerate(self._frames):
            yield _as_frame(frame, time)


def _info(shape: tuple[int, ...], count: int, size_bytes: int) -> SequenceInfo:
    """What is known of `count` selected frames of an array of `shape`."""
    notes = []
    if len(shape) == 3 and shape[2] in (3, 4):
        notes.append(f"read as {shape[0]} gray frames of {shape[2]}x{shape[1]}; one RGB image needs a T axis")
    return SequenceInfo.untimed(
        width=shape[2],
        height=shape[1],
        channels=3 if len(shape) == 4 and shape[3] in (3, 4) else 1,
        frame_count=count,
        kind="array",
        size_bytes=size_bytes,
        alpha=len(shape) == 4 and shape[3] == 4,
        notes=tuple(notes),
    )


def _as_frame(frame: np.ndarray, time: int) -> Frame:
    """uint8 (H, W) or (H, W, 1, 3 or 4) as a frame."""
    pixels = frame if frame.ndim == 3 else frame[:, :, None]
    if pixels.shape[2] == 4:
        composited, alpha = split_alpha(pixels)
        return Frame(composited, time, alpha)
    return Frame(np.ascontiguousarray(pixels), time)


def _choose_member(archive: zipfile.ZipFile, name: str) -> str:
    """The member of a .npz file that holds the frames. Raises `InputError` if that is not certain."""
    arrays = [member for member in archive.namelist() if member.endswith(".npy")]
    for member in _NAMES:
        if member in arrays:
            return member
    shapes = {member: _shape_of(archive, member) for member in arrays}
    # Labels, times and the like beside the frames leave no doubt.
    likely = [member for member in arrays if len(shapes[member]) >= _FEWEST_AXES]
    if len(likely) == 1:
        return likely[0]
    found = ", ".join(member.removesuffix(".npy") for member in arrays[:5]) or "none"
    raise InputError(f"{name}: holds {len(arrays)} arrays ({found}); name the one with the frames 'frames'")


def _shape_of(archive: zipfile.ZipFile, member: str) -> tuple[int, ...]:
    with archive.open(member) as stream:
        return _read_header(stream)[0]


def _check_end(path: Path, array: np.ndarray, name: str) -> None:
    """Raises `InputError` if another array follows the first one, as np.save into one open file makes."""
    with path.open("rb") as file:
        _read_header(file)
        file.seek(array.nbytes, 1)
        if file.read(len(_MAGIC)) == _MAGIC:
            raise InputError(
                f"{name}: holds several arrays one after another; save them as one with np.concatenate"
            )


def _read_header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, Fortran order and type of the array that follows in `stream`, which stands at its magic."""
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(stream)
    return np.lib.format.read_array_header_2_0(stream)


def _check_shape(name: str, shape: tuple[int, ...], dtype: np.dtype) -> None:
    """Raises `InputError` unless an array of this shape and type holds frames."""
    if dtype != np.uint8:
        raise InputError(f"{name}: holds {dtype} of shape {shape}; {_WANTED}, values 0 to 255")
    if len(shape) not in (3, 4) or (len(shape) == 4 and shape[3] not in (1, 3, 4)):
        raise InputError(f"{name}: holds {dtype} of shape {shape}; {_WANTED}")
    if 0 in shape:
        raise InputError(f"{name}: holds no pixels (shape {shape})")
