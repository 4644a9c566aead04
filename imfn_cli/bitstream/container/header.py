"""What a latent says about itself. Each field is declared once: that writes, reads, checks and prints it.

To add a field: declare it at the end of `Header` with `since(VERSION, default=…)`. A latent is written in the
lowest version that has every field it needs, so files that do without it stay as they were.
"""

import dataclasses
import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import fields, replace
from fractions import Fraction
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    InstanceOf,
    ValidationError,
    model_validator,
)
from pydantic.dataclasses import dataclass

from ..quantiser import checked_quality, step_of_quality

#: The newest version that this code reads and writes.
FORMAT_VERSION = 7
#: The version of an adaptive forest.
ADAPTIVE_VERSION = 5
#: The lowest version of a latent whose reference frames are whole numbers.
WHOLE_VERSION = 6
#: The lowest version of a latent with nodes that are coded in lanes.
LANES_VERSION = 7
#: The lowest version of a latent whose quality is not a whole number, or whose last frame is held.
TENTHS_VERSION = 5
#: The version of a latent whose nodes are all intra nodes, made by the tree.
INTRA_VERSION = 1
#: The lowest version of a latent that still grows (`growing_writer.py`).
GROWING_VERSION = 2
#: The one metadata key of every latent.
METADATA_KEY = "imfn"
#: Largest width, height and number of pixels of a frame: what a crafted header can make a reader allocate.
MAX_SIDE = 1 << 16
MAX_PIXELS = 1 << 28
#: Largest level of a node.
HIGHEST_LEVEL = 20
#: Largest window of an adaptive forest, and most frames of its GOPs.
LARGEST_WINDOW = 64
LONGEST_GOP = 1 << 12
# Fields that the records of a growing latent tell instead.
_TOLD_BY_RECORDS = ("frames", "start_time")
# How files before version 4 say that a student made them: after the tool's version.
_STUDENT_MARK = " (student)"
# Not what `Fraction` takes: "1e999999999" would keep it busy for hours.
_FRACTION = re.compile(r"[0-9]{1,19}/[0-9]{1,19}", re.ASCII)
_STRICT = ConfigDict(strict=True, extra="forbid")


class HeaderError(ValueError):
    """The header's text is not one that this code can have written; the message says what is wrong."""


class FutureVersionError(HeaderError):
    """The header is of a format version that this code does not know."""


# -- types of fields --------------------------------------------------------------------------------------


def _fraction(value: Any) -> Any:
    """'n/d' → a positive fraction; anything else as it is, for the type to refuse."""
    if isinstance(value, str) and _FRACTION.fullmatch(value):
        numerator, denominator = map(int, value.split("/"))
        return Fraction(numerator, denominator) if numerator and denominator else value
    return value


def _of_64_bits(value: Fraction) -> Fraction:
    if not 0 < value.numerator < 1 << 63 or value.denominator >= 1 << 63:
        raise ValueError("must be two positive numbers of 64 bits")
    return value


def _power_of_two(value: int) -> int:
    if value & (value - 1):
        raise ValueError("must be a power of two")
    return value


def _all_of_colour(value: dict[str, str | None]) -> dict[str, str | None]:
    if set(value) != {"matrix", "range", "primaries", "transfer"}:
        raise ValueError("must have matrix, range, primaries and transfer")
    return value


def _gray_or_rgb(value: int) -> int:
    if value not in (1, 3):
        raise ValueError("must be 1 (gray) or 3 (RGB)")
    return value


def _pair(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


# Any Python text, surrogates of file names included, which pydantic's own type refuses.
Text = InstanceOf[str]
Positive = Annotated[InstanceOf[Fraction], BeforeValidator(_fraction), AfterValidator(_of_64_bits)]
Side = Annotated[int, Field(ge=1, le=MAX_SIDE)]
Ticks = Annotated[int, Field(ge=1, lt=1 << 63)]
Colour = Annotated[dict[str, Text | None], AfterValidator(_all_of_colour)]
Channels = Annotated[int, AfterValidator(_gray_or_rgb)]
Moment = Annotated[int, Field(ge=-(1 << 63), lt=1 << 63)]


def since(version: int, *, default: Any, key: str | None = None) -> Any:
    """A field that came with a format version, left out of files at its default.   key: its name there."""
    return dataclasses.field(default=default, metadata={"since": version, "key": key})


# -- the fields -------------------------------------------------------------------------------------------


@dataclass(frozen=True, config=_STRICT)
class Header:
    """The latent's fields, in order of their meaning.

    tool: program and version that wrote the file.
    model, model_sha256: name of the model, and the SHA-256 of its `model.safetensors`.
    ratio: frames per full root, 2^level.
    quality: 0 … 100, sets the quantisation step; whole numbers before version 5, tenths since.
    frames, height, width: of the sequence.   channels: 3 (RGB) or 1 (gray), what decompressing gives back.
    time_base: seconds per tick.              start_time: ticks of the first frame.
    frame_ticks: ticks from frame to frame when constant, else None and a tensor `ticks` holds them.
    frame_rate: nominal frames per second, if the source named one.
    sample_aspect_ratio: width/height of one pixel, if the source named it.
    colour: matrix, range, primaries and transfer of the source, FFmpeg's names.
    value_range: (low, high) of a deeper source that was mapped linearly to 0 … 255.
    source_kind: "video", "images", "animation", "array" or "idx".   source_bytes: size of the source.
    gop_nodes: nodes in a group of pictures: every such node is an intra node; 1: all are.
    student: whether the model's student made the memories, not its tree.
    gop_frames: frames in a GOP of an adaptive forest, whose largest windows are of `ratio` frames; its first
        frame is a tree of its own. 0: the forest's cut is fixed.
    last_ticks: how long the last frame is shown, where that is another time than the frames before it.
    plays: how often an animation is played; 0: without end.
    whole_numbers: whether the reference frames of groups of pictures are restored in whole numbers, the same
        on every machine.
    lanes: whether large nodes are coded in lanes (`entropy/token_kernel.py`); all are intra nodes then.
    """

    tool: Text
    model: Text
    model_sha256: Text
    ratio: Annotated[int, Field(ge=1, le=1 << HIGHEST_LEVEL), AfterValidator(_power_of_two)]
    quality: Annotated[float, AfterValidator(checked_quality)]
    frames: Ticks
    height: Side
    width: Side
    channels: Channels
    time_base: Positive
    start_time: Moment
    frame_ticks: Ticks | None
    frame_rate: Positive | None
    sample_aspect_ratio: Positive | None
    colour: Colour
    value_range: Annotated[tuple[int, int], BeforeValidator(_pair)] | None
    source_kind: Text
    source_bytes: Annotated[int, Field(ge=0, lt=1 << 63)]
    gop_nodes: Annotated[int, Field(ge=1, lt=1 << 63)] = since(3, default=1, key="chain")
    student: bool = since(4, default=False)
    gop_frames: Annotated[int, Field(ge=0, le=LONGEST_GOP)] = since(ADAPTIVE_VERSION, default=0)
    last_ticks: Ticks | None = since(TENTHS_VERSION, default=None)
    plays: Annotated[int, Field(ge=0, lt=1 << 32)] = since(TENTHS_VERSION, default=0)
    whole_numbers: bool = since(WHOLE_VERSION, default=False)
    lanes: bool = since(LANES_VERSION, default=False)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.height * self.width > MAX_PIXELS:
            raise ValueError(f"its header says {self.width}x{self.height}, more than imfn can restore")
        if self.gop_frames and (self.gop_nodes > 1 or self.student or self.ratio > LARGEST_WINDOW):
            raise ValueError("its header says fields that an adaptive forest does not have")
        if self.whole_numbers and self.gop_nodes == 1:
            raise ValueError("its header says whole_numbers, but it has no groups of pictures")
        if self.lanes and (self.gop_nodes > 1 or self.gop_frames):
            raise ValueError("its header says lanes, but not all of its nodes are intra nodes")
        return self

    @property
    def version(self) -> int:
        """The lowest format version that has every field that this header needs."""
        needed = (f for f in fields(self) if getattr(self, f.name) != f.default)
        versions = [f.metadata.get("since", INTRA_VERSION) for f in needed]
        return max(*versions, TENTHS_VERSION if isinstance(self.quality, float) else INTRA_VERSION)

    @property
    def frame_shape(self) -> tuple[int, int, int]:
        """(H, W, C) of a frame's pixels."""
        return self.height, self.width, self.channels

    @property
    def adaptive(self) -> bool:
        """Whether the forest's cut is chosen for each block and time, not fixed."""
        return self.gop_frames > 0

    @property
    def step(self) -> float:
        """The quantisation step of all nodes, in units of the pixels' range [0, 1]."""
        return step_of_quality(self.quality)

    def is_intra(self, node: int) -> bool:
        """Whether a node, counted from 0, is an intra node."""
        return node % self.gop_nodes == 0

    def with_times(self, frames: int, start_time: int, frame_ticks: int | None) -> "Header":
        """The header with what the records of a growing latent tell."""
        return replace(self, frames=frames, start_time=start_time, frame_ticks=frame_ticks)

    # -- as text --------------------------------------------------------------------------------------

    def to_json(self, **checksums: int) -> str:
        """The header as sorted JSON with its own CRC-32; `checksums` are those of the tensors beside it."""
        return sealed({**self._values(), "format": self.version, "checksums": checksums})

    @classmethod
    def from_json(cls, text: str) -> "tuple[Header, dict[str, int]]":
        """The header and the tensors' checksums that `to_json` wrote. Raises `HeaderError`."""
        values = opened(text, FORMAT_VERSION, f"1 to {FORMAT_VERSION}")
        version, checksums = values.pop("format"), values.pop("checksums", None)
        if version < INTRA_VERSION or version == GROWING_VERSION or not isinstance(checksums, dict):
            raise HeaderError("its header is malformed")
        return cls._checked(values, version), checksums

    def to_growing_json(self) -> str:
        """The header of a growing latent: all but what its records tell, with a CRC-32.

        frame_ticks stays, as the nominal duration of a single frame.
        """
        values = {name: value for name, value in self._values().items() if name not in _TOLD_BY_RECORDS}
        return sealed({**values, "format": max(GROWING_VERSION, self.version)})

    @classmethod
    def from_growing_json(cls, text: str) -> "Header":
        """What `to_growing_json` wrote, as of one frame at time 0. Raises `HeaderError`."""
        values = opened(text, FORMAT_VERSION, f"growing latents of {GROWING_VERSION} to {FORMAT_VERSION}")
        version = values.pop("format")
        if version < GROWING_VERSION:
            raise HeaderError("its header is malformed")
        told = dict(zip(_TOLD_BY_RECORDS, (1, 0), strict=True))
        return cls._checked({**values, **told}, INTRA_VERSION if version == GROWING_VERSION else version)

    def _values(self) -> dict[str, Any]:
        """The fields as JSON values by their names in the file; later ones only where they are needed."""
        return {
            key: _plain(getattr(self, field.name))
            for key, field in _FIELDS.items()
            if "since" not in field.metadata or getattr(self, field.name) != field.default
        }

    @classmethod
    def _checked(cls, values: dict[str, Any], version: int) -> "Header":
        known = {key for key, field in _FIELDS.items() if field.metadata.get("since", 1) <= version}
        required = {key for key, field in _FIELDS.items() if "since" not in field.metadata}
        wrong = (set(values) - known) | (required - set(values))
        if wrong:
            raise HeaderError(f"its header has wrong fields: {', '.join(sorted(wrong))!r:.60}")
        try:
            header = cls(**{_FIELDS[key].name: value for key, value in values.items()})
        except ValidationError as error:
            raise _header_error(error, values) from error
        if header.version != version:
            raise HeaderError(f"its header says format = {version}, its fields are of {header.version}")
        if header.tool.endswith(_STUDENT_MARK):
            header = replace(header, tool=header.tool.removesuffix(_STUDENT_MARK), student=True)
        return header


#: The fields by their names in the file.
_FIELDS: dict[str, dataclasses.Field[Any]] = {
    field.metadata.get("key") or field.name: field for field in fields(Header)
}


def _header_error(error: ValidationError, values: Mapping[str, Any]) -> HeaderError:
    first = error.errors(include_url=False)[0]
    if not first["loc"]:
        return HeaderError(str(first["ctx"]["error"]))
    key = next(key for key, field in _FIELDS.items() if field.name == first["loc"][0])
    # A crafted value may be long; the message stays one line.
    return HeaderError(f"its header says {key} = {values[key]!r:.60}")


# -- sorted JSON with a checksum of its own ---------------------------------------------------------------


def sealed(values: Mapping[str, Any], checksum: str = "crc32") -> str:
    """Sorted JSON of `values` and, under the name `checksum`, the CRC-32 of the same without it."""
    return sorted_json({**values, checksum: zlib.crc32(sorted_json(values).encode())})


def sorted_json(values: Mapping[str, Any]) -> str:
    """JSON with sorted keys, ASCII, nothing between."""
    return json.dumps(values, sort_keys=True, separators=(",", ":"))


def opened(
    text: str, newest: int, known: str, *, checksum: str = "crc32", sealed_from: int = 0
) -> dict[str, Any]:
    """What `sealed` wrote, checksum taken off.

    newest: format version.   known: what this reader reads.   sealed_from: the version from which on there is
    a checksum. Raises `HeaderError`, and `FutureVersionError` of a version above `newest`.
    """
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise HeaderError("its header is not JSON") from error
    if not isinstance(values, dict) or type(values.get("format")) is not int:
        raise HeaderError("its header names no format version")
    if values["format"] > newest:
        raise FutureVersionError(f"its format version is {values['format']}; this imfn reads {known}")
    if values["format"] < sealed_from:
        return values
    crc32 = values.pop(checksum, None)
    if crc32 != zlib.crc32(sorted_json(values).encode()):
        raise HeaderError("its header is damaged (checksum differs)")
    return values


def _plain(value: Any) -> Any:
    if isinstance(value, Fraction):
        return f"{value.numerator}/{value.denominator}"
    return dict(value) if isinstance(value, Mapping) else value
