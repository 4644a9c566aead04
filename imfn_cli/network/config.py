"""What a model is, in numbers: the part of `config.json` that the networks are built from."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
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
    widths: hidden channels of the learned residual branches, one number a level, 0 where a level has none;
        empty for a linear model.
    merge_blocks, split_blocks: blocks in the branch of each merge and of each split.
    kernel: grid positions on a side that a block looks at, odd; 1 on a 1×1 grid.
    independent: frames are independent pictures; each keeps channels of its own, and the branches are shared
        by the frames (`Sweeper.interleave`).
    leaf_width, leaf_blocks: of the branch that refines leaves of rounded memories (`LeafTransform.refine`),
        beside the sweepers' branches; width 0 where there is none.
    """

    patch_height: int = 8
    patch_width: int = 8
    in_channels: int = 3
    channels: int = 192
    levels: int = 6
    widths: tuple[int, ...] = ()
    merge_blocks: int = 2
    split_blocks: int = 4
    kernel: int = 5
    independent: bool = False
    leaf_width: int = 0
    leaf_blocks: int = 2

    def __post_init__(self) -> None:
        numbers = [
            (name, value, int(name != "leaf_width"))
            for name, value in vars(self).items()
            if name not in ("widths", "independent")
        ]
        for name, value, least in [*numbers, *(("widths", width, 0) for width in self.widths)]:
            if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= 1 << 16:
                raise ModelError(f"config: {name} is {value!r}; it must be a whole number from {least}")
        if self.in_channels not in (1, 3):
            raise ModelError(f"config: in_channels is {self.in_channels}; it must be 1 (gray) or 3 (RGB)")
        if self.channels > self.patch_size:
            raise ModelError(
                f"config: channels is {self.channels}, more than the {self.patch_size} values of a patch"
            )
        if self.levels > 20:
            raise ModelError(f"config: levels is {self.levels}; at most 20")
        if self.widths and len(self.widths) != self.levels:
            raise ModelError(
                f"config: widths has {len(self.widths)} numbers; one for each of {self.levels} levels"
            )
        if self.widths and not any(self.widths):
            raise ModelError("config: widths are all 0; leave them out for a linear model")
        if self.leaf_width and self.is_linear:
            raise ModelError("config: leaf_width is for a model with branches; say widths too")
        if max(self.merge_blocks, self.split_blocks, self.leaf_blocks) > 64:
            raise ModelError("config: at most 64 blocks in a branch")
        if not isinstance(self.independent, bool):
            raise ModelError(f"config: independent is {self.independent!r}; it must be true or false")
        if self.independent and self.channels % (1 << self.levels):
            raise ModelError(
                f"config: channels is {self.channels}; of independent frames each of {1 << self.levels} "
                "needs as many"
            )
        if self.kernel % 2 == 0 or self.kernel > 31:
            raise ModelError(f"config: kernel is {self.kernel}; it must be odd, at most 31")

    @property
    def is_linear(self) -> bool:
        """Whether leaf and sweepers are linear maps alone."""
        return not self.widths

    @property
    def linear_levels(self) -> int:
        """Levels above the leaf before the first that has branches: all of a linear model's."""
        return next((below for below, width in enumerate(self.widths) if width), self.levels)

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

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON values; those of the branches only where there are any."""
        shape: dict[str, Any] = {
            "patch_height": self.patch_height,
            "patch_width": self.patch_width,
            "in_channels": self.in_channels,
            "channels": self.channels,
            "levels": self.levels,
        }
        if self.is_linear:
            return shape
        refining = {"leaf_width": self.leaf_width, "leaf_blocks": self.leaf_blocks} if self.leaf_width else {}
        return {
            **shape,
            "widths": list(self.widths),
            "merge_blocks": self.merge_blocks,
            "split_blocks": self.split_blocks,
            **refining,
            "kernel": self.kernel,
            "independent": self.independent,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "IMFNConfig":
        """The configuration that `to_dict` wrote. Raises `ModelError` on a missing or unknown field."""
        linear, refined = set(cls().to_dict()), {f.name for f in fields(cls)}
        learned = refined - {"leaf_width", "leaf_blocks"}
        if set(values) not in (linear, learned, refined):
            wanted = linear if "widths" not in values else refined if "leaf_width" in values else learned
            raise ModelError(f"config: the network's fields must be {sorted(wanted)}, not {sorted(values)}")
        if not isinstance(values.get("widths", []), list):
            raise ModelError(f"config: widths is {values['widths']!r}; it must be a list of whole numbers")
        return cls(**{**values, "widths": tuple(values.get("widths", ()))})
