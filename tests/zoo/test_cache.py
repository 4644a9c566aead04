"""Models of one's own: copied into the cache folder, checked, and found there by name and by hash."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from imfn_cli.errors import ModelError, OutputError
from imfn_cli.zoo import (
    CachedModel,
    Model,
    add_to_cache,
    cache,
    every_model,
    find_model,
    folder_of_weights,
    own_place,
    remove_from_cache,
)


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache folder's models, none at first."""
    monkeypatch.setenv("IMFN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "models"


@pytest.fixture
def added(tiny_model_dir: Path) -> CachedModel:
    return add_to_cache(tiny_model_dir)


def test_a_copy_is_found_by_name_and_by_hash(
    added: CachedModel, models: Path, tiny_model: Model, tiny_model_dir: Path
) -> None:
    assert added == CachedModel("tiny", models / f"tiny-{tiny_model.sha256[:12]}", tiny_model.sha256, True)
    assert find_model("tiny") == find_model(tiny_model.sha256[:8]) == added.folder
    assert folder_of_weights(tiny_model.sha256) == added.folder
    assert [place.origin for place in every_model() if place.name == "tiny"] == ["cache"]
    for file in ("config.json", "model.safetensors"):
        assert (added.folder / file).read_bytes() == (tiny_model_dir / file).read_bytes()
    # Nothing else is left.
    assert list(models.iterdir()) == [added.folder]


def test_the_same_model_is_added_once(added: CachedModel, tiny_model_dir: Path) -> None:
    assert add_to_cache(tiny_model_dir) == CachedModel("tiny", added.folder, added.sha256, added=False)


def test_a_damaged_copy_is_none_and_is_made_again(
    added: CachedModel, models: Path, tiny_model_dir: Path
) -> None:
    (added.folder / "model.safetensors").write_bytes(b"damaged")
    assert folder_of_weights(added.sha256) is None
    assert add_to_cache(tiny_model_dir).added
    assert folder_of_weights(added.sha256) == added.folder
    assert list(models.iterdir()) == [added.folder]


def test_what_is_no_whole_model_is_refused(models: Path, tiny_model_dir: Path, tmp_path: Path) -> None:
    """By the name of the folder that the user gave; and nothing of it stays."""
    folder = tmp_path / "cut"
    shutil.copytree(tiny_model_dir, folder)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ModelError, match="not weights of this model") as caught:
        add_to_cache(folder)
    assert str(caught.value).startswith(str(weights))
    shutil.copy(tiny_model_dir / "model.safetensors", weights)
    (folder / "student.safetensors").write_bytes(b"none")
    with pytest.raises(ModelError, match="not a student of this model"):
        add_to_cache(folder)
    assert not list(models.iterdir())
    (folder / "config.json").unlink()
    with pytest.raises(ModelError, match=r"config\.json: cannot be read"):
        add_to_cache(folder)


def test_two_models_of_one_name_are_told_apart(
    added: CachedModel, tiny_model_dir: Path, learned_dir: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "other"
    shutil.copytree(learned_dir, folder)
    config = folder / "config.json"
    config.write_text(config.read_text().replace('"name": "learned"', '"name": "tiny"'))
    other = add_to_cache(folder)
    assert other.folder != added.folder
    with pytest.raises(ModelError, match=r"several models are called 'tiny'; name one by its hash: \w+, \w+"):
        find_model("tiny")
    assert find_model(other.sha256[:12]) == other.folder


def test_a_name_leads_out_of_no_folder(models: Path, tiny_model_dir: Path, tmp_path: Path) -> None:
    folder = tmp_path / "odd"
    shutil.copytree(tiny_model_dir, folder)
    config = folder / "config.json"
    config.write_text(config.read_text().replace('"name": "tiny"', '"name": "../../a b"'))
    found = add_to_cache(folder)
    assert found.name == "../../a b"
    assert found.folder.parent == models
    assert found.folder.name == f"_.._a_b-{found.sha256[:12]}"
    assert find_model("../../a b") == found.folder


def test_only_cached_models_are_removed(
    added: CachedModel, tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = own_place("tiny")
    assert place is not None
    remove_from_cache(place)
    assert own_place("tiny") is None
    monkeypatch.setenv("IMFN_MODELS", str(tiny_model_dir))
    place = own_place("tiny")
    assert place is not None
    with pytest.raises(ModelError, match="is not in the cache folder"):
        remove_from_cache(place)
    assert (tiny_model_dir / "config.json").is_file()


def test_a_cache_that_cannot_be_written_to(models: Path, tiny_model_dir: Path) -> None:
    models.parent.write_text("a file")
    assert every_model()
    with pytest.raises(OutputError, match="cannot be written"):
        add_to_cache(tiny_model_dir)


def test_a_copy_that_breaks_off_leaves_nothing(
    models: Path, tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(source: Path, target: Path) -> None:
        target.write_bytes(source.read_bytes()[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache.shutil, "copyfile", full)
    with pytest.raises(OutputError, match="no space left"):
        add_to_cache(tiny_model_dir)
    assert not list(models.iterdir())


def test_who_comes_second_finds_it_there(
    models: Path, tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process added the same model while this one copied."""
    check: Callable[..., None] = cache._check

    def meanwhile(copy: Path, sha256: str) -> None:
        check(copy, sha256)
        shutil.copytree(copy, models / f"tiny-{sha256[:12]}")

    monkeypatch.setattr(cache, "_check", meanwhile)
    found = add_to_cache(tiny_model_dir)
    assert folder_of_weights(found.sha256) == found.folder
    assert list(models.iterdir()) == [found.folder]
