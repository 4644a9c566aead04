"""The file of one memory: every version ever written stays readable, and what is wrong with one is said."""

import dataclasses
import json
import zlib
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

import imfn_cli as imfn
from imfn_cli.codec import fading_memory as forgetting
from imfn_cli.codec.fading_memory import MEMORY_VERSION, Memory, is_memory, stored_memory
from imfn_cli.errors import LatentError

VALUES = torch.arange(48, dtype=torch.float32).reshape(1, 8, 2, 3) / 7
MEMORY = Memory(VALUES, "tiny", "ab" * 32, 8.0, 40, 5, 9, 3, Fraction(1, 1000), -40, 1520)
FIXTURES = Path(__file__).parent / "fixtures"


def same(one: Memory, other: Memory) -> bool:
    """Field by field; tensors have no plain equality."""
    values = dataclasses.replace(one, values=VALUES) == dataclasses.replace(other, values=VALUES)
    return values and torch.equal(one.values, other.values)


def changed(path: Path, **fields: object) -> None:
    """The file with its header's fields changed, the header's checksum made right."""
    with safe_open(path, framework="pt") as file:
        about = json.loads(file.metadata()["imfn_memory"])
        values = file.get_tensor("memory")
    del about["crc32_of_header"]
    about |= fields
    about["crc32_of_header"] = zlib.crc32(forgetting._dump(about))
    save_file({"memory": values}, path, {"imfn_memory": forgetting._dump(about).decode()})


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "memory.safetensors"
    assert MEMORY.write(path, force=False) == path.stat().st_size
    assert is_memory(path)
    assert same(Memory.read(path), MEMORY)


@pytest.mark.parametrize("version", range(1, MEMORY_VERSION + 1))
def test_every_version_stays_readable(version: int) -> None:
    """As `MEMORY.write` wrote it then: never written again."""
    path = FIXTURES / f"memory-v{version}.safetensors"
    with safe_open(path, framework="pt") as file:
        assert json.loads(file.metadata()["imfn_memory"])["format"] == version
    assert same(Memory.read(path), MEMORY)
    assert imfn.verify(path).ok


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"format": MEMORY_VERSION + 1}, "upgrade imfn"),
        ({"frames": 0}, "number or times of frames"),
        ({"frames": "many"}, "header is damaged"),
        ({"half_life": 0.0}, "number or times of frames"),
        ({"time_base": "0/1"}, "number or times of frames"),
        ({"time_base": "1/0"}, "header is damaged"),
        ({"width": 1 << 20}, "size of frames"),
        ({"more": 1}, "header is damaged"),
    ],
)
def test_crafted_headers_are_refused(tmp_path: Path, fields: dict[str, object], message: str) -> None:
    path = tmp_path / "memory.safetensors"
    MEMORY.write(path, force=False)
    changed(path, **fields)
    with pytest.raises(LatentError, match=message) as caught:
        stored_memory(path)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("values", "problem"), [(torch.zeros(1, 8, 2, 3), "wrong shape"), (None, "not of finite numbers")]
)
def test_verify_decodes_it(
    tmp_path: Path, tiny_model: imfn.Model, values: torch.Tensor | None, problem: str
) -> None:
    path = tmp_path / "memory.safetensors"
    if values is None:
        values = torch.full((1, 192, *tiny_model.network.config.grid(5, 9)), torch.nan)
    memory = dataclasses.replace(MEMORY, values=values, model_sha256=tiny_model.sha256)
    memory.write(path, force=False)
    report = imfn.verify(path, tiny_model)
    assert (report.ok, report.nodes, report.frames, report.decoded) == (False, 1, 40, True)
    (node,) = report.damaged
    assert (node.node, node.first_frame, node.last_frame) == (0, 0, 39)
    assert f"({problem})" in node.problem
    assert imfn.verify(path).ok  # without a model: the checksums are right
