"""A .npy file whose length is not known before its end."""

from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ...system.files import writing


class GrowingNpy:
    """Arrays of one shape and type along a new first axis; the header is put right at the end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._count = 0
        self._like: NDArray[Any] = np.empty(0, np.float32)
        with writing(path):
            self._file = path.open("wb")

    @property
    def shape(self) -> tuple[int, ...]:
        """Of what has been written."""
        return (self._count, *self._like.shape)

    def append(self, array: NDArray[Any]) -> None:
        """Write the next one. Raises `OutputError`."""
        with writing(self._path):
            if self._count == 0:
                self._like = array
                self._header()
            self._file.write(np.ascontiguousarray(array).data)
        self._count += 1

    def _header(self) -> None:
        # NumPy leaves room for the first axis to grow.
        about = {"descr": self._like.dtype.str, "fortran_order": False, "shape": self.shape}
        np.lib.format.write_array_header_1_0(self._file, about)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._file:
            if kind is None:
                with writing(self._path):
                    self._file.seek(0)
                    self._header()
