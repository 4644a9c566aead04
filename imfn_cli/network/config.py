"""What a model is, in numbers: the part of `config.json` that the networks are built from."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from ..errors import ModelError
from ..system.validation import raising

_MOST = 1 << 16
Count = Annotated[int, Field(ge=1, le=_MOST)]
#: Hidden channels of a branch; 0 where there is none.
Width = Annotated[int, Field(ge=0, le=_MOST)]
#: Blocks in a branch.
Blocks = Annotated[int, Field(ge=1, le=64)]
Kernel = Annotated[int, Field(ge=1, le=31)]
#: One number a level. JSON and TOML have lists where Python has tuples.
Widths = Annotated[tuple[Width, ...], Field(strict=False)]

# What `config.json` says, in its order: of a linear model, of one with branches, of one that refines leaves.
_LINEAR = ("patch_height", "patch_width", "in_channels", "channels", "levels")
_BRANCHES, _REST = ("widths", "merge_blocks", "split_blocks"), ("kernel", "independent")
_LEARNED = (*_LINEAR, *_BRANCHES, *_REST)
_REFINED = (*_LINEAR, *_BRANCHES, "leaf_width", "leaf_blocks", *_REST)


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
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
    kernel: grid positions on a side that a block takes in, odd; 1 on a 1×1 grid.
    independent: frames are independent pictures; each keeps channels of its own, and the branches are shared
        by the frames (`Sweeper.interleave`).
    leaf_width, leaf_blocks: of the branch that refines leaves of rounded memories (`LeafTransform.refine`),
        beside the sweepers' branches; width 0 where there is none.

    Raises `ModelError`, one line that names the field, for values outside what is declared here.
    """

    patch_height: Count = 8
    patch_width: Count = 8
    in_channels: Annotated[int, Field(ge=1, le=3)] = 3
    channels: Count = 192
    levels: Annotated[int, Field(ge=1, le=20)] = 6
    widths: Widths = ()
    merge_blocks: Blocks = 2
    split_blocks: Blocks = 4
    kernel: Kernel = 5
    independent: bool = False
    leaf_width: Width = 0
    leaf_blocks: Blocks = 2

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.in_channels == 2:
            raise ValueError("in_channels is 2; it must be 1 (gray) or 3 (RGB)")
        if self.channels > self.patch_size:
            raise ValueError(
                f"channels is {self.channels}, more than the {self.patch_size} values of a patch"
            )
        if self.widths and len(self.widths) != self.levels:
            raise ValueError(f"widths has {len(self.widths)} numbers; one for each of {self.levels} levels")
        if self.widths and not any(self.widths):
            raise ValueError("widths are all 0; leave them out for a linear model")
        if self.leaf_width and self.is_linear:
            raise ValueError("leaf_width is for a model with branches; say widths too")
        if self.independent and self.channels % (1 << self.levels):
            raise ValueError(
                f"channels is {self.channels}; of independent frames each of {1 << self.levels} needs as many"
            )
        if self.kernel % 2 == 0:
            raise ValueError(f"kernel is {self.kernel}; it must be odd")
        return self

    _told = raising(ModelError, "config")

    @property
    def is_linear(self) -> bool:
        """Whether leaf and sweepers are linear maps and nothing else."""
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
        names = _LINEAR if self.is_linear else _REFINED if self.leaf_width else _LEARNED
        values = {name: getattr(self, name) for name in names}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "IMFNConfig":
        """The configuration that `to_dict` wrote. Raises `ModelError` for other fields or values."""
        known = [set(_LINEAR), set(_LEARNED), set(_REFINED)]
        if set(values) not in known:
            wanted = known[0] if "widths" not in values else known[2] if "leaf_width" in values else known[1]
            raise ModelError(f"config: the network's fields must be {sorted(wanted)}, not {sorted(values)}")
        return cls(**values)
