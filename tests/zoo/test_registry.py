import shutil
import sys
import types
from pathlib import Path

import numpy as np
import pytest

import imfn_cli as imfn
from imfn_cli.errors import ModelError
from imfn_cli.zoo import (
    default_model,
    every_model,
    find_model,
    folder_of_weights,
    load,
    model_folders,
    places,
    weights_sha256,
)

from .conftest import refusal

# -- finding ---------------------------------------------------------------------------------------------


@pytest.fixture
def shipped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tiny_model_dir: Path) -> Path:
    """An installation that ships "ucf" and "video-linear-1", both the tiny model."""
    package = tmp_path / "site" / "imfn_cli"
    for name in ("ucf", "video-linear-1"):
        shutil.copytree(tiny_model_dir, package / "_models" / name)
    (package / "_models" / "notes").mkdir()
    monkeypatch.setattr(places, "_PACKAGE", package)
    return package / "_models"


def test_shipped_models_are_found_by_name(shipped: Path) -> None:
    assert model_folders() == {name: shipped / name for name in ("ucf", "video-linear-1")}
    assert find_model("ucf") == shipped / "ucf"
    assert default_model() == "video-linear-1"
    assert find_model() == shipped / "video-linear-1"
    assert [(place.name, place.alias, place.origin) for place in every_model()] == [
        ("video-linear-1", "video-linear", "shipped"),
        ("ucf", "", "shipped"),
    ]


def test_a_name_without_a_version_is_the_newest_of_its_kind(
    shipped: Path, tiny_model_dir: Path, learned_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_model("video-linear") == find_model("video-linear-1") == shipped / "video-linear-1"
    written = weights_sha256(tiny_model_dir)
    # A later release: the alias moves on, the older weights are where they were.
    shutil.copytree(learned_dir, shipped / "video-linear-2")
    monkeypatch.setitem(places.ALIASES, "video-linear", "video-linear-2")
    assert find_model("video-linear") == shipped / "video-linear-2"
    assert find_model("video-linear-1") == shipped / "video-linear-1"
    found = folder_of_weights(written)
    assert found is not None
    assert weights_sha256(found) == written


def test_latents_are_restored_by_hash_whatever_the_names_are_now(
    shipped: Path, learned_dir: Path, clip_frames: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = imfn.compress(clip_frames[:8], tmp_path / "x.safetensors", model="video-linear", ratio=4)
    assert report.model == "tiny"
    before = np.stack(list(imfn.read_frames(tmp_path / "x.safetensors")))
    shutil.rmtree(shipped / "ucf")
    (shipped / "video-linear-1").rename(shipped / "another-name")
    shutil.copytree(learned_dir, shipped / "tiny")
    assert (np.stack(list(imfn.read_frames(tmp_path / "x.safetensors"))) == before).all()
    shutil.rmtree(shipped / "another-name")
    with pytest.raises(ModelError, match="not by 'learned'"):
        list(imfn.read_frames(tmp_path / "x.safetensors"))


def test_models_beside_a_checkout_are_found(shipped: Path, tiny_model_dir: Path) -> None:
    beside = shipped.parents[1] / "models"
    for name in ("own", "ucf"):
        shutil.copytree(tiny_model_dir, beside / name)
    assert find_model("own") == beside / "own"
    assert find_model("ucf") == shipped / "ucf"


def test_folders_are_found_by_path(shipped: Path, tiny_model_dir: Path) -> None:
    assert find_model(str(tiny_model_dir)) == tiny_model_dir


def test_unknown_names_list_the_known(shipped: Path, tmp_path: Path) -> None:
    assert "no model 'ucf102'; shipped: ucf, video-linear-1" in refusal("ucf102")
    assert "not a model folder" in refusal(tmp_path)


def test_nothing_ships(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(places, "_PACKAGE", tmp_path / "imfn_cli")
    assert model_folders() == {}
    assert every_model() == []
    with pytest.raises(ModelError, match="no model ships"):
        find_model()
    with pytest.raises(ModelError, match="shipped: none"):
        find_model("video-linear")


def test_models_come_in_packages_of_their_own(
    shipped: Path, tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package names the folder of its files by an entry point; the module is not run."""
    assert refusal("mnist") == "model 'mnist' is not installed; pip install 'imfn[mnist]'"
    package = tmp_path / "packages" / "some_digits"
    shutil.copytree(tiny_model_dir, package)
    (package / "__init__.py").write_text("raise RuntimeError('was run')")
    about = tmp_path / "packages" / "some_digits-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: some-digits\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[imfn.models]\nmnist-1 = some_digits\nucf = some_digits\n")
    monkeypatch.syspath_prepend(tmp_path / "packages")
    assert find_model("mnist") == find_model("mnist-1") == package
    assert load("mnist", device="cpu").name == "tiny"
    # What ships keeps its name.
    assert find_model("ucf") == shipped / "ucf"
    assert [place.origin for place in every_model()] == ["shipped", "shipped", "package"]


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

    def snapshot_download(name: str, revision: str | None, allow_patterns: list[str]) -> str:
        asked.append(name if revision is None else f"{name} {revision}")
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
    model = load("hf://org/tiny", device="cpu")
    assert model.name == "tiny"
    assert hub == ["org/tiny"]
    # A copy is found without asking again.
    assert folder_of_weights(model.sha256) == model.path


def test_a_revision(hub: list[str]) -> None:
    load("hf://org/tiny@v1.0", device="cpu")
    assert hub == ["org/tiny v1.0"]


@pytest.mark.parametrize("name", ["hf://tiny", "hf://org/tiny@", "hf://a/b/c", "hf://org/@v1"])
def test_what_is_no_name_on_the_hub(hub: list[str], name: str) -> None:
    assert refusal(name) == f"{name}: no model on the hub; write hf://org/name, or hf://org/name@revision"
    assert hub == []


def test_a_cache_that_cannot_be_written_to_stops_nothing(
    hub: list[str], tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("a file")
    monkeypatch.setenv("IMFN_CACHE", str(tmp_path / "file"))
    assert load("hf://org/tiny", device="cpu").path == tiny_model_dir


def test_what_the_hub_refuses_is_one_line(hub: list[str]) -> None:
    assert refusal("hf://org/none") == "hf://org/none: cannot be fetched from the hub (404 for org/none)"
