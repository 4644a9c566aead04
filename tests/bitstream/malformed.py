"""Files that are no latents, or broken ones: each must be refused with one line, at once and cheaply."""

import json
import struct
import zlib
from collections.abc import Mapping
from typing import Any

from imfn_cli.bitstream.container.header import FORMAT_VERSION

from .builders import HEADER, noise

#: Three full trees of 4 frames and one frame: what the header's 13 frames are.
NODES = (b"first", b"second node", b"", b"\0\0")
LEVELS = (2, 2, 2, 0)
TABLE = tuple((level, len(data), zlib.crc32(data)) for level, data in zip(LEVELS, NODES, strict=True))
SIZES = {"U8": 1, "I8": 1, "BOOL": 1, "U16": 2, "BF16": 2, "U32": 4, "I32": 4, "F32": 4, "I64": 8, "F64": 8}
CODES = {"U8": "B", "I8": "b", "U16": "H", "U32": "I", "I32": "i", "F32": "f", "I64": "q", "F64": "d"}
Tensor = tuple[str, list[int], bytes]


def dump(value: Any) -> str:
    """JSON as the header has it."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def tensor(dtype: str, shape: list[int], *numbers: float) -> Tensor:
    """A tensor of the safetensors layout."""
    return dtype, shape, struct.pack(f"<{len(numbers)}{CODES[dtype]}", *numbers)


def table_of(rows: Any, dtype: str = "U32") -> Tensor:
    """A node table."""
    return tensor(dtype, [len(rows), 3], *(number for row in rows for number in row))


def safetensors(layout: Mapping[str, Any], data: bytes = b"") -> bytes:
    """A file: the header's length, the header, the tensors' bytes."""
    text = json.dumps(layout).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def assemble(metadata: Mapping[str, str], tensors: Mapping[str, Tensor]) -> bytes:
    """A well-formed safetensors file, whatever is in it."""
    layout: dict[str, Any] = {"__metadata__": dict(metadata)}
    data = b""
    for name, (dtype, shape, content) in tensors.items():
        layout[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    return safetensors(layout, data)


def header_text(tensors: Mapping[str, Tensor], changes: Mapping[str, Any], without: str = "") -> str:
    """The header's JSON with `changes`, and checksums that agree with them."""
    checksums = {name: zlib.crc32(tensors[name][2]) for name in ("table", "ticks") if name in tensors}
    values = json.loads(HEADER.to_json(**checksums)) | dict(changes)
    values.pop(without, None)
    values.pop("crc32")
    return dump(values | {"crc32": zlib.crc32(dump(values).encode())})


def craft(
    *,
    tensors: Mapping[str, Tensor | None] | None = None,
    header: Mapping[str, Any] | None = None,
    without: str = "",
) -> bytes:
    """A latent that is sound but for what is named: every checksum agrees, so later checks must find it."""
    nodes = b"".join(NODES)
    parts = {"table": table_of(TABLE), "nodes": ("U8", [len(nodes)], nodes)} | dict(tensors or {})
    kept = {name: part for name, part in parts.items() if part is not None}
    return assemble({"imfn": header_text(kept, header or {}, without)}, kept)


def malformed() -> dict[str, bytes]:
    """Name → bytes of a file that is no latent."""
    sound = craft()
    length = struct.unpack("<Q", sound[:8])[0]
    layout = json.loads(sound[8 : 8 + length])
    data = sound[8 + length :]

    def with_layout(**changes: Any) -> bytes:
        return safetensors(layout | changes, data)

    def offsets(name: str, low: Any, high: Any) -> bytes:
        return with_layout(**{name: layout[name] | {"data_offsets": [low, high]}})

    def raw_header(text: str) -> bytes:
        return with_layout(__metadata__={"imfn": text})

    def unsigned(text: str) -> bytes:
        """A header whose JSON is given but for its checksum, which agrees."""
        crc32 = zlib.crc32(dump(json.loads(text)).encode())
        return raw_header(f'{text[:-1]},"crc32":{crc32}}}')

    nested = "[" * 100_000 + "]" * 100_000
    entry = {"dtype": "U8", "shape": [2], "data_offsets": [0, 2]}
    cases = {
        # Not safetensors at all.
        "empty": b"",
        "one-byte": b"\0",
        "seven-bytes": sound[:7],
        "eight-bytes": sound[:8],
        "random": noise(5000, 0, 255, 7).astype("u1").tobytes(),
        "text": b"A latent file, or so it says.\n" * 9,
        "png": b"\x89PNG\r\n\x1a\n" + bytes(60),
        "mp4": b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41" + bytes(99),
        "zeros": bytes(4096),
        "brace": struct.pack("<Q", 1) + b"{",
        "huge-header-length": struct.pack("<Q", 2**63) + sound[8:],
        "header-length-90MB": struct.pack("<Q", 90_000_000) + sound[8:],
        "header-length-minus-one": struct.pack("<q", -1) + sound[8:],
        # safetensors' own header.
        "layout-is-a-list": struct.pack("<Q", 8) + b"[1,2,3] " + data,
        "layout-is-not-utf8": struct.pack("<Q", 8) + b'{"\xff\xfe":1' + data,
        "layout-is-cut": struct.pack("<Q", length - 40) + sound[8:],
        "layout-is-nested": struct.pack("<Q", len(nested) + 6) + f'{{"a":{nested}}}'.encode() + data,
        "layout-has-text-offsets": offsets("table", "a", "b"),
        "layout-has-null-offsets": with_layout(table=layout["table"] | {"data_offsets": None}),
        "layout-has-infinite-offsets": safetensors(
            layout | {"nodes": entry | {"data_offsets": [0, float("inf")]}}, data
        ),
        "layout-without-offsets": with_layout(table={"dtype": "U32"}),
        "no-tensors": safetensors({}),
        "offsets-overlap": offsets("nodes", 0, len(b"".join(NODES))),
        "offsets-out-of-range": offsets("nodes", 48, 1 << 40),
        "offsets-reversed": offsets("nodes", 66, 48),
        "offsets-negative": offsets("table", -48, 0),
        "unknown-type": with_layout(nodes=layout["nodes"] | {"dtype": "U7"}),
        "shape-overflows": with_layout(nodes=layout["nodes"] | {"shape": [1 << 40, 1 << 40]}),
        "shape-negative": with_layout(nodes=layout["nodes"] | {"shape": [-18]}),
        "bytes-after-the-end": sound + b"\0",
        # Other safetensors files.
        "a-model": assemble({"format": "pt"}, {"leaf.map.weight": tensor("F32", [2, 1], 0.5, 0.25)}),
        "no-metadata": safetensors({"a": entry}, b"ab"),
        "metadata-of-another-tool": assemble({"imfm": "{}"}, {"a": ("U8", [2], b"ab")}),
        "metadata-is-no-text": with_layout(__metadata__={"imfn": 3}),
        # The header.
        "header-empty": raw_header(""),
        "header-no-json": raw_header("{tool: imfn}"),
        "header-a-list": raw_header("[]"),
        "header-nested": raw_header('{"format":1,"a":' + nested + "}"),
        "header-long-number": raw_header('{"format":' + "9" * 5000 + "}"),
        "header-no-version": unsigned('{"tool":"imfn"}'),
        "header-version-true": unsigned('{"format":true}'),
        "header-version-0": craft(header={"format": 0}),
        "header-version-text": craft(header={"format": "1"}),
        "header-version-next": craft(header={"format": FORMAT_VERSION + 1}),
        "header-version-nan": craft(header={"format": float("nan")}),
        "header-wrong-checksum": raw_header(
            layout["__metadata__"]["imfn"].replace('"quality":60', '"quality":61')
        ),
        "header-no-checksum": raw_header('{"format":1}'),
        "header-no-fields": unsigned('{"format":1,"checksums":{}}'),
        "header-field-missing": craft(without="quality"),
        "header-field-unknown": craft(header={"depth\nof field": 3}),
        "header-checksums-a-list": craft(header={"checksums": [1, 2]}),
        "header-checksums-missing": craft(without="checksums"),
        "frames-0": craft(header={"frames": 0}),
        "frames-negative": craft(header={"frames": -13}),
        "frames-too-many": craft(header={"frames": 1 << 62}),
        "frames-of-another-sum": craft(header={"frames": 12}),
        "frames-a-fraction": craft(header={"frames": 13.0}),
        "frames-text": craft(header={"frames": "13"}),
        "frames-nan": craft(header={"frames": float("nan")}),
        "frames-infinite": craft(header={"frames": float("inf")}),
        "height-negative": craft(header={"height": -48}),
        "height-0": craft(header={"height": 0}),
        "width-giant": craft(header={"width": 1 << 40}),
        "pixels-giant": craft(header={"width": 1 << 16, "height": 1 << 16}),
        "ratio-0": craft(header={"ratio": 0}),
        "ratio-3": craft(header={"ratio": 3}),
        "ratio-giant": craft(header={"ratio": 1 << 40}),
        "ratio-true": craft(header={"ratio": True}),
        "quality-101": craft(header={"quality": 101}),
        "quality-null": craft(header={"quality": None}),
        "channels-2": craft(header={"channels": 2}),
        "channels-4": craft(header={"channels": 4}),
        "channels-true": craft(header={"channels": True}),
        "channels-a-list": craft(header={"channels": [3]}),
        "model-null": craft(header={"model": None}),
        "model-sha256-number": craft(header={"model_sha256": 7}),
        "time-base-0": craft(header={"time_base": "0/1"}),
        "time-base-over-0": craft(header={"time_base": "1/0"}),
        "time-base-negative": craft(header={"time_base": "-1/25"}),
        "time-base-a-number": craft(header={"time_base": 0.04}),
        "time-base-an-exponent": craft(header={"time_base": "1e999999999"}),
        "time-base-long": craft(header={"time_base": f"1/{'9' * 5000}"}),
        "time-base-null": craft(header={"time_base": None}),
        "frame-rate-nan": craft(header={"frame_rate": float("nan")}),
        "frame-rate-infinite": craft(header={"frame_rate": float("inf")}),
        "frame-rate-a-list": craft(header={"frame_rate": [25]}),
        "aspect-ratio-other-digits": craft(header={"sample_aspect_ratio": "１/１"}),
        "frame-ticks-0": craft(header={"frame_ticks": 0}),
        "start-time-giant": craft(header={"start_time": 1 << 70}),
        "colour-null": craft(header={"colour": None}),
        "colour-unknown-key": craft(header={"colour": dict(HEADER.colour) | {"self": "x"}}),
        "colour-key-missing": craft(header={"colour": {"matrix": None}}),
        "colour-a-number": craft(header={"colour": dict(HEADER.colour) | {"matrix": 3}}),
        "value-range-a-number": craft(header={"value_range": 5}),
        "value-range-of-three": craft(header={"value_range": [0, 1, 2]}),
        "value-range-text": craft(header={"value_range": "ab"}),
        # The tensors beside it.
        "table-missing": craft(tensors={"table": None}),
        "nodes-missing": craft(tensors={"nodes": None}),
        "ticks-missing": craft(header={"frame_ticks": None}),
        "table-flat": craft(tensors={"table": tensor("U32", [12], *(n for row in TABLE for n in row))}),
        "table-of-two": craft(tensors={"table": tensor("U32", [4, 2], *range(8))}),
        "table-no-dimension": craft(tensors={"table": tensor("U32", [], 7)}),
        "table-floats": craft(tensors={"table": table_of(TABLE, "F32")}),
        "table-bfloat16": craft(tensors={"table": ("BF16", [4, 3], bytes(24))}),
        "table-float8": craft(tensors={"table": ("F8_E4M3", [4, 3], bytes(12))}),
        "table-booleans": craft(tensors={"table": ("BOOL", [4, 3], bytes(12))}),
        "table-negative": craft(tensors={"table": table_of([(-1, 5, 0), *TABLE[1:]], "I64")}),
        "table-sizes-negative": craft(
            tensors={"table": table_of([(2, 20, 0), (2, -2, 0), *TABLE[2:]], "I64")}
        ),
        "table-level-60": craft(tensors={"table": table_of([(60, *TABLE[0][1:]), *TABLE[1:]])}),
        "table-level-giant": craft(tensors={"table": table_of([(2**32 - 1, *TABLE[0][1:]), *TABLE[1:]])}),
        "table-empty": craft(tensors={"table": table_of([])}),
        "table-sizes-too-large": craft(tensors={"table": table_of([(2, 2**32 - 1, 0), *TABLE[1:]])}),
        "table-one-node-short": craft(tensors={"table": table_of(TABLE[:-1])}),
        "nodes-floats": craft(tensors={"nodes": tensor("F32", [18], *range(18))}),
        "nodes-signed": craft(tensors={"nodes": ("I8", [18], b"".join(NODES))}),
        "nodes-bfloat16": craft(tensors={"nodes": ("BF16", [18], bytes(36))}),
        "nodes-square": craft(tensors={"nodes": ("U8", [2, 9], b"".join(NODES))}),
        "ticks-too-few": craft(header={"frame_ticks": None}, tensors={"ticks": tensor("U8", [3], 1, 2, 3)}),
        "ticks-floats": craft(
            header={"frame_ticks": None}, tensors={"ticks": tensor("F64", [12], *range(12))}
        ),
        "ticks-square": craft(
            header={"frame_ticks": None}, tensors={"ticks": tensor("U8", [12, 1], *range(12))}
        ),
    }
    return cases
