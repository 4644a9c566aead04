"""The readers that are fuzzed: what each is given, and what may come of it."""

import contextlib
import dataclasses
import itertools
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from imfn_cli import codec
from imfn_cli.bitstream import (
    ArrayFile,
    FadingMemoryFile,
    FadingMemoryHeader,
    GrowingWriter,
    Header,
    LatentReader,
    LatentWriter,
    open_latent,
)
from imfn_cli.bitstream.entropy.inter_node import join_inter, split_inter
from imfn_cli.bitstream.entropy.motion_field import MotionField, decode_motion_field, encode_motion_field
from imfn_cli.bitstream.open import open_file
from imfn_cli.codec.fading_memory import fading_frames
from imfn_cli.errors import ImfnError
from imfn_cli.limits import Limits
from imfn_cli.network import Update
from imfn_cli.zoo import Model, load
from imfn_cli.zoo.student_file import read_update, write_student

from .. import attacks
from ..bitstream.adaptive_fixture import FOLDER as ADAPTIVE
from ..bitstream.adaptive_fixture import unpacked_model
from . import mending

FIXTURES = Path(__file__).parents[1] / "bitstream" / "fixtures"
# Of fixed forests.
VERSIONS = ("v1", "v3", "v4", "v6", "v7")
ARRAYS = Path(__file__).parents[1] / "codec" / "exact" / "fixtures"
#: Frames that are worth no time are refused, as larger ones are by default.
LIMITS = Limits(pixels=4096, memory=1_000_000_000, frames=64)
#: Of arrays groups of a million samples, about.
ARRAY_LIMITS = Limits(memory=500_000_000, frames=4096)


@dataclass(frozen=True)
class Target:
    """A reader.   run: reads bytes; raises nothing but what is documented.   seeds: files to begin with."""

    run: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]
    mend: Callable[[bytes], bytes] = lambda data: data

    def __call__(self, data: bytes) -> None:
        """Read bytes as they are, checksums made right. Whatever this raises is a fault of the reader."""
        self.run(self.mend(data))


@cache
def _folder() -> Path:
    # In memory where that is possible: half a million files a target.
    place = "/dev/shm" if Path("/dev/shm").is_dir() else None
    folder = tempfile.TemporaryDirectory(prefix="imfn-fuzz-", dir=place)
    _kept.append(folder)
    return Path(folder.name)


_kept: list[tempfile.TemporaryDirectory[str]] = []


@cache
def _model(version: str) -> Model:
    return load(FIXTURES / version / "model", device="cpu")


@contextlib.contextmanager
def _file(data: bytes) -> Iterator[Path]:
    path = _folder() / "x.safetensors"
    path.write_bytes(data)
    yield path


@cache
def _adaptive_model() -> Model:
    folder = _folder() / "v5"
    folder.mkdir()
    return load(unpacked_model(folder), device="cpu")


def _writer(header: Header | FadingMemoryHeader) -> Model:
    """The model that a file names, as far as we have it."""
    if isinstance(header, Header) and header.adaptive:
        return _adaptive_model()
    return _model(header.model if header.model in VERSIONS else "v1")


def read_file(data: bytes) -> None:
    """Open, check and restore what the bytes are: a latent, a growing one, or a fading memory."""
    with _file(data) as path, contextlib.suppress(ImfnError):
        opened = open_file(path, LIMITS)
        if isinstance(opened, ArrayFile):
            return
        model = _writer(opened.header)
        if isinstance(opened, FadingMemoryFile):
            report = codec.verify_fading_memory(path, opened, model, LIMITS)
            if report.ok and opened.header.frames <= 64:
                frames = list(fading_frames(opened, model, 0, opened.header.frames))
                assert len(frames) == opened.header.frames
            return
        _check_sense(opened)
        if opened.model_bytes:
            codec.model_of(opened, None, "cpu")
        codec.verify_latent(opened, model)
        damaged: list[codec.DecodedNode] = []
        frames = list(codec.restored_frames(opened, model, damaged=damaged))
        header = opened.header
        assert len(frames) == header.frames
        assert all(f.pixels.shape == (header.height, header.width, header.channels) for f in frames)
        times = [frame.time for frame in frames]
        assert all(one < other for one, other in itertools.pairwise(times))


def read_array(data: bytes) -> None:
    """Open, check and restore what the bytes are, if that is an array latent."""
    with _file(data) as path, contextlib.suppress(ImfnError):
        opened = open_file(path, ARRAY_LIMITS)
        if not isinstance(opened, ArrayFile):
            return
        header = opened.header
        report = codec.verify_array(opened)
        blocks = codec.read_array(opened, 0, header.frames)
        if report.ok:
            frames = np.concatenate(list(blocks), dtype=np.dtype(header.dtype))
            assert frames.reshape(header.shape).dtype.str == header.dtype


def _check_sense(reader: LatentReader) -> None:
    header, nodes = reader.header, reader.nodes
    assert [node.first_frame for node in nodes] == [0, *(node.frames.stop for node in nodes[:-1])]
    assert nodes[-1].frames.stop == header.frames
    if header.frames <= 1000:
        times = list(reader.times())
        assert len(times) == header.frames
        assert all(one < other for one, other in itertools.pairwise(times))
        assert times[0] >= -(1 << 63)
        assert times[-1] < 1 << 63
        for start in (1, header.frames // 2, header.frames - 1):
            assert list(reader.times(start)) == times[start:]


def read_node(data: bytes) -> None:
    """A coded memory of a 5×7 grid. The first byte says level and quality."""
    entropy = _model("v1").entropy
    level, quality = (data[0] % 3, data[0] * 100 // 255) if data else (0, 50)
    with contextlib.suppress(ValueError):
        symbols, values = entropy.decode(data[1:], level, quality, 5, 7)
        assert symbols.shape == values.shape == (entropy.channels, 5, 7)
        assert bool(np.isfinite(values).all())


def read_motion(data: bytes) -> None:
    """An inter node's motion field over 6×5 blocks, after one of small vectors."""
    before = (np.arange(60, dtype=np.int32).reshape(2, 6, 5) % 7) - 3
    with contextlib.suppress(ValueError):
        motion, _ = split_inter(data)
        field = decode_motion_field(motion, 6, 5, 3, before)
        assert field.vectors.shape == (2, 6, 5)
        assert int(np.abs(field.vectors).max()) <= 1 << 15


def read_model(data: bytes) -> None:
    """A model: the length of `config.json`, it, the weights."""
    folder = _folder() / "model"
    folder.mkdir(exist_ok=True)
    size = int.from_bytes(data[:4], "little") % (1 << 16)
    (folder / "config.json").write_bytes(data[4 : 4 + size])
    (folder / "model.safetensors").write_bytes(data[4 + size :])
    with contextlib.suppress(ImfnError):
        load(folder, device="cpu", limits=LIMITS)


def read_student(data: bytes) -> None:
    """A learned update of the model of version 1."""
    model = _model("v1")
    with _file(data) as path, contextlib.suppress(ImfnError):
        read_update(path, "v1", "v1", model.network.config, LIMITS)


# -- what to begin with -----------------------------------------------------------------------------------


def _latents() -> list[bytes]:
    found = [(FIXTURES / version / "latent.safetensors").read_bytes() for version in VERSIONS]
    return [*found, *_made("nodes-of-zeros", "one-huge-gap", "levels-of-20", "escapes")]


def _made(*names: str) -> list[bytes]:
    found = []
    for name in names:
        path = _folder() / "seed.safetensors"
        before, attacks.MANY = attacks.MANY, 30
        attacks.FILES[name](path, _model("v1"))
        attacks.MANY = before
        found.append(path.read_bytes())
        path.unlink()
    return found


def _growing() -> list[bytes]:
    names = ("growing-empty", "growing-backwards", "growing-far-apart", "growing-levels-of-20")
    return [(FIXTURES / "growing-v2.safetensors").read_bytes(), *_made(*names)]


def _fading() -> list[bytes]:
    path = _folder() / "seed.safetensors"
    attacks.fading(frames=30, last_time=90, height=9, width=10)(path, _model("v1"))
    data = path.read_bytes()
    path.unlink()
    return [data, *_made("fading-size")]


def _nodes() -> list[bytes]:
    entropy = _model("v1").entropy
    chance = np.random.default_rng(1)
    found = [b"\x40" + attacks.ZEROS]
    for scale in (0.7, 3, 300, 20_000):
        values = chance.laplace(0, scale, (entropy.channels, 5, 7)).astype(np.float32)
        found += [
            b"\x81" + entropy.encode(values, 1, 0x81 * 100 // 255, lanes_from=size) for size in (None, 0)
        ]
    return found


def _motions() -> list[bytes]:
    chance = np.random.default_rng(1)
    before = (np.arange(60, dtype=np.int32).reshape(2, 6, 5) % 7) - 3
    found = [join_inter(b"\0\x88\x08\0", b"")]
    for scale in (1, 40, 9000):
        vectors = chance.normal(0, scale, (2, 6, 5)).astype(np.int32)
        field = MotionField(vectors, chance.random((6, 5)) < 0.3, np.array([8, 3, 0], np.int32))
        found.append(join_inter(encode_motion_field(field, before)[0], b"rest"))
    return found


def _models() -> list[bytes]:
    found = []
    for version in ("v1", "v4"):
        folder = FIXTURES / version / "model"
        config = (folder / "config.json").read_bytes()
        found.append(len(config).to_bytes(4, "little") + config + (folder / "model.safetensors").read_bytes())
    return found


def _students() -> list[bytes]:
    found = []
    for update in (Update(_model("v1").network.config, 4, 1), None):
        path = _folder() / "seed.safetensors"
        write_student(path, "v1", "v1", update=update, about={"a": [1, {"b": None}]})
        found.append(path.read_bytes())
        path.unlink()
    return found


def _adaptive() -> list[bytes]:
    """The first GOP of the fixture: as a latent, and as one that grows."""
    reader, path = open_latent(ADAPTIVE / "latent.safetensors"), _folder() / "seed.safetensors"
    nodes = reader.nodes[:2]
    times = list(reader.times())[: nodes[-1].frames.stop]
    header = dataclasses.replace(reader.header, frames=len(times))
    found = []
    with LatentWriter(path) as writer:
        for node in nodes:
            writer.add(node.level, reader.read(node))
        moments = np.array(times, np.int64)
        writer.finish(header, None if header.frame_ticks else moments[1:] - moments[:-1])
    found.append(path.read_bytes())
    path.unlink()
    with GrowingWriter(path, header) as growing:
        for node in nodes:
            growing.add(node.level, reader.read(node), times[node.frames.start : node.frames.stop])
    found.append(path.read_bytes())
    path.unlink()
    return found


def _arrays() -> list[bytes]:
    names = ("f8-wide", "u2-lossless", "u2-within-3", "f4-gaps", "u1-colour", "u2-colour-within-3")
    found = [(ARRAYS / f"{name}.safetensors").read_bytes() for name in names]
    few = ("low-bits", "exponent", "raw-short", "tiny-frames", "groups-of-zeros", "about")
    trees = ("tree-without-sweepers", "tree-of-large-numbers", "tree-short")
    return [*found, *_made(*(f"array-{name}" for name in few), *trees)]


TARGETS = {
    "latent": Target(read_file, _latents, mending.latent),
    "growing": Target(read_file, _growing, mending.growing),
    "fading": Target(read_file, _fading, mending.fading),
    "adaptive": Target(read_file, _adaptive, mending.latent_or_growing),
    "array": Target(read_array, _arrays, mending.array),
    "node": Target(read_node, _nodes),
    "motion": Target(read_motion, _motions),
    "model": Target(read_model, _models),
    "student": Target(read_student, _students),
}
