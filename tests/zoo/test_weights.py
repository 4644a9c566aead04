import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from imfn_cli.errors import ModelError
from imfn_cli.zoo import Model, load, pick_device, read_config, save

from .conftest import refusal


def change_config(folder: Path, **changes: Any) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))


# -- saving and loading ----------------------------------------------------------------------------------


def test_what_is_saved_is_loaded(tiny_model: Model, tiny_model_dir: Path, tmp_path: Path) -> None:
    again_dir = tmp_path / "again"
    again_dir.mkdir()
    save(again_dir, tiny_model.network, tiny_model.entropy, tiny_model.description)
    for name in ("config.json", "model.safetensors"):
        assert (again_dir / name).read_bytes() == (tiny_model_dir / name).read_bytes()
    again = load(str(again_dir), device="cpu")
    assert again.name == tiny_model.name == "tiny"
    assert again.sha256 == tiny_model.sha256
    assert again.network.config == tiny_model.network.config
    for name, value in tiny_model.network.state_dict().items():
        assert torch.equal(again.network.state_dict()[name], value)
    for name, array in tiny_model.entropy.tensors.items():
        np.testing.assert_array_equal(again.entropy.tensors[name], array)
        assert again.entropy.tensors[name].dtype == array.dtype


def test_the_name_is_the_folders_where_none_is_said(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    del config["name"]
    (folder / "config.json").write_text(json.dumps(config))
    assert load(str(folder), device="cpu").name == "tiny"


def test_saving_replaces_what_was_there(folder: Path, vector_model: Model) -> None:
    save(folder, vector_model.network, vector_model.entropy, {"name": "other"})
    assert load(str(folder), device="cpu").network.config == vector_model.network.config
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]


# -- damaged folders -------------------------------------------------------------------------------------


def test_missing_files_are_named(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    assert refusal(folder).startswith(f"{folder / 'model.safetensors'}: cannot be read")
    (folder / "config.json").unlink()
    assert "it has no config.json" in refusal(folder)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not valid JSON"),
        ("{", "not valid JSON"),
        ("[]", "not a model's configuration"),
        ('{"network": 3, "version": 1}', "not a model's configuration"),
        ('{"network": {}}', "version None"),
        ('{"network": {}, "version": 99}', "upgrade imfn"),
        ('{"network": {}, "version": 1}', "network's fields must be"),
    ],
)
def test_damaged_configurations_are_named(folder: Path, text: str, words: str) -> None:
    (folder / "config.json").write_text(text)
    message = refusal(folder)
    assert message.startswith(f"{folder / 'config.json'}: ")
    assert words in message


def test_a_configuration_that_is_not_text(folder: Path) -> None:
    (folder / "config.json").write_bytes(b"\xff\xfe\x00")
    assert "not valid JSON" in refusal(folder)


@pytest.mark.parametrize("content", [b"", b"no weights", bytes(500)])
def test_damaged_weights_are_named(folder: Path, content: bytes) -> None:
    (folder / "model.safetensors").write_bytes(content)
    assert refusal(folder).startswith(f"{folder / 'model.safetensors'}: not weights of this model (")


def test_cut_weights_are_named(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    assert "not weights of this model" in refusal(folder)


def test_weights_of_another_shape_are_named(folder: Path, vector_model: Model) -> None:
    shutil.copy(vector_model.path / "model.safetensors", folder)
    assert "leaf.map.weight has shape [16, 784], not [192, 192]" in refusal(folder)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("leaf.map.weight", None, "leaf.map.weight"),
        ("leaf.map.weight", torch.zeros(3, 3), "leaf.map.weight"),
        ("sweepers.9.map.mean", torch.zeros(384), "sweepers.9.map.mean"),
        ("entropy.logs", None, "entropy.logs"),
        ("entropy.counts", torch.ones(72, 71, dtype=torch.int32), "probability tables"),
        ("entropy.counts", torch.ones(72, 71, dtype=torch.bfloat16), "BFloat16"),
        ("entropy.groups", torch.zeros(0, 2, dtype=torch.int32), "entropy.groups"),
    ],
)
def test_wrong_tensors_are_named(folder: Path, name: str, value: torch.Tensor | None, words: str) -> None:
    path = folder / "model.safetensors"
    tensors = load_file(path)
    tensors.pop(name, None)
    if value is not None:
        tensors[name] = value
    save_file(tensors, path)
    assert words in refusal(folder)


def test_another_number_of_levels_is_named(folder: Path) -> None:
    config = read_config(folder)
    change_config(folder, network=config["network"] | {"levels": 2})
    assert "3 levels" in refusal(folder)


def test_changed_weights_change_the_sha256(folder: Path, tiny_model: Model) -> None:
    path = folder / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert load(str(folder), device="cpu").sha256 != tiny_model.sha256


# -- devices ---------------------------------------------------------------------------------------------


def test_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert pick_device("auto") == pick_device("cpu") == "cpu"
    with pytest.raises(ModelError, match="device cuda: PyTorch sees none here; use --device auto or cpu"):
        pick_device("cuda")
    with pytest.raises(ModelError, match="'tpu': choose one of auto, cpu, cuda, mps"):
        pick_device("tpu")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert pick_device("auto") == pick_device("mps") == "mps"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert pick_device("auto") == pick_device("cuda") == "cuda"
