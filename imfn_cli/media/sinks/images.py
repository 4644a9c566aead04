"""Directories of numbered PNG images, written as the frames come."""

import contextlib
from collections.abc import Iterator
from itertools import count, takewhile
from pathlib import Path

import numpy as np
from PIL import Image

from ...errors import OutputError
from ...system.files import check_folder
from ...system.work_file import is_ours, unfinished, work_on
from .frame_writer import FrameWriter

# Fast, and a few percent larger than the smallest.
_COMPRESSION = 3


class DirectoryWriter(FrameWriter):
    """000000.png, 000001.png, ... in a directory; other files in it stay as they are."""

    holds_alpha = True

    def _check(self) -> None:
        # A run that was interrupted when it put its images there may have put some; `_target` asks again.
        self._check_place(going_on=unfinished(self.path))

    def _check_place(self, *, going_on: bool) -> None:
        path = self.path
        if path.exists() and not path.is_dir():
            raise OutputError(f"{path}: exists already and is not a directory; choose another name with -o")
        others = (entry for entry in path.iterdir() if not is_ours(entry)) if path.is_dir() else ()
        if not self._force and not going_on and any(others):
            raise OutputError(
                f"{path}: is not empty; name a new directory, or replace its images with --force"
            )
        # An existing directory is written to, a new one is made beside its siblings.
        folder = path if path.is_dir() else path.parent
        check_folder(folder)

    @contextlib.contextmanager
    def _target(self) -> Iterator[Path]:
        path = self.path
        self._check_place(going_on=self.resume and unfinished(path))
        # Inside an existing directory: its parent may not be writable.
        inside = path.is_dir()
        folder = path if inside else path.parent
        with work_on(path, self.told, resume=self.resume, folder=folder) as self.work:
            yield self.work.part
            self.work.about_to_appear()
            if inside:
                for number in range(self._count):
                    self._image(number).replace(path / self._image(number).name)
            else:
                self.work.part.rename(path)

    def _begin(self, temporary: Path) -> None:
        self._folder = temporary
        temporary.mkdir(exist_ok=True)
        if self.work is not None:
            self.work.keeps_part = True
        if not self._goes_on:
            return
        if self.path.is_dir():
            self._take_back()
        written = sum(1 for _ in takewhile(Path.exists, map(self._image, count())))
        # The last one may be cut short.
        self.done = self._count = max(written - 1, 0)

    def _image(self, number: int) -> Path:
        return self._folder / f"{number:06d}.png"

    def _take_back(self) -> None:
        """Take back the first images, which an interrupted run has put into the directory already."""
        first = min((int(image.stem) for image in self._folder.glob("*.png")), default=0)
        for image in map(self._image, range(first)):
            (self.path / image.name).replace(image)

    def _write(self, pixels: np.ndarray, time: int) -> None:
        image = Image.fromarray(pixels if pixels.shape[2] > 1 else pixels[:, :, 0])
        image.save(self._image(self._count), compress_level=_COMPRESSION)

    def _finish(self) -> None:
        pass

    def _release(self) -> None:
        pass
