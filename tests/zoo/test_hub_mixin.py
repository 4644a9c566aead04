"""Models by huggingface_hub's mixin, up and down; the hub itself is a folder here."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from imfn_cli.errors import ModelError
from imfn_cli.zoo import Model, folder_of_weights

hub = pytest.importorskip("huggingface_hub")


@pytest.fixture
def uploaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a folder that is uploaded comes to lie."""
    place = tmp_path / "hub"

    class Made:
        repo_id = "org/tiny"

    def create_repo(self: Any, repo_id: str, **_: Any) -> Made:
        assert repo_id == "org/tiny"
        return Made()

    def upload_folder(self: Any, *, repo_id: str, folder_path: Path, commit_message: str, **_: Any) -> str:
        assert (repo_id, commit_message) == ("org/tiny", "the first")
        shutil.copytree(folder_path, place)
        return "address"

    monkeypatch.setattr(hub.HfApi, "create_repo", create_repo)
    monkeypatch.setattr(hub.HfApi, "upload_folder", upload_folder)
    return place


def test_a_pushed_model_is_the_same_one(tiny_model: Model, uploaded: Path) -> None:
    assert tiny_model.push_to_hub("org/tiny", commit_message="the first") == "address"
    again = Model.from_pretrained(uploaded, device="cpu")
    assert isinstance(again, Model)
    assert (again.name, again.sha256) == (tiny_model.name, tiny_model.sha256)
    # The hub shows a card of every model.
    assert "library_name: imfn" in (uploaded / "README.md").read_text(encoding="utf-8")


def test_a_card_and_a_student_go_along(learned: Model, uploaded: Path) -> None:
    (learned.path / "README.md").write_text("mine")
    (learned.path / "student.safetensors").write_bytes(b"student")
    learned.push_to_hub("org/tiny", commit_message="the first")
    assert (uploaded / "README.md").read_text() == "mine"
    assert (uploaded / "student.safetensors").read_bytes() == b"student"


@pytest.fixture
def downloads(tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What was asked of a hub that has org/tiny."""
    asked: list[dict[str, Any]] = []

    def snapshot_download(name: str, **how: Any) -> str:
        asked.append({"name": name, **how})
        return str(tiny_model_dir)

    def hf_hub_download(repo_id: str, filename: str, **_: Any) -> str:
        return str(tiny_model_dir / filename)

    monkeypatch.setattr(hub, "snapshot_download", snapshot_download)
    monkeypatch.setattr("huggingface_hub.hub_mixin.hf_hub_download", hf_hub_download)
    return asked


def test_a_model_is_downloaded_by_name_and_revision(
    downloads: list[dict[str, Any]], tiny_model: Model
) -> None:
    model = Model.from_pretrained("org/tiny", revision="v2", device="cpu", token="secret")
    assert model.sha256 == tiny_model.sha256
    (asked,) = downloads
    assert (asked["name"], asked["revision"], asked["token"]) == ("org/tiny", "v2", "secret")
    assert "model.safetensors" in asked["allow_patterns"]
    # What it wrote is restored without naming it.
    assert folder_of_weights(model.sha256) == model.path


@pytest.mark.parametrize(
    "use", [lambda model: model.push_to_hub("org/tiny"), lambda model: Model.from_pretrained("org/tiny")]
)
def test_the_package_is_an_extra(
    tiny_model: Model, use: Callable[[Model], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    monkeypatch.delitem(sys.modules, "imfn_cli.zoo.hub_mixin", raising=False)
    with pytest.raises(ModelError, match=r"pip install 'imfn\[hub\]'"):
        use(tiny_model)
