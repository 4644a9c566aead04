"""What a latent says about itself: every field declared once, written, read and checked from that list."""

import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from typing import Any

#: The newest version, of a latent whose nodes build on one another (`chain.py`).
FORMAT_VERSION = 3
#: The version of a latent whose nodes stand alone.
INTRA_VERSION = 1
#: The version of a latent that still grows (`growing.py`); one that is finished is of the versions above.
GROWING_VERSION = 2
#: Largest width, height and number of pixels of a frame: what a crafted header can make a reader allocate.
MAX_SIDE = 1 << 16
MAX_PIXELS = 1 << 28
_TOLD_BY_RECORDS = ("frames", "start_time")
_COLOUR = {"matrix", "range", "primaries", "transfer"}
# Not what `Fraction` takes: "1e999999999" would keep it busy for hours.
_FRACTION = re.compile(r"[0-9]{1,40}/[0-9]{1,40}", re.ASCII)


class HeaderError(ValueError):
    """The header's text is not one that this code can have written; the message says what is wrong."""


class FutureVersionError(HeaderError):
    """The header is of a format version that this code does not know."""


@dataclass(frozen=True)
class Header:
    """The latent's fields, in file order of their meaning.

    tool: program and version that wrote the file.
    model, model_sha256: name of the model, and the SHA-256 of its `model.safetensors`.
    ratio: frames per full root, 2^level.     quality: 0 … 100, sets the quantisation step.
    frames, height, width: of the sequence.   channels: 3 (RGB) or 1 (gray), what decompressing gives back.
    time_base: seconds per tick.              start_time: ticks of the first frame.
    frame_ticks: ticks from frame to frame when constant, else None and a tensor `ticks` holds them.
    frame_rate: nominal frames per second, if the source named one.
    sample_aspect_ratio: width/height of one pixel, if the source named it.
    colour: matrix, range, primaries and transfer of the source, FFmpeg's names.
    value_range: (low, high) of a deeper source that was mapped linearly to 0 … 255.
    source_kind: "video", "images", "animation", "array" or "idx".   source_bytes: size of the source.
    chain: how many nodes build on one another: every chain-th is a key node, which stands alone; 1: all are.
    """

    tool: str
    model: str
    model_sha256: str
    ratio: int
    quality: int
    frames: int
    height: int
    width: int
    channels: int
    time_base: Fraction
    start_time: int
    frame_ticks: int | None
    frame_rate: Fraction | None
    sample_aspect_ratio: Fraction | None
    colour: Mapping[str, str | None]
    value_range: tuple[int, int] | None
    source_kind: str
    source_bytes: int
    gop_nodes: int = 1

    def is_intra(self, node: int) -> bool:
        """Whether a node, counted from 0, stands alone."""
        return node % self.gop_nodes == 0

    def to_json(self, **checksums: int) -> str:
        """The header as sorted JSON with its own CRC-32; `checksums` are those of the tensors beside it."""
        version = INTRA_VERSION if self.gop_nodes == 1 else FORMAT_VERSION
        return _sealed({**self._values(), "format": version, "checksums": checksums})

    def _values(self) -> dict[str, Any]:
        values = {field.name: _plain(getattr(self, field.name)) for field in fields(self)}
        gop_nodes = values.pop("gop_nodes")
        return values if gop_nodes == 1 else {**values, "chain": gop_nodes}

    @classmethod
    def from_json(cls, text: str) -> tuple["Header", dict[str, int]]:
        """The header and the tensors' checksums that `to_json` wrote. Raises `HeaderError`."""
        values = _opened(text, FORMAT_VERSION, f"1 to {FORMAT_VERSION}")
        version, checksums = values.pop("format"), values.pop("checksums", None)
        if version not in (INTRA_VERSION, FORMAT_VERSION) or not isinstance(checksums, dict):
            raise HeaderError("its header is malformed")
        return cls._checked(values, chained=version == FORMAT_VERSION), checksums

    def to_growing_json(self) -> str:
        """The header of a growing latent: all but what its records tell, with a CRC-32.

        frame_ticks stays, as the nominal duration of a single frame.
        """
        values = {name: value for name, value in self._values().items() if name not in _TOLD_BY_RECORDS}
        return _sealed({**values, "format": GROWING_VERSION})

    @classmethod
    def from_growing_json(cls, text: str) -> "Header":
        """What `to_growing_json` wrote, as of one frame at time 0. Raises `HeaderError`."""
        values = _opened(text, GROWING_VERSION, f"growing latents of {GROWING_VERSION}")
        del values["format"]
        return cls._checked({**values, "frames": 1, "start_time": 0})

    def with_times(self, frames: int, start_time: int, frame_ticks: int | None) -> "Header":
        """The header with what the records tell."""
        return replace(self, frames=frames, start_time=start_time, frame_ticks=frame_ticks)

    @classmethod
    def _checked(cls, values: dict[str, Any], *, chained: bool = False) -> "Header":
        if "chain" in values:
            values["gop_nodes"] = values.pop("chain")
        names = {field.name for field in fields(cls)} - set(() if chained else ("gop_nodes",))
        if set(values) != names:
            wrong = ", ".join(sorted(names ^ set(values)))
            raise HeaderError(f"its header has wrong fields: {wrong!r:.60}")

        def integer(name: str, least: int, most: int = 2**63 - 1) -> None:
            value = values[name]
            if type(value) is not int or not least <= value <= most:
                raise _wrong(name, value)

        def fraction(name: str) -> Fraction:
            value = values[name]
            if not isinstance(value, str) or not _FRACTION.fullmatch(value):
                raise _wrong(name, value)
            numerator, denominator = map(int, value.split("/"))
            if not numerator or not denominator:
                raise _wrong(name, value)
            return Fraction(numerator, denominator)

        for name in ("tool", "model", "model_sha256", "source_kind"):
            if not isinstance(values[name], str):
                raise _wrong(name, values[name])
        if chained:
            integer("gop_nodes", 2)
        integer("ratio", 1, 1 << 20)
        if values["ratio"] & (values["ratio"] - 1):
            raise _wrong("ratio", values["ratio"])
        integer("quality", 0, 100)
        integer("frames", 1)
        integer("height", 1, MAX_SIDE)
        integer("width", 1, MAX_SIDE)
        if values["height"] * values["width"] > MAX_PIXELS:
            raise HeaderError(
                f"its header says {values['width']}x{values['height']}, more than imfn can restore"
            )
        integer("source_bytes", 0)
        integer("start_time", -(2**63))
        integer("channels", 1, 3)
        if values["channels"] == 2:
            raise _wrong("channels", 2)
        if values["frame_ticks"] is not None:
            integer("frame_ticks", 1)
        colour = values["colour"]
        if not isinstance(colour, dict) or set(colour) != _COLOUR:
            raise HeaderError("its header has a malformed colour description")
        if not all(value is None or isinstance(value, str) for value in colour.values()):
            raise HeaderError("its header has a malformed colour description")
        if values["value_range"] is not None:
            values["value_range"] = _range(values["value_range"])
        values["time_base"] = fraction("time_base")
        for name in ("frame_rate", "sample_aspect_ratio"):
            if values[name] is not None:
                values[name] = fraction(name)
        return cls(**values)


def _sealed(values: dict[str, Any]) -> str:
    """Sorted JSON with its own CRC-32."""
    return _dump({**values, "crc32": zlib.crc32(_dump(values).encode())})


def _opened(text: str, newest: int, known: str) -> dict[str, Any]:
    """What `_sealed` wrote, checksum taken off. newest: format version; known: what this reader reads."""
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise HeaderError("its header is not JSON") from error
    if not isinstance(values, dict) or type(values.get("format")) is not int:
        raise HeaderError("its header names no format version")
    if values["format"] > newest:
        raise FutureVersionError(f"its format version is {values['format']}; this imfn reads {known}")
    crc32 = values.pop("crc32", None)
    if crc32 != zlib.crc32(_dump(values).encode()):
        raise HeaderError("its header is damaged (checksum differs)")
    return values


def _range(value: Any) -> tuple[int, int]:
    if not isinstance(value, list) or len(value) != 2 or not all(type(end) is int for end in value):
        raise _wrong("value_range", value)
    return value[0], value[1]


def _wrong(name: str, value: object) -> HeaderError:
    # A crafted value may be long; the message stays one line.
    return HeaderError(f"its header says {name} = {value!r:.60}")


def _plain(value: Any) -> Any:
    if isinstance(value, Fraction):
        return f"{value.numerator}/{value.denominator}"
    return dict(value) if isinstance(value, Mapping) else value


def _dump(values: Mapping[str, Any]) -> str:
    return json.dumps(values, sort_keys=True, separators=(",", ":"))
