"""docs/FORMAT.md is enough to write a decoder: the one written after it gives the product's symbols."""

import hashlib
import json
import struct
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import imfn_cli as imfn
from imfn_cli.bitstream.container.header import Header
from imfn_cli.bitstream.entropy.entropy_model import EntropyModel
from imfn_cli.bitstream.entropy.motion_field import MotionField, decode_motion_field, encode_motion_field
from imfn_cli.bitstream.exact.array_header import ArrayHeader

from ..bitstream.builders import integer_memory, integer_tensors, noise
from .markdown import ROOT, table
from .second_decoder import (
    Field,
    MemoryDecoder,
    Model,
    Tensor,
    alpha_planes,
    checked,
    decode_latent,
    decode_motion,
    read_container,
    read_latent,
    read_varint,
)
from .second_restorer import restore_latent

TESTS = Path(__file__).parents[1]
FIXTURES = TESTS / "bitstream" / "fixtures"


@pytest.fixture(scope="module", params=sorted(path.parent.name for path in FIXTURES.glob("v*/expected.json")))
def folder(request: pytest.FixtureRequest) -> Path:
    """Model and latent of one version; that of an adaptive forest is in test_second_adaptive.py."""
    return FIXTURES / str(request.param)


def test_the_headers_fields() -> None:
    """FORMAT.md names every field of a latent's header, and the version that brought it."""
    documented = {
        name.strip("` "): int(row[-1])
        for row in table(ROOT / "docs" / "FORMAT.md", "Header").rows
        for name in row[0].split(",")
    }
    sealed = dict.fromkeys(("format", "checksums", "crc32"), 1)
    declared = {one.metadata.get("key") or one.name: one.metadata.get("since", 1) for one in fields(Header)}
    assert documented == declared | sealed


def test_alpha_planes(tmp_path: Path) -> None:
    """Four groups, one of each way to predict that a film can need."""
    rng = np.random.default_rng(3)
    planes = np.zeros((8, 20, 24), np.uint8)
    planes[:2] = 255
    planes[2:4] = rng.integers(0, 256, (1, 20, 24))
    planes[4:6] = rng.integers(0, 256, (2, 20, 1))
    planes[6:] = rng.integers(0, 256, (2, 1, 24))
    rgba = np.concatenate((rng.integers(0, 256, (8, 20, 24, 3), np.uint8), planes[..., None]), axis=3)
    imfn.compress(rgba, tmp_path / "a.safetensors", model="video-linear", ratio=2, gop=2)
    _, tensors, _ = read_container(tmp_path / "a.safetensors")
    assert b"".join(alpha_planes(tensors, 20, 24)) == planes.tobytes()


def test_the_fields_of_an_array_latent() -> None:
    rows = table(
        ROOT / "docs" / "FORMAT.md", "20. An array latent (`imfn compress --lossless`, `--max-error`)"
    ).rows
    documented = [row[0].strip("` ") for row in rows]
    declared = [one.name for one in fields(ArrayHeader)]
    assert documented == ["format", *declared, "checksums", "crc32"]


def test_symbols_of_every_version(folder: Path) -> None:
    decoded = decode_latent(folder / "latent.safetensors", Model(folder / "model"))
    symbols = [memory.all_symbols() for _, memory in decoded]
    found = [hashlib.sha256(struct.pack(f"<{len(one)}i", *one)).hexdigest() for one in symbols]
    assert found == json.loads((folder / "expected.json").read_text(encoding="utf-8"))["symbols"]


def test_frames_of_every_version(folder: Path) -> None:
    """Of a linear gray model; where references are floats, results may differ by one level."""
    found = restore_latent(folder / "latent.safetensors", Model(folder / "model"))
    wanted = np.load(folder / "frames.npy")[..., 0]
    assert found.shape == wanted.shape
    assert np.abs(found.astype(int) - wanted).max() <= 1


def test_motion_fields_of_a_latent() -> None:
    """Those of inter nodes, each decoded with the field before it, by both decoders."""
    path = FIXTURES / "v3" / "latent.safetensors"
    header, nodes, _ = read_latent(path)
    fields = [field for field, _ in decode_latent(path, Model(path.parent / "model"))]
    level, before = nodes[0].level, np.zeros((2, 3, 4), np.int32)
    assert header["chain"] >= len(nodes)
    assert fields[0] is None
    for node, field in zip(nodes[1:], fields[1:], strict=True):
        if node.level != level:
            before = np.zeros_like(before)
        size, at = read_varint(node.data, 0)
        theirs = decode_motion_field(node.data[at : at + size], 3, 4, 1, before)
        assert field is not None
        assert_same(field, theirs)
        level, before = node.level, theirs.vectors


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("intra", "moved"), [(True, True), (False, True), (True, False), (False, False)])
def test_motion_fields_of_every_kind(seed: int, intra: bool, moved: bool) -> None:
    rows, columns, groups = 5 + seed, 7 - seed, 3 + seed
    reach = (300, 20, 3)[seed] if moved else 0
    vectors = noise(2 * rows * columns, -reach, reach, seed).reshape(2, rows, columns).astype(np.int32)
    flags = (noise(rows * columns, 0, 2, 50 + seed) == 0).reshape(rows, columns) & intra
    before = noise(2 * rows * columns, -9, 9, 90 + seed).reshape(2, rows, columns).astype(np.int32)
    gains = noise(groups, 0, 8, seed).astype(np.int32)
    data, theirs = encode_motion_field(MotionField(vectors, flags, gains), before)
    known = {
        (y, x): (int(before[0, y, x]), int(before[1, y, x])) for y in range(rows) for x in range(columns)
    }
    assert_same(decode_motion(data, rows, columns, groups, known), theirs)


def assert_same(ours: Field, theirs: MotionField) -> None:
    """Vectors, intra blocks and gains are those of the product."""
    rows, columns = theirs.intra.shape
    assert ours.gains == theirs.gains.tolist()
    for y in range(rows):
        for x in range(columns):
            assert ours.vectors[y, x] == tuple(theirs.vectors[:, y, x].tolist())
            assert ours.intra[y, x] == theirs.intra[y, x]


@pytest.mark.parametrize("lanes", [False, True])
@pytest.mark.parametrize(("h", "w", "quality"), [(7, 9, 37), (7, 9, 43.7), (1, 1, 100), (2, 13, 0)])
def test_symbols_of_many_groups(h: int, w: int, quality: float, lanes: bool) -> None:
    """A model of three groups, with raw bits, at the grid's edges; of one state and of eight."""
    tensors = integer_tensors()
    second = model_of(tensors)
    product = EntropyModel(tensors)
    data = product.encode(integer_memory(12, h, w), 1, quality, lanes_from=0 if lanes else None)
    assert (data[0] > 12) == lanes
    wanted, _ = product.decode_symbols(data, 1, quality, h, w)
    assert np.abs(wanted).max() > 31, "some need raw bits"
    assert MemoryDecoder(second, 1, quality, (h, w)).decode(data) == wanted.ravel().tolist()


def model_of(tensors: dict[str, NDArray[np.generic]]) -> Model:
    """The second decoder's model of these tensors."""
    model = Model.__new__(Model)
    model.set({name: Tensor(list(one.shape), tuple(one.ravel().tolist())) for name, one in tensors.items()})
    return model


def test_a_growing_latent() -> None:
    """Its records, one of them with times that are not evenly spaced."""
    header, nodes, times = read_latent(FIXTURES / "growing-v2.safetensors")
    assert header["format"] == 2
    assert [node.level for node in nodes] == [2, 2, 2]
    assert times == [-40, 0, 40, 80, 120, 123, 125, 240, 280, 320, 360, 400]


@pytest.mark.parametrize("version", [1, 2])
def test_a_fading_memory(version: int) -> None:
    path = TESTS / "codec" / "fixtures" / f"memory-v{version}.safetensors"
    metadata, data, layout = read_container(path)
    if version > 1:
        about = checked(metadata["imfn_memory"], "crc32_of_header")
    else:
        about = json.loads(metadata["imfn_memory"])
    assert about["format"] == version
    assert len(data["memory"]) == 4 * np.prod(layout["memory"]["shape"])
