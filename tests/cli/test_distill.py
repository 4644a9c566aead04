"""`imfn distill`: what it writes, and what it refuses."""

from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from .conftest import Ran

Cli = Callable[..., Ran]


def test_a_linear_model_needs_no_data(cli: Cli, tiny_model_dir: Path, tmp_path: Path) -> None:
    path = tmp_path / "student.safetensors"
    ran = cli("distill", tiny_model_dir, "-o", path, "-r", "4", "--json")
    assert (ran.code, ran.err) == (0, "")
    (report,) = ran.json
    assert report["bytes"] == path.stat().st_size
    tensors = load_file(path)
    assert tensors["linear.4.weight"].shape == (4, 192, 192)
    assert tensors["linear.4.bias"].shape == (4, 192)


def test_a_program(cli: Cli, tiny_model_dir: Path, tmp_path: Path) -> None:
    path = tmp_path / "step.pt2"
    ran = cli("distill", tiny_model_dir, "-o", path, "-r", "2", "--json")
    assert (ran.code, ran.err) == (0, "")
    assert ran.json[0]["format"] == "torch"
    assert ran.json[0]["difference"] < 1e-5


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("-r", "3"), 2, "nearest: 2 or 4"),
        (("--time-limit", "soon"), 2, "90s, 30m or 1h30m"),
        (("-m", "x"), 2, "-m"),
    ],
)
def test_wrong_usage(
    cli: Cli, tiny_model_dir: Path, tmp_path: Path, words: tuple[str, ...], code: int, message: str
) -> None:
    ran = cli("distill", tiny_model_dir, "-o", tmp_path / "s.safetensors", *words)
    assert ran.code == code
    assert message in ran.err
    assert list(tmp_path.iterdir()) == []


def test_no_such_model(cli: Cli, tmp_path: Path) -> None:
    ran = cli("distill", "nope", "-o", tmp_path / "s.safetensors")
    assert ran.code == 1
    assert "no model 'nope'" in ran.line


def test_existing_files_stay(cli: Cli, tiny_model_dir: Path, tmp_path: Path) -> None:
    path = tmp_path / "student.safetensors"
    path.write_text("precious")
    ran = cli("distill", tiny_model_dir, "-o", path, "-r", "2")
    assert ran.code == 1
    assert "exists already" in ran.line
    assert path.read_text() == "precious"
    assert cli("distill", tiny_model_dir, "-o", path, "-r", "2", "--force").code == 0
