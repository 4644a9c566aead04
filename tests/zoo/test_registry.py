import shutil
import sys
import types
from pathlib import Path

import pytest

from imfn_cli.errors import ModelError
from imfn_cli.zoo import (
    default_model,
    find_model,
    load,
    model_folders,
    registry,
    shipped_models,
    weights_sha256,
)

from .conftest import refusal

# -- finding ---------------------------------------------------------------------------------------------


@pytest.fixture
def shipped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tiny_model_dir: Path) -> Path:
    """An installation that ships "ucf" and "video-linear", both the tiny model."""
    package = tmp_path / "site" / "imfn_cli"
    for name in ("ucf", "video-linear"):
        shutil.copytree(tiny_model_dir, package / "_models" / name)
    (package / "_models" / "notes").mkdir()
    monkeypatch.setattr(registry, "_PACKAGE", package)
    return package / "_models"


def test_shipped_models_are_found_by_name(shipped: Path) -> None:
    assert model_folders() == {name: shipped / name for name in ("ucf", "video-linear")}
    assert find_model("ucf") == shipped / "ucf"
    assert default_model() == "video-linear"
    assert find_model() == shipped / "video-linear"
    listed = list(shipped_models())
    assert [name for name, _, _ in listed] == ["video-linear", "ucf"]
    assert listed[0][1]["name"] == "tiny"
    assert listed[0][2] == weights_sha256(shipped / "ucf")


def test_models_beside_a_checkout_are_found(shipped: Path, tiny_model_dir: Path) -> None:
    beside = shipped.parents[1] / "models"
    for name in ("own", "ucf"):
        shutil.copytree(tiny_model_dir, beside / name)
    assert find_model("own") == beside / "own"
    assert find_model("ucf") == shipped / "ucf"


def test_folders_are_found_by_path(shipped: Path, tiny_model_dir: Path) -> None:
    assert find_model(str(tiny_model_dir)) == tiny_model_dir


def test_unknown_names_list_the_known(shipped: Path, tmp_path: Path) -> None:
    assert "no model 'ucf102'; shipped: ucf, video-linear" in refusal("ucf102")
    assert "not a model folder" in refusal(tmp_path)


def test_nothing_ships(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(registry, "_PACKAGE", tmp_path / "imfn_cli")
    assert model_folders() == {}
    assert list(shipped_models()) == []
    with pytest.raises(ModelError, match="no model ships"):
        find_model()
    with pytest.raises(ModelError, match="shipped: none"):
        find_model("video-linear")


# -- the hub ---------------------------------------------------------------------------------------------


def test_the_hub_needs_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    message = refusal("hf://org/name")
    assert message.startswith("hf://org/name: needs the package huggingface_hub")
    assert "pip install" in message


class _HubError(Exception):
    pass


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tiny_model_dir: Path) -> list[str]:
    """A stand-in for huggingface_hub that has org/tiny; returns what was asked for."""
    asked: list[str] = []

    def snapshot_download(name: str, allow_patterns: list[str]) -> str:
        asked.append(name)
        assert "model.safetensors" in allow_patterns
        if name != "org/tiny":
            raise _HubError(f"404 for {name}\nand a second line")
        return str(tiny_model_dir)

    errors = types.ModuleType("huggingface_hub.errors")
    for name in ("HfHubHTTPError", "HFValidationError", "LocalEntryNotFoundError"):
        setattr(errors, name, _HubError)
    package = types.ModuleType("huggingface_hub")
    package.snapshot_download = snapshot_download  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "huggingface_hub", package)
    monkeypatch.setitem(sys.modules, "huggingface_hub.errors", errors)
    return asked


def test_models_come_from_the_hub(hub: list[str]) -> None:
    assert load("hf://org/tiny", device="cpu").name == "tiny"
    assert hub == ["org/tiny"]


def test_what_the_hub_refuses_is_one_line(hub: list[str]) -> None:
    assert refusal("hf://org/none") == "hf://org/none: cannot be fetched from the hub (404 for org/none)"
