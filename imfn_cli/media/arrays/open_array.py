"""From a name to an array: the ending says which kind of file, what stands after :: which array in it."""

from pathlib import Path

from ...errors import InputError
from ..selection import selected
from .chunked_files import Hdf5Array, ZarrArray
from .numpy_files import NpyArray, NpzArray
from .source import ArraySource, PartOfArray
from .tiff_files import TiffArray

HDF5 = (".h5", ".hdf5", ".nc")
TIFF = (".tif", ".tiff")
#: What is always read as an array, never as pictures.
ALWAYS = (*HDF5, ".zarr")
ENDINGS = (".npy", ".npz", *TIFF, *ALWAYS)
_ZARR_FILES = ("zarr.json", ".zarray", ".zgroup")


def split_name(name: str) -> tuple[Path, str | None]:
    """'file.h5::/data' → its path and what is named in it; a file that has such a name is that file."""
    before, colons, member = name.rpartition("::")
    if not colons or Path(name).exists():
        return Path(name), None
    return Path(before), member or None


def is_array(name: str | Path) -> bool:
    """Whether a name's ending, or what is in the folder, says that it is an array, of whatever type."""
    path, _ = split_name(str(name))
    return path.suffix.lower() in ENDINGS or is_zarr(path)


def is_zarr(path: Path) -> bool:
    """Whether a folder is a Zarr store."""
    return path.is_dir() and any((path / name).is_file() for name in _ZARR_FILES)


def open_array(name: str | Path, *, start: int = 0, stop: int | None = None) -> ArraySource:
    """Open an array; frames start … stop − 1 of it. Raises `InputError`, one line, where it is none."""
    path, member = split_name(str(name))
    named, ending = str(name), path.suffix.lower()
    if not path.exists():
        raise InputError(f"{named}: No such file or directory; check the name")
    if member is not None and ending not in (".npz", *HDF5) and not is_zarr(path):
        raise InputError(f"{named}: only .npz, HDF5 and Zarr hold several arrays; leave ::{member} out")
    whole = _opened(path, named, ending, member)
    if (start, stop) == (0, None):
        return whole
    try:
        chosen = selected(named, whole.frames, start, stop)
        return PartOfArray(whole, chosen.start, chosen.stop)
    except InputError:
        whole.close()
        raise


def _opened(path: Path, name: str, ending: str, member: str | None) -> ArraySource:
    if is_zarr(path):
        return ZarrArray(path, name, member)
    if not path.is_file():
        raise InputError(f"{name}: is no array; name a .npy, .npz, .tif, .h5 or .zarr")
    if ending == ".npy":
        return NpyArray(path, name)
    if ending == ".npz":
        return NpzArray(path, name, member)
    if ending in TIFF:
        return TiffArray(path, name)
    if ending in HDF5:
        return Hdf5Array(path, name, member)
    raise InputError(
        f"{name}: is no array; --lossless and --max-error are for .npy, .npz, .tif, .h5 and .zarr"
    )
