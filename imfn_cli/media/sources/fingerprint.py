"""What tells a source from what it was before: names, sizes and times of its files, a file's two ends."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from ..arrays.open_array import is_zarr
from ..problems import reading
from .inputs import still_images

_END_BYTES = 1 << 16


def fingerprint(paths: Sequence[Path], name: str) -> str:
    """A hash of a file, of images or a directory of them, or of a Zarr store. Raises `InputError`.

    A long film is not read for it: what keeps its size, its time of change, and its first and last 64 KiB
    counts as the same.
    """
    digest = hashlib.sha256()
    with reading(name, "cannot be read"):
        files = files_of(paths)
        for path in files:
            stat = path.stat()
            digest.update(os.fsencode(path.name) + f"\0{stat.st_size} {stat.st_mtime_ns}\0".encode())
            if len(files) == 1:
                with path.open("rb") as file:
                    digest.update(file.read(_END_BYTES))
                    file.seek(max(0, stat.st_size - _END_BYTES))
                    digest.update(file.read(_END_BYTES))
    return digest.hexdigest()


def files_of(paths: Sequence[Path]) -> Sequence[Path]:
    """The files of a source: itself, those of a directory of images or of a Zarr store. Raises `OSError`."""
    if not paths[0].is_dir():
        return paths
    if is_zarr(paths[0]):
        return sorted(path for path in paths[0].rglob("*") if path.is_file())
    return still_images(paths[0])
