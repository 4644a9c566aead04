"""What an array latent says about itself."""

import re
from dataclasses import asdict, fields
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic.dataclasses import dataclass

from ...system.validation import first_problem
from ..container.header import HeaderError, Text, opened, sealed
from .channel_plan import difference_limits
from .group import MOST_BITS

#: The one metadata key of the file.
METADATA_KEY = "imfn_array"
#: The newest version; files without a tree and without differences are of version 1.
ARRAY_VERSION = 3
# Fields that not every version has, and the one that has each.
_ONLY = {"tree": 2, "differences": 3}
#: Most samples of a frame, and of a group: what a crafted header can make a reader allocate.
MAX_SAMPLES = 1 << 28
_INT64 = 1 << 63
# Types as NumPy writes them: byte order, kind, bytes.
_DTYPE = re.compile(r"\|b1|\|[iu]1|[<>][iu][248]|[<>]f[248]")
_AXES = re.compile(r"[A-Z]{1,6}")


def _dtype(value: str) -> str:
    if not _DTYPE.fullmatch(value):
        raise ValueError("must be a boolean, an integer or a float of 8 to 64 bits")
    return value


def _axes(value: str) -> str:
    if not _AXES.fullmatch(value) or len(set(value)) < len(value):
        raise ValueError("must be one letter for each axis")
    return value


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


Length = Annotated[int, Field(ge=1, lt=1 << 48)]
Whole = Annotated[int, Field(ge=-_INT64, lt=_INT64)]
#: How samples are whole numbers: integers as they are, floats by their patterns, multiples of a power of two.
#: Or they are none: memories of a tree.
Coding = Literal["integer", "pattern", "scaled", "memories"]
Number = Annotated[float, Field(allow_inf_nan=False)]
Pair = Annotated[tuple[Number, Number], BeforeValidator(_tuple)]


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class Tree:
    """How frames are memories.

    ratio: frames in a memory, a power of two.   step: of the quantiser, in parts of the span.
    span: what 0 and 1 stand for in a memory's frames.   bounds: lowest and highest sample that comes back.
    """

    ratio: Annotated[int, Field(ge=1, le=64)]
    step: Annotated[float, Field(gt=0, le=1024, allow_inf_nan=False)]
    span: Pair
    bounds: Pair

    @model_validator(mode="after")
    def _fits(self) -> "Tree":
        if self.ratio & (self.ratio - 1):
            raise ValueError("its ratio is no power of two")
        if self.span[0] > self.span[1] or self.bounds[0] > self.bounds[1]:
            raise ValueError("its span or bounds are the wrong way round")
        return self

    @property
    def levels(self) -> int:
        """Merges from a frame to a memory."""
        return self.ratio.bit_length() - 1


def _tree(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    try:
        return Tree(**value)
    except (ValidationError, TypeError) as error:
        told = first_problem(error) if isinstance(error, ValidationError) else "other fields"
        raise ValueError(f"is malformed: {told}") from error


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class ArrayHeader:
    """The fields of an array latent.

    tool: program and version that wrote the file.
    shape, dtype, axes: of the array; dtype as NumPy writes it, byte order included; axes are letters: T time,
        D of a vector, Y rows, X columns, C or S channels, others stacked before those.
    frame_axes: how many of the axes, the last ones, are those of a frame; the others count frames.
    coding: how samples are whole numbers.   exponent: of 2, what "scaled" samples are multiples of.
    low_bits: bits at the end of each whole number that are stored as they are.
    base: what is taken off the rest.   limits: of what then is left, (lowest, highest).
    error_steps: largest difference of a coded whole number.
    max_error: largest difference of a sample; 0: none; None: nothing is promised.
    quality: 0 … 100, where that set it, else None.
    group_frames: frames in a group; the last one may have fewer.
    source_kind: "array", "images" (TIFF), "hdf5", "zarr", "video" or "folder" (of images).
    source_bytes: size of the source.
    about: what else the source says of itself, such as the size of a pixel.
    tree: of memories, else None; in version 2.
    differences: whether groups may code channels as differences to others; in version 3.
    """

    tool: Text
    shape: Annotated[tuple[Length, ...], BeforeValidator(_tuple)]
    dtype: Annotated[str, AfterValidator(_dtype)]
    axes: Annotated[str, AfterValidator(_axes)]
    frame_axes: Annotated[int, Field(ge=0, le=5)]
    coding: Coding
    exponent: Annotated[int, Field(ge=-1100, le=1100)]
    low_bits: Annotated[int, Field(ge=0, le=32)]
    base: Whole
    limits: Annotated[tuple[Whole, Whole], BeforeValidator(_tuple)]
    error_steps: Annotated[int, Field(ge=0, lt=1 << MOST_BITS - 1)]
    max_error: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None
    quality: Annotated[float, Field(ge=0, le=100)] | None
    group_frames: Annotated[int, Field(ge=1, le=1 << 20)]
    source_kind: Text
    source_bytes: Annotated[int, Field(ge=0, lt=_INT64)]
    about: dict[str, Text | int | float | list[float]]
    # JSON has objects where Python has dataclasses.
    tree: Annotated[Tree | None, BeforeValidator(_tree)] = None
    differences: bool = False

    @model_validator(mode="after")
    def _fits(self) -> "ArrayHeader":
        if len(self.axes) != len(self.shape) or self.frame_axes >= len(self.shape):
            raise ValueError("its axes do not fit its shape")
        low, high = difference_limits(self.limits) if self.differences else self.limits
        if (
            self.limits[0] > self.limits[1]
            or max(-low, high) + 2 * self.error_steps + 1 >= 1 << MOST_BITS - 1
        ):
            raise ValueError("its limits are not those of whole numbers that are coded")
        if (self.coding == "memories") != (self.tree is not None) or (self.max_error is None) != bool(
            self.tree
        ):
            raise ValueError("its coding, its tree and its error do not fit together")
        if self.differences and self.tree is not None:
            raise ValueError("memories are no differences of channels")
        if self.frame_samples * min(self.frames, self.group_frames) > MAX_SAMPLES:
            raise ValueError("its groups are larger than imfn can restore")
        return self

    @property
    def frame_shape(self) -> tuple[int, ...]:
        """The shape of a frame."""
        return self.shape[len(self.shape) - self.frame_axes :]

    @property
    def frames(self) -> int:
        """Frames in the array: all axes before those of a frame, one after another."""
        return product(self.shape[: len(self.shape) - self.frame_axes])

    @property
    def frame_samples(self) -> int:
        """Samples in a frame."""
        return product(self.frame_shape)

    @property
    def lossless(self) -> bool:
        """Whether every sample comes back as it was."""
        return self.max_error == 0

    def to_json(self, **checksums: int) -> str:
        """Sorted JSON with its own CRC-32; `checksums` are those of the tensors beside it."""
        version = 3 if self.differences else 1 if self.tree is None else 2
        values = asdict(self)
        for name, since in _ONLY.items():
            if since != version:
                del values[name]
        return sealed({**values, "format": version, "checksums": checksums})

    @classmethod
    def from_json(cls, text: str) -> "tuple[ArrayHeader, dict[str, int]]":
        """What `to_json` wrote. Raises `HeaderError`."""
        values = opened(text, ARRAY_VERSION, f"array latents of 1 to {ARRAY_VERSION}")
        version, checksums = values.pop("format"), values.pop("checksums", None)
        names = {field.name for field in fields(cls) if _ONLY.get(field.name, version) == version}
        if version < 1 or not isinstance(checksums, dict) or set(values) != names:
            raise HeaderError("its header is malformed")
        for name in ("max_error", "quality"):
            if type(values[name]) is int:
                values[name] = float(values[name])
        try:
            return cls(**values), checksums
        except ValidationError as error:
            raise HeaderError(f"its header is damaged ({first_problem(error)})") from error


def product(lengths: tuple[int, ...]) -> int:
    """The product of whole numbers of any size."""
    result = 1
    for length in lengths:
        result *= length
    return result
