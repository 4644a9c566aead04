"""`imfn models`: what it lists, adds and removes."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import imfn_cli
from imfn_cli.zoo import weights_sha256

from .conftest import Ran

Cli = Callable[..., Ran]


@pytest.fixture(autouse=True)
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No models of one's own."""
    monkeypatch.setenv("IMFN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("IMFN_MODELS", raising=False)


def test_all_that_can_be_named_are_listed(
    cli: Cli, tiny_model_dir: Path, learned_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imfn_cli.zoo.places._PACKAGE", tiny_model_dir / "no")
    assert "no model ships with this installation" in cli("models").line
    monkeypatch.setattr("imfn_cli.zoo.places._PACKAGE", Path(imfn_cli.__file__).parent)
    monkeypatch.setenv("IMFN_CACHE", str(tiny_model_dir.parent / "cache"))
    assert cli("models", "add", tiny_model_dir).code == 0
    monkeypatch.setenv("IMFN_MODELS", str(learned_dir.parent))
    ran = cli("models")
    assert ran.code == 0
    assert "video-1 = video (default)" in ran.out
    (values,) = cli("models", "--json").json
    listed = {row["name"]: row for row in values["models"]}
    assert (listed["video-1"]["origin"], listed["video-1"]["alias"]) == ("shipped", "video")
    assert listed["tiny"]["alias"] is None
    assert listed["tiny"]["origin"] == "cache"
    assert listed["learned"]["origin"] == "environment"
    assert listed["tiny"]["ratios"] == [1, 2, 4, 8]
    assert listed["tiny"]["sha256"] == weights_sha256(tiny_model_dir)
    assert [name for name, row in listed.items() if row["default"]] == ["video-1"]


def test_add_and_remove(cli: Cli, tiny_model_dir: Path) -> None:
    (added,) = cli("models", "add", tiny_model_dir, "--json").json
    assert added["added"]
    assert Path(added["path"]).is_dir()
    assert "is there already" in cli("models", "add", tiny_model_dir).out
    assert cli("info", "tiny", "--json").json[0]["sha256"] == added["sha256"]
    (removed,) = cli("models", "remove", added["sha256"][:8], "--json").json
    assert removed["path"] == added["path"]
    assert not Path(added["path"]).exists()
    ran = cli("models", "remove", "tiny")
    assert (ran.code, ran.line) == (
        1, "no model 'tiny' in the cache folder; 'imfn models' lists those that are"
    )  # fmt: skip


def test_what_an_added_model_wrote_is_restored_without_naming_it(
    cli: Cli, latent: Path, tiny_model_dir: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.npy"
    assert "imfn models add FOLDER" in cli("decompress", latent, "-o", output).line
    assert cli("models", "add", tiny_model_dir).code == 0
    assert cli("decompress", latent, "-o", output).code == 0
    assert output.is_file()


def test_a_damaged_model_hides_no_other(
    cli: Cli, tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("broken", "whole"):
        shutil.copytree(tiny_model_dir, tmp_path / "own" / name)
    (tmp_path / "own" / "broken" / "config.json").write_text("{")
    monkeypatch.setenv("IMFN_MODELS", str(tmp_path / "own"))
    ran = cli("models", "--json")
    assert ran.code == 1
    assert "broken/config.json: not valid JSON" in ran.line
    assert str(tmp_path / "own" / "whole") in [row["path"] for row in ran.json[0]["models"]]


def test_no_model_to_add(cli: Cli, tmp_path: Path) -> None:
    assert "not a model folder" in cli("models", "add", tmp_path).line
    assert "write hf://org/name, or hf://org/name@revision" in cli("models", "add", "hf://name").line
