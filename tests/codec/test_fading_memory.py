"""The file of one memory: every version ever written stays readable, and what is wrong with one is said."""

import dataclasses
import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

import imfn_cli as imfn
from imfn_cli.bitstream.container.fading_memory import (
    MEMORY_VERSION,
    FadingMemoryFile,
    FadingMemoryHeader,
)
from imfn_cli.bitstream.container.header import sealed
from imfn_cli.bitstream.open import Kind, kind_of
from imfn_cli.errors import LatentError

VALUES = np.arange(48, dtype=np.float32).reshape(8, 2, 3) / np.float32(7)
HEADER = FadingMemoryHeader("tiny", "ab" * 32, 8.0, 40, 5, 9, 3, Fraction(1, 1000), -40, 1520)
MEMORY = FadingMemoryFile(HEADER, VALUES)
FIXTURES = Path(__file__).parent / "fixtures"


def same(one: FadingMemoryFile, other: FadingMemoryFile) -> bool:
    """Field by field; tensors have no plain equality."""
    values = np.array_equal(one.values, other.values)
    return values and one.header == other.header and one.whole == other.whole


def changed(path: Path, **fields: object) -> None:
    """The file with its header's fields changed, the header's checksum made right."""
    with safe_open(path, framework="numpy") as file:
        about = json.loads(file.metadata()["imfn_memory"])
        values = file.get_tensor("memory")
    del about["crc32_of_header"]
    about |= fields
    save_file({"memory": values}, path, {"imfn_memory": sealed(about, "crc32_of_header")})


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "memory.safetensors"
    assert MEMORY.write(path, force=False) == path.stat().st_size
    assert kind_of(path) is Kind.FADING_MEMORY
    assert same(FadingMemoryFile.read(path), MEMORY)


def test_the_same_bytes_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imfn_cli.bitstream.container.fading_memory.__version__", "0.1.0")
    path = tmp_path / "memory.safetensors"
    MEMORY.write(path, force=False)
    assert path.read_bytes() == (FIXTURES / f"memory-v{MEMORY_VERSION}.safetensors").read_bytes()


@pytest.mark.parametrize("version", range(1, MEMORY_VERSION + 1))
def test_every_version_stays_readable(version: int) -> None:
    """As `MEMORY.write` wrote it then: never written again."""
    path = FIXTURES / f"memory-v{version}.safetensors"
    with safe_open(path, framework="numpy") as file:
        assert json.loads(file.metadata()["imfn_memory"])["format"] == version
    assert same(FadingMemoryFile.read(path), MEMORY)
    assert imfn.verify(path).ok


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"format": MEMORY_VERSION + 1}, "upgrade imfn"),
        ({"frames": 0}, "frames is 0"),
        ({"frames": "many"}, "frames is 'many'"),
        ({"half_life": 0.0}, "half_life is 0.0"),
        ({"time_base": "0/1"}, "time_base is '0/1'"),
        ({"time_base": "1/0"}, "time_base is '1/0'"),
        ({"width": 1 << 20}, "width is 1048576"),
        ({"width": 1 << 16, "height": 1 << 16}, "size of frames"),
        ({"more": 1}, "fields 'more'"),
    ],
)
def test_crafted_headers_are_refused(tmp_path: Path, fields: dict[str, object], message: str) -> None:
    path = tmp_path / "memory.safetensors"
    MEMORY.write(path, force=False)
    changed(path, **fields)
    with pytest.raises(LatentError, match=message) as caught:
        FadingMemoryFile.read(path)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("values", "problem"), [(np.zeros((8, 2, 3), np.float32), "wrong shape"), (None, "not of finite numbers")]
)
def test_verify_decodes_it(
    tmp_path: Path, tiny_model: imfn.Model, values: np.ndarray | None, problem: str
) -> None:
    path = tmp_path / "memory.safetensors"
    if values is None:
        values = np.full((192, *tiny_model.network.config.grid(5, 9)), np.nan, np.float32)
    memory = FadingMemoryFile(dataclasses.replace(HEADER, model_sha256=tiny_model.sha256), values)
    memory.write(path, force=False)
    report = imfn.verify(path, tiny_model)
    assert (report.ok, report.nodes, report.frames, report.decoded) == (False, 1, 40, True)
    (node,) = report.damaged
    assert (node.node, node.first_frame, node.last_frame) == (0, 0, 39)
    assert f"({problem})" in node.problem
    assert imfn.verify(path).ok  # without a model: the checksums are right
