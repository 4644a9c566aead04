"""What a model is, in numbers: the part of `config.json` that the networks are built from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import ModelError


@dataclass(frozen=True)
class IMFNConfig:
    """Shape of an IMFN.

    patch_height, patch_width: pixels that one grid position of a leaf covers; frames are padded to multiples.
        8×8 makes video a grid of memories; the whole image (28×28) makes it a 1×1 grid, a vector.
    in_channels: 3 (RGB) or 1 (gray).
    channels: C, numbers per grid position in every memory, at every level.
    levels: merges that the model has been fitted for; its largest ratio is 2**levels.
    """

    patch_height: int = 8
    patch_width: int = 8
    in_channels: int = 3
    channels: int = 192
    levels: int = 6

    def __post_init__(self) -> None:
        for name, value in self.to_dict().items():
            if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 1 << 16:
                raise ModelError(f"config: {name} is {value!r}; it must be a whole number from 1")
        if self.in_channels not in (1, 3):
            raise ModelError(f"config: in_channels is {self.in_channels}; it must be 1 (gray) or 3 (RGB)")
        if self.channels > self.patch_size:
            raise ModelError(
                f"config: channels is {self.channels}, more than the {self.patch_size} values of a patch"
            )
        if self.levels > 20:
            raise ModelError(f"config: levels is {self.levels}; at most 20")

    @property
    def patch_size(self) -> int:
        """Values in one patch, the largest useful C: patch_height · patch_width · in_channels."""
        return self.patch_height * self.patch_width * self.in_channels

    @property
    def ratios(self) -> tuple[int, ...]:
        """The ratios that the model offers: 1, 2, 4, … 2**levels."""
        return tuple(1 << level for level in range(self.levels + 1))

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """(h, w) of the memories of frames of `height` × `width` pixels."""
        return -(-height // self.patch_height), -(-width // self.patch_width)

    def to_dict(self) -> dict[str, int]:
        """The five fields as JSON values."""
        return {
            "patch_height": self.patch_height,
            "patch_width": self.patch_width,
            "in_channels": self.in_channels,
            "channels": self.channels,
            "levels": self.levels,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "IMFNConfig":
        """The configuration that `to_dict` wrote. Raises `ModelError` on a missing or unknown field."""
        known = set(cls().to_dict())
        if set(values) != known:
            raise ModelError(f"config: the network's fields must be {sorted(known)}, not {sorted(values)}")
        return cls(**values)
