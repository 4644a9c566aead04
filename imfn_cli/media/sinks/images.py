"""Directories of numbered PNG images, written as the frames come."""

import contextlib
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from ...errors import OutputError
from ...system.files import check_folder
from .frame_writer import FrameWriter

# Fast, and a few percent larger than the smallest.
_COMPRESSION = 3


class DirectoryWriter(FrameWriter):
    """000000.png, 000001.png, ... in a directory; other files in it stay as they are."""

    def _check(self) -> None:
        path = self.path
        if path.exists() and not path.is_dir():
            raise OutputError(f"{path}: exists already and is not a directory; choose another name with -o")
        if path.is_dir() and not self._force and any(path.iterdir()):
            raise OutputError(
                f"{path}: is not empty; name a new directory, or replace its images with --force"
            )
        # An existing directory is written to, a new one is made beside its siblings.
        folder = path if path.is_dir() else path.parent
        check_folder(folder)

    @contextlib.contextmanager
    def _target(self) -> Iterator[Path]:
        self._check()
        path = self.path
        # Inside an existing directory: its parent may not be writable.
        folder = path if path.is_dir() else path.parent
        temporary = folder / f".{path.name[:80]}.{secrets.token_hex(4)}.part"
        temporary.mkdir()
        try:
            yield temporary
            if path.is_dir():
                for image in sorted(temporary.iterdir()):
                    image.replace(path / image.name)
            else:
                temporary.rename(path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def _begin(self, temporary: Path) -> None:
        self._folder = temporary

    def _write(self, pixels: np.ndarray, time: int) -> None:
        image = Image.fromarray(pixels if pixels.shape[2] == 3 else pixels[:, :, 0])
        image.save(self._folder / f"{self._count:06d}.png", compress_level=_COMPRESSION)

    def _finish(self) -> None:
        pass

    def _release(self) -> None:
        pass
