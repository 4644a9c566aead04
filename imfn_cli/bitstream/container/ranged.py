"""The tensors of a safetensors file in another place, read by range requests: no library opens those."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import LatentError
from ...system.remote import RemotePath, asking
from .layout import DTYPES, metadata_of, read_layout

_ITEM_BYTES = {"U8": 1, "U16": 2, "U32": 4, "I64": 8}


class RangedTensors:
    """As `Tensors`, of a file elsewhere. Its layout is checked here: extents follow one another to the end.

    Raises `LatentError`, one line, where the file is no latent, cut short, or its layout is damaged.
    """

    def __init__(self, path: RemotePath) -> None:
        self._path = path
        with asking(path.address, LatentError):
            if path.size == 0:
                raise LatentError(f"{path}: empty file; compress the source again")
            with path.open() as file:
                found = read_layout(file)
        if found is None:
            raise LatentError(f"{path}: not an imfn latent; make one with 'imfn compress'")
        self._layout, self._start = found
        self._check()

    def _check(self) -> None:
        end = 0
        entries = {name: entry for name, entry in self._layout.items() if name != "__metadata__"}
        try:
            for entry in sorted(entries.values(), key=lambda entry: entry["data_offsets"]):
                begin, stop = entry["data_offsets"]
                sides = [int(side) for side in entry["shape"]]
                count = int(np.prod(sides, dtype=object)) if sides else 1
                size = count * _ITEM_BYTES[entry["dtype"]]
                if begin != end or min(sides, default=0) < 0 or stop - begin != size:
                    raise ValueError
                end = stop
        except (KeyError, TypeError, ValueError):
            raise LatentError(
                f"{self._path}: its safetensors header is damaged; compress the source again"
            ) from None
        missing = self._start + end - self._path.size
        if missing > 0:
            raise LatentError(f"{self._path}: cut short, {missing:,} bytes are missing; copy it again")
        if missing < 0:
            raise LatentError(f"{self._path}: its safetensors header is damaged; compress the source again")

    @property
    def metadata(self) -> dict[str, str]:
        """The free text beside the tensors."""
        return metadata_of(self._layout)

    def __contains__(self, name: str) -> bool:
        return name != "__metadata__" and name in self._layout

    def kind(self, name: str) -> tuple[str, list[int]]:
        """A tensor's type, as safetensors names it, and shape."""
        return self._layout[name]["dtype"], list(self._layout[name]["shape"])

    def load(self, name: str) -> NDArray[Any]:
        """A tensor as an array."""
        dtype, shape = self.kind(name)
        with asking(self._path.address, LatentError), self._path.open() as file:
            file.seek(self.place(name))
            data = file.read(self.bytes_of(name))
        return np.frombuffer(data, np.dtype(DTYPES[dtype]).newbyteorder("<")).reshape(shape)

    def place(self, name: str) -> int:
        """Where a tensor's bytes begin in the file."""
        return self._start + int(self._layout[name]["data_offsets"][0])

    def bytes_of(self, name: str) -> int:
        """How many bytes a tensor takes in the file."""
        begin, end = self._layout[name]["data_offsets"]
        return int(end - begin)
