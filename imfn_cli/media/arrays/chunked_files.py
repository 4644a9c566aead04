"""Datasets of HDF5 files and arrays of Zarr stores."""

from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError
from ..problems import reading
from .extras import needed
from .source import Array, ArraySource


class _Dataset(ArraySource):
    """What has a shape and a dtype and is read by slices."""

    def __init__(self, dataset: Any, name: str, kind: str, size_bytes: int) -> None:
        self._dataset = dataset
        super().__init__(name, tuple(dataset.shape), np.dtype(dataset.dtype), size_bytes, kind=kind)

    def read(self, start: int, stop: int) -> Array:
        with reading(self.name, f"frames {start} to {stop - 1} cannot be read; is the file damaged?"):
            return np.asarray(self._dataset[start:stop]).astype(self.dtype, copy=False)


class Hdf5Array(_Dataset):
    """A dataset of an HDF5 file."""

    def __init__(self, path: Path, name: str, member: str | None) -> None:
        """member: path of the dataset; None: the only one. Raises `InputError`."""
        h5py = needed("h5py", name)
        with reading(name, "cannot be read as HDF5; is it damaged or cut short?"):
            self._file = h5py.File(path, "r")
            found: list[str] = []
            self._file.visititems(
                lambda key, one: found.append(key) if isinstance(one, h5py.Dataset) else None
            )
        chosen = _chosen(name, [f"/{key}" for key in found], member and f"/{member.strip('/')}")
        super().__init__(self._file[chosen], name, "hdf5", path.stat().st_size)

    def close(self) -> None:
        self._file.close()


class ZarrArray(_Dataset):
    """An array of a Zarr store in a directory."""

    def __init__(self, path: Path, name: str, member: str | None) -> None:
        """member: path of the array within groups; None: the only one. Raises `InputError`."""
        zarr = needed("zarr", name)
        with reading(name, "cannot be read as a Zarr store; is it damaged or incomplete?"):
            store = zarr.open(path, mode="r")
            if isinstance(store, zarr.Group):
                found = [key for key, one in store.members(max_depth=None) if isinstance(one, zarr.Array)]
                store = store[_chosen(name, found, member and member.strip("/"))]
            size = sum(one.stat().st_size for one in path.rglob("*") if one.is_file())
        super().__init__(store, name, "zarr", size)


def _chosen(name: str, found: list[str], member: str | None) -> str:
    if member is None and len(found) == 1:
        return found[0]
    if member in found:
        return str(member)
    listed = ", ".join(sorted(found)[:5]) or "none"
    if member is None and found:
        raise InputError(f"{name}: holds {len(found)} arrays ({listed}); name one, as in {name}::{found[0]}")
    raise InputError(f"{name}: holds no such array; it has {listed}")
