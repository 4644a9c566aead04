"""Small files that claim much. All checksums agree, so nothing but limits and checks of sense can stop them.

`python -m tests.attacks FOLDER` writes them there. Each is refused in one line, or done within the limits:
`tests/cli/test_attacks.py` runs every command on every one of them, with its memory measured.
"""

import dataclasses
import hashlib
import json
import shutil
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from imfn_cli.bitstream.container.embedded_model import ModelFiles
from imfn_cli.bitstream.container.fading_memory import FadingMemoryFile, FadingMemoryHeader
from imfn_cli.bitstream.container.growing_writer import GrowingWriter
from imfn_cli.bitstream.container.header import Header, sealed
from imfn_cli.bitstream.container.journal import CRC, HEAD, MAGIC
from imfn_cli.bitstream.container.latent_writer import LatentWriter
from imfn_cli.bitstream.entropy.varint import varint
from imfn_cli.bitstream.exact.array_file import ArrayWriter
from imfn_cli.bitstream.exact.array_header import METADATA_KEY as ARRAY_KEY
from imfn_cli.bitstream.exact.array_header import ArrayHeader, Tree
from imfn_cli.bitstream.exact.group import encode_group
from imfn_cli.bitstream.exact.tree_model import Matrix, TreeModel
from imfn_cli.zoo import Model

from .bitstream.builders import HEADER
from .bitstream.malformed import assemble, header_text

#: Nodes of a file of very many; half as many records of a growing one.
MANY = 200_000
#: A coded memory of zeros: no active channel, no raw bits, no words.
ZEROS = b"\0\0"
#: Every channel is active and no word follows, which stands for zeros as well.
ALL_ZEROS = b"\xc0\x01\0"
ESCAPES = "\x1b]0;owned\x07\x1b[2J\x1b[31mred\x9b1m\r\u202e"


def _header(writer: Model, **changes: Any) -> Header:
    base: dict[str, Any] = {"model": writer.name, "model_sha256": writer.sha256, "start_time": 0, "frames": 1}
    return dataclasses.replace(HEADER, **(base | changes))


def _latent(path: Path, header: Header, nodes: list[tuple[int, bytes]], ticks: Any = None) -> None:
    with LatentWriter(path) as writer:
        for level, data in nodes:
            writer.add(level, data)
        frames = sum(1 << level for level, _ in nodes)
        writer.finish(dataclasses.replace(header, frames=frames), ticks)


def _growing(path: Path, header: Header, records: list[tuple[int, int, int, bytes]]) -> None:
    """A growing latent of (level, first time, tick, bytes); not by the writer, which counts the times."""
    with GrowingWriter(path, header) as writer:
        level, first, tick, data = records[0]
        writer.add(0, data, [first])
    content = bytearray(path.read_bytes())
    del content[-HEAD.size - CRC.size - len(records[0][3]) :]
    for level, first, tick, data in records:
        head = HEAD.pack(MAGIC, level, len(data), zlib.crc32(data), first, tick, zlib.crc32(b""))
        content += head + CRC.pack(zlib.crc32(head)) + data
    path.write_bytes(content)


_BRANCHES = {"merge_blocks": 64, "split_blocks": 64, "kernel": 31, "independent": False}


# -- latents ----------------------------------------------------------------------------------------------


def _large_frames(side: int) -> Callable[[Path, Model], None]:
    def write(path: Path, model: Model) -> None:
        _latent(path, _header(model, ratio=1, height=side, width=side), [(0, ALL_ZEROS)])

    return write


def _raw_part(path: Path, model: Model) -> None:
    size = 100_000_000
    _latent(path, _header(model, ratio=1), [(0, b"\x01" + varint(size) + bytes(size))])


def _nested(path: Path, model: Model) -> None:
    nested = "[" + "[],[[]]," * 11_000_000 + "[]]"
    values = json.loads(_header(model).to_json(table=0))
    text = json.dumps(values)[:-1] + f',"x":{nested}}}'
    path.write_bytes(assemble({"imfn": text}, {"table": ("U32", [1, 3], bytes(12))}))


def _many_nodes(data: bytes) -> Callable[[Path, Model], None]:
    return lambda path, model: _nodes(data, MANY, 0)(path, model)


def _nodes(data: bytes, count: int, level: int, **changes: Any) -> Callable[[Path, Model], None]:
    def write(path: Path, model: Model) -> None:
        _latent(path, _header(model, **{"ratio": 1 << level} | changes), [(level, data)] * count)

    return write


def _times(**changes: Any) -> Callable[[Path, Model], None]:
    def write(path: Path, model: Model) -> None:
        _latent(path, _header(model, **changes), [(2, ZEROS)])

    return write


def _ticks(*ticks: int, **changes: Any) -> Callable[[Path, Model], None]:
    def write(path: Path, model: Model) -> None:
        header = _header(model, frame_ticks=None, **changes)
        _latent(path, header, [(2, ZEROS)], np.array(ticks, np.int64))

    return write


def _told(**changes: Any) -> Callable[[Path, Model], None]:
    """A header that `Header` would not take, its checksum mended."""

    def write(path: Path, model: Model) -> None:
        table = np.array([[2, 2, zlib.crc32(ZEROS)]], "<u4")
        tensors = {"table": ("U32", [1, 3], table.tobytes()), "nodes": ("U8", [2], ZEROS)}
        told = {"model": model.name, "model_sha256": model.sha256, "frames": 4, "start_time": 0}
        path.write_bytes(assemble({"imfn": header_text(tensors, told | changes)}, tensors))

    return write


def _adaptive(path: Path, model: Model) -> None:
    """An adaptive forest whose GOP is as long as can be, of frames as large as can be."""
    header = _header(model, ratio=64, height=8192, width=7812, gop_frames=4096)
    _latent(path, header, [(0, bytes(40)), *[(6, bytes(40))] * 63])


# -- growing latents --------------------------------------------------------------------------------------


def _high_levels(count: int) -> Callable[[Path, Model], None]:
    def write(path: Path, model: Model) -> None:
        header = _header(model, ratio=1 << 20)
        _growing(path, header, [(20, index << 30, 40, ZEROS) for index in range(count)])

    return write


def _empty_records(path: Path, model: Model) -> None:
    _growing(path, _header(model), [(0, 40 * index, 1, b"") for index in range(MANY // 2)])


def _backwards(path: Path, model: Model) -> None:
    _growing(path, _header(model), [(0, time, 1, ZEROS) for time in (500, 400, 300, 501, 2, 502)])


def _far_apart(path: Path, model: Model) -> None:
    """A gap between records whose times are as far apart as 64 bits allow."""
    low, high = -(1 << 63) + 9, (1 << 63) - 90
    _growing(path, _header(model), [(2, low, 1, ZEROS), (2, low + 40, 1, ZEROS), (2, high, 1, ZEROS)])
    content = bytearray(path.read_bytes())
    content[-2 * (HEAD.size + CRC.size + len(ZEROS)) + 6] ^= 0xFF
    path.write_bytes(content)


def _beyond(path: Path, model: Model) -> None:
    last = (1 << 63) - 90
    _growing(path, _header(model), [(2, 0, 40, ZEROS), (2, last, 40, ZEROS), (0, last + 20, 1, ZEROS)])


# -- fading memories --------------------------------------------------------------------------------------


# What no header can be made of; it is told to the file afterwards.
_RESEALED = {"time_base_text": "time_base", "first": "first_time", "last": "last_time"}


def fading(**changes: Any) -> Callable[[Path, Model], None]:
    def write(path: Path, model: Model) -> None:
        header: dict[str, Any] = {
            "model": model.name,
            "model_sha256": model.sha256,
            "half_life": 1e6,
            "frames": 100,
            "height": 48,
            "width": 64,
            "channels": 3,
            "time_base": Fraction(1, 25),
            "first_time": 0,
            "last_time": 99,
        } | {name: value for name, value in changes.items() if name not in _RESEALED}
        config = model.network.config
        grid = config.grid(header["height"], header["width"])
        # Of giant frames there is no memory: what they would take is told by the header alone.
        shape = (config.channels, *grid) if grid[0] < 100 else (1, 1, 1)
        values = np.zeros(shape, np.float32)
        FadingMemoryFile(FadingMemoryHeader(**header), values).write(path, force=False)
        told = {_RESEALED[name]: value for name, value in changes.items() if name in _RESEALED}
        if told:
            _reseal(path, **told)

    return write


def _reseal(path: Path, **changes: Any) -> None:
    with safe_open(path, framework="numpy") as file:
        about = json.loads(file.metadata()["imfn_memory"])
        values = file.get_tensor("memory")
    about.pop("crc32_of_header")
    save_file({"memory": values}, path, {"imfn_memory": sealed(about | changes, "crc32_of_header")})


# -- array latents ----------------------------------------------------------------------------------------


_ARRAY: dict[str, Any] = {
    "tool": "imfn",
    "shape": (64, 48, 64),
    "dtype": "<i2",
    "axes": "TYX",
    "frame_axes": 2,
    "coding": "integer",
    "exponent": 0,
    "low_bits": 0,
    "base": 0,
    "limits": (-128, 127),
    "error_steps": 0,
    "max_error": 0.0,
    "quality": None,
    "group_frames": 64,
    "source_kind": "array",
    "source_bytes": 1,
    "about": {},
}


def array(
    groups: list[tuple[int, bytes]],
    *,
    told: Mapping[str, Any] | None = None,
    carried: bytes = b"",
    **changes: Any,
) -> Any:
    """An array latent of groups (frames, bytes).   told: what no header can be made of.   carried: a tree."""

    def write(path: Path, model: Model) -> None:
        with ArrayWriter(path) as writer:
            for frames, data in groups:
                writer.add(frames, data)
            writer.finish(ArrayHeader(**_ARRAY | changes), carried)
        if told is not None:
            with safe_open(path, framework="numpy") as file:
                about = json.loads(file.metadata()[ARRAY_KEY])
                tensors = {name: file.get_tensor(name) for name in ("table", "groups")}
            about.pop("crc32")
            metadata = {ARRAY_KEY: sealed(about | told, "crc32")}
            entries = {
                name: ("U32" if name == "table" else "U8", list(one.shape), one.tobytes())
                for name, one in tensors.items()
            }
            path.write_bytes(assemble(metadata, entries))

    return write


def tree(
    carried: bytes,
    *,
    frames: int = 64,
    ratio: int = 64,
    span: Any = (0.0, 1.0),
    step: float = 1.0,
    **more: Any,
) -> Any:
    """An array latent that carries a tree of these bytes, and whose one group of memories is short."""
    how = Tree(ratio=ratio, step=step, span=span, bounds=span)
    base: dict[str, Any] = {"shape": (frames, 48, 64), "coding": "memories", "tree": how, "max_error": None}
    groups = [(frames, b"\0" + bytes(8))]
    return array(groups, carried=carried, **base | {"quality": 50.0, "group_frames": frames} | more)


def tree_bytes(patch: tuple[int, int, int], channels: int, levels: int, *, entry: int = 0) -> bytes:
    """A tree all of whose numbers are `entry`, of the largest number of bits."""
    size = int(np.prod(patch))

    def matrix(columns: int) -> Matrix:
        return Matrix(np.full((channels, columns), entry, np.int32), np.full(channels, 14, np.int32))

    sweepers = tuple(matrix(2 * channels) for _ in range(levels))
    return TreeModel(patch, np.full(size, entry, np.int32), matrix(size), sweepers).to_bytes()


def _varints(*numbers: int) -> bytes:
    return b"".join(map(varint, numbers)) + bytes(8)


def group_of_zeros(frames: int, height: int, width: int) -> bytes:
    """A group whose samples are all zero, within the limits of `_ARRAY`."""
    zeros = np.zeros((frames, height, width, 1), np.int64)
    return b"\1\0" + encode_group(zeros, (-128, 127), 0)[0]


def _many_groups(data: bytes) -> Callable[[Path, Model], None]:
    def write(path: Path, model: Model) -> None:
        count = MANY // 2
        array([(1, data)] * count, shape=(count, 2, 2), group_frames=1)(path, model)

    return write


def _bomb(path: Path, model: Model) -> None:
    """Exceptions whose places unpack to 300 MB."""
    places = zlib.compress(bytes(300_000_000), 9)
    inside = varint(len(places)) + places
    rest = group_of_zeros(64, 48, 64)[2:]
    array([(64, b"\1" + varint(len(inside)) + inside + rest)])(path, model)


_SHORT = b"\1\0" + bytes(16)
_LIES = {
    "tiff": "imagej",
    "resolution": [-1.0, 1e308, 0.0],
    "resolution_unit": -7,
    "spacing": 1e308,
    "unit": ESCAPES,
}
ARRAYS: dict[str, Callable[[Path, Model], None]] = {
    # A billion frames, whose groups are empty.
    "array-frames-of-a-billion": array(
        [(65536, b"")] * 15259, shape=(15259 << 16, 48, 64), group_frames=65536
    ),
    "array-shape-of-2^48": array([(64, _SHORT)], told={"shape": [(1 << 48) - 1, 48, 64]}),
    "array-frame-16384": array([(1, _SHORT)], shape=(1, 16384, 16384), group_frames=1),
    "array-vector-of-2^28": array(
        [(1, _SHORT)], shape=(1, 1 << 28), dtype="<f8", coding="pattern", axes="TD", frame_axes=1
    ),
    "array-channels-of-2^28": array(
        [(1, _SHORT)], shape=(1, 1, 1, 1 << 28), axes="TYXC", frame_axes=3, group_frames=1
    ),
    "array-channels-of-100000": array(
        [(1, _SHORT)], shape=(1, 1, 1, 100_000), axes="TYXC", frame_axes=3, group_frames=1
    ),
    "array-tiny-frames": array([(1 << 20, _SHORT)], shape=(1 << 20, 2, 2), group_frames=1 << 20),
    "array-without-groups": array([], told={"shape": [64, 48, 64]}),
    "array-empty-groups": _many_groups(b""),
    "array-groups-of-zeros": lambda path, model: _many_groups(group_of_zeros(1, 2, 2))(path, model),
    "array-dtype-of-texts": array([(64, _SHORT)], told={"dtype": "<U100000000"}),
    "array-dtype-of-objects": array([(64, _SHORT)], told={"dtype": "|O"}),
    "array-raw-short": array([(64, b"\0" + bytes(9))]),
    "array-raw-long": array([(64, b"\0" + bytes(64 * 48 * 64 * 2 + 1))]),
    "array-bomb": _bomb,
    "array-weights-of-4GB": array([(64, b"\1\0" + b"\xff" * 4 + bytes(12))]),
    # The largest tree that there can be, of no bytes.
    "tree-short": tree(_varints(16, 16, 1, 256, 6)),
    "tree-patch-of-2^120": tree(_varints(1 << 60, 1 << 60, 1, 1, 1)),
    "tree-without-patch": tree(_varints(0, 1, 1, 1, 1)),
    "tree-channels-of-2^40": tree(_varints(2, 2, 1, 1 << 40, 6)),
    "tree-levels-of-2^40": tree(_varints(2, 2, 1, 4, 1 << 40)),
    "tree-of-100MB": tree(bytes(100_000_000)),
    "tree-without-sweepers": tree(tree_bytes((2, 2, 1), 4, 0)),
    "tree-of-large-numbers": tree(
        tree_bytes((2, 2, 1), 4, 6, entry=1 << 24), step=1024.0, span=(-1.7e308, 1.7e308), dtype="<f8"
    ),
    "tree-frame-16384": tree(tree_bytes((2, 2, 1), 4, 0), frames=1, ratio=1, shape=(1, 16384, 16384)),
    "tree-tiny-frames": tree(tree_bytes((2, 2, 1), 4, 6), frames=1 << 20, shape=(1 << 20, 2, 2)),
    "array-low-bits": array([(64, _SHORT)], low_bits=32, dtype="<i8"),
    "array-exponent": array(
        [(64, _SHORT)], coding="scaled", exponent=1100, dtype="<f4", limits=(-(1 << 40), (1 << 40) - 2)
    ),
    "array-about": array([(1, b"\0" + bytes(48 * 64 * 2))], shape=(1, 48, 64), about=_LIES),
    "array-escapes": array(
        [(1, b"\0" + bytes(48 * 64 * 2))],
        shape=(1, 48, 64),
        tool=ESCAPES,
        source_kind=ESCAPES,
        about={ESCAPES: ESCAPES, "tiff": ESCAPES},
    ),
}


# -- models inside latents --------------------------------------------------------------------------------


def embedded(
    config: Callable[[dict[str, Any]], Any] | bytes | None = None, weights: bytes | None = None
) -> Callable[[Path, Model], None]:
    """A latent of four frames with a model inside.   config: changes it, or stands for it, as weights do."""

    def write(path: Path, model: Model) -> None:
        told = json.loads((model.path / "config.json").read_bytes())
        told["name"] = "not here"
        if callable(config):
            config(told)
        text = config if isinstance(config, bytes) else json.dumps(told).encode()
        content = (model.path / "model.safetensors").read_bytes() if weights is None else weights
        # Padded, so that no other model has this hash.
        layout = 8 + int.from_bytes(content[:8], "little")
        if weights is None:
            content = (layout - 8 + 8).to_bytes(8, "little") + content[8:layout] + b" " * 8 + content[layout:]
        header = _header(model, model="not here", model_sha256=hashlib.sha256(content).hexdigest(), frames=4)
        with LatentWriter(path, model=ModelFiles(text, content)) as writer:
            writer.add(2, ZEROS)
            writer.finish(header)

    return write


EMBEDDED: dict[str, Callable[[Path, Model], None]] = {
    "embedded": embedded(),
    "embedded-widths": embedded(lambda told: told["network"].update(widths=[65536] * 3, **_BRANCHES)),
    "embedded-channels": embedded(
        lambda told: told["network"].update(channels=65536, patch_height=65536, patch_width=65536)
    ),
    "embedded-levels": embedded(lambda told: told["network"].update(levels=10**9)),
    "embedded-nested": embedded(b"[" * ((1 << 20) - 1)),
    "embedded-config-2MB": embedded(b" " * (1 << 21)),
    "embedded-weights-17MB": embedded(weights=bytes(17 << 20)),
    "embedded-no-weights": embedded(weights=b"\xff" * 4096),
    "embedded-escapes": embedded(lambda told: told.update(name=ESCAPES, kind=ESCAPES)),
}


#: Name → what writes the file.
FILES: dict[str, Callable[[Path, Model], None]] = {
    "frame-16384": _large_frames(16384),
    "frame-8192": _large_frames(8192),
    "frame-7900": _large_frames(7900),
    "raw-part-100MB": _raw_part,
    "metadata-90MB": _nested,
    "empty-nodes": _many_nodes(b""),
    "nodes-of-zeros": _many_nodes(ZEROS),
    "nodes-of-all-zeros": _many_nodes(ALL_ZEROS),
    "levels-of-20": _nodes(ZEROS, 20, 20),
    "frames-of-a-lifetime": _nodes(ZEROS, 10_000, 3, height=4096, width=4096),
    "start-time-lowest": _times(start_time=-(1 << 63)),
    "start-time-highest": _times(start_time=(1 << 63) - (1 << 33)),
    "start-time-minus-5": _times(start_time=-5),
    "one-huge-gap": _ticks(40, 1 << 61, 40),
    "gap-of-a-century": _ticks(40, 10**11, 40),
    "ticks-beyond-64-bits": _ticks(1 << 62, 1 << 62, 1 << 62),
    "ticks-not-increasing": _ticks(40, 0, 40),
    "ticks-backwards": _ticks(40, -80, 40),
    "frame-ticks-highest": _told(frame_ticks=(1 << 63) - 1),
    "time-base-tiny": _times(time_base=Fraction(1, (1 << 63) - 1)),
    "time-base-huge": _times(time_base=Fraction((1 << 63) - 1)),
    "time-base-uneven": _times(time_base=Fraction(10**18 - 11, 10**18 - 1)),
    "time-base-of-a-billion-digits": _told(time_base="1e999999999"),
    "rate-huge": _times(frame_rate=Fraction((1 << 63) - 1)),
    "rate-tiny": _times(frame_rate=Fraction(1, (1 << 63) - 1)),
    "rate-beyond-64-bits": _told(frame_rate=f"{10**39}/7"),
    "aspect-huge": _times(sample_aspect_ratio=Fraction((1 << 63) - 1, 3)),
    "aspect-beyond-64-bits": _told(sample_aspect_ratio=f"{10**30}/{10**29 + 1}"),
    "plays-most": _times(plays=(1 << 32) - 1, source_kind="animation"),
    "last-frame-for-ever": _times(last_ticks=(1 << 63) - 1),
    "escapes": _times(
        tool=ESCAPES,
        source_kind=ESCAPES,
        colour={"matrix": ESCAPES, "range": ESCAPES, "primaries": ESCAPES, "transfer": ESCAPES},
    ),
    "escapes-in-model": _told(model=ESCAPES, model_sha256=ESCAPES),
    "adaptive-frames": _adaptive,
    "growing-levels-of-20": _high_levels(20),
    "growing-levels-of-20-100": _high_levels(100),
    "growing-empty": _empty_records,
    "growing-backwards": _backwards,
    "growing-far-apart": _far_apart,
    "growing-beyond-64-bits": _beyond,
    "fading-time-base": fading(time_base_text="1e999999999"),
    "fading-frames": fading(frames=(1 << 63) - 1, last_time=1 << 62),
    "fading-size": fading(height=8192, width=8193),
    "fading-times": fading(first=-(1 << 63), last=(1 << 63) - 2),
    **ARRAYS,
    **EMBEDDED,
}


#: Those whose times, rates or shapes of pixels every format has to take or to refuse.
TIMES = {
    name for name in FILES if name.startswith(("start", "one", "gap", "time", "rate", "asp", "pl", "last"))
}
#: Those with so many frames that restoring all takes minutes, as it should.
LONG = {"empty-nodes", "nodes-of-zeros", "nodes-of-all-zeros", "growing-empty"}


# -- models and students ----------------------------------------------------------------------------------


def _network(**changes: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text())
        config["network"] |= changes
        (folder / "config.json").write_text(json.dumps(config))

    return change


def _long_config(folder: Path) -> None:
    (folder / "config.json").write_text("[" * 60_000_000)


def _student(width: int, blocks: int) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / "student.safetensors"
        sha256 = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
        values = {"format": 1, "model": "tiny", "model_sha256": sha256, "tool": "", "about": {}}
        values |= {"width": width, "blocks": blocks}
        save_file({"update.x": np.zeros(1, np.float32)}, path, {"imfn_student": json.dumps(values)})

    return change


def _weights(folder: Path) -> None:
    """Weights that go on for 5 GB, of which the disk holds nothing."""
    path = folder / "model.safetensors"
    tensors: Mapping[str, Any] = load_file(path)
    save_file({**tensors, "more": np.zeros(1, np.uint8)}, path)
    with path.open("r+b") as file:
        file.truncate(5_000_000_000)


#: Name → what turns a model's folder, one of branches, into an attack.
MODELS: dict[str, Callable[[Path], None]] = {
    "widths": _network(widths=[65536] * 3, **_BRANCHES),
    "channels": _network(channels=65536, patch_height=65536, patch_width=65536),
    "levels": _network(levels=20, widths=[1] * 20, **_BRANCHES),
    "independent": _network(channels=65536, patch_height=256, patch_width=256, independent=True),
    "long-config": _long_config,
    "weights-of-5GB": _weights,
    "student-wide": _student(1 << 30, 2),
    "student-of-many-blocks": _student(8, 1 << 30),
    "student-of-others-tensors": _student(4096, 64),
}


def write_models(folder: Path, model: Path) -> Iterator[tuple[str, Path]]:
    """Every model of `MODELS`, made of the one in the folder `model`."""
    for name, change in MODELS.items():
        path = folder / name
        shutil.copytree(model, path)
        change(path)
        yield name, path
        shutil.rmtree(path)


if __name__ == "__main__":
    from imfn_cli.zoo import load

    place = Path(sys.argv[1])
    place.mkdir(parents=True, exist_ok=True)
    loaded = load("video-linear", device="cpu")
    for name, make in FILES.items():
        make(place / f"{name}.safetensors", loaded)
