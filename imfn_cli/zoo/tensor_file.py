"""A safetensors file of weights: on the disk, or as bytes that lie in another file."""

import struct
from pathlib import Path

from safetensors import deserialize, safe_open
from safetensors.torch import load, load_file
from torch import Tensor


class TensorFile:
    """path: of the file, what messages name.   data: its bytes, where it is no file of its own.

    All methods raise `OSError` and `safetensors.SafetensorError`.
    """

    def __init__(self, path: Path, data: bytes | None = None) -> None:
        self.path, self._data = path, data

    def sizes(self) -> tuple[int, int]:
        """Bytes of the file, and how many its layout says that it takes (0: the file is too short)."""
        if self._data is None:
            with self.path.open("rb") as file:
                start, size = file.read(8), file.seek(0, 2)
        else:
            start, size = self._data[:8], len(self._data)
        return size, struct.unpack("<Q", start)[0] if len(start) == 8 else 0

    def shapes(self) -> dict[str, list[int]]:
        """The tensors' shapes by their names."""
        if self._data is not None:
            return {name: list(entry["shape"]) for name, entry in deserialize(self._data)}
        with safe_open(self.path, framework="pt") as file:
            names = file.keys()
            return {name: list(file.get_slice(name).get_shape()) for name in names}

    def load(self) -> dict[str, Tensor]:
        """All tensors. Raises KeyError where PyTorch has no such type."""
        return load_file(self.path) if self._data is None else load(self._data)
