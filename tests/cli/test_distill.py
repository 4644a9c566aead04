"""`imfn distill`: what it writes, and what it refuses."""

from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from imfn_cli.zoo import Model

from ..docs.schema import differences
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


def test_a_learned_model_needs_data(cli: Cli, learned: Model, clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "student.safetensors"
    words = ("distill", learned.path, "-o", path, "-r", "4", "--device", "cpu")
    assert "name DATA to learn from" in cli(*words).line
    assert "there is nothing to resume" in cli(*words, "--resume").line
    few = ("--steps", "2", "--width", "8", "--blocks", "1", "--crop", "16")
    ran = cli(*words, clip, *few, "--json")
    assert ran.code == 0, ran.err
    assert f"go on with 'imfn distill {learned.path} --resume -o {path}'" in ran.err
    (report,) = ran.json
    assert report["steps"] == 2
    assert [row["ratio"] for row in report["held_out"]] == [2, 4, 8]
    assert differences(report, "imfn distill") == []
    assert not list(tmp_path.glob("*.checkpoint"))
    ran = cli(*words, clip, *few, "--force")
    assert ran.code == 0, ran.err
    assert f"{path}: student of learned, " in ran.out
    assert "untrained (dB)" in ran.out
