import hashlib
import json
import shutil
import sys
import types
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from imfn_cli.errors import ModelError
from imfn_cli.zoo import (
    Model,
    default_model,
    find_model,
    load,
    model_folders,
    pick_device,
    read_config,
    save,
    shipped_models,
    weights_sha256,
)
from imfn_cli.zoo import registry as module


@pytest.fixture
def folder(tiny_model_dir: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model's folder, to be damaged."""
    return Path(shutil.copytree(tiny_model_dir, tmp_path / "tiny"))


def refusal(name: str | Path) -> str:
    """The one line that `load` refuses with."""
    with pytest.raises(ModelError) as caught:
        load(str(name), device="cpu")
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    return message


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


def test_a_loaded_model_is_ready(tiny_model: Model, tiny_model_dir: Path) -> None:
    assert tiny_model.ratios == (1, 2, 4, 8)
    assert tiny_model.path == tiny_model_dir
    assert not tiny_model.network.training
    assert not any(parameter.requires_grad for parameter in tiny_model.network.parameters())
    weights = (tiny_model_dir / "model.safetensors").read_bytes()
    assert tiny_model.sha256 == hashlib.sha256(weights).hexdigest() == weights_sha256(tiny_model_dir)
    assert tiny_model.description["kind"] == "linear"


def test_methods_pass_on_to_the_network(tiny_model: Model, clip_frames: np.ndarray) -> None:
    frames = torch.from_numpy(clip_frames[:8]).permute(0, 3, 1, 2) / 255
    memories = tiny_model.compress(frames, 4)
    assert torch.equal(memories, tiny_model.network.compress(frames, 4))
    assert torch.equal(
        tiny_model.restore(memories, 4, 48, 64), tiny_model.network.restore(memories, 4, 48, 64)
    )
    left, right = tiny_model.split(memories, 2)
    torch.testing.assert_close(tiny_model.merge(left, right, 2), memories, atol=1e-5, rtol=0)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("ratio", [1, 8])
def test_pixels_take_the_same_way(
    tiny_model: Model, clip_frames: np.ndarray, channels: int, ratio: int
) -> None:
    from imfn_cli.network import frames_from_pixels, pixels_from_frames

    pixels = torch.from_numpy(clip_frames[:16, :45, :50, :channels])
    memories = tiny_model.compress_pixels(pixels, ratio)
    wanted = tiny_model.compress(frames_from_pixels(pixels, 3), ratio)
    torch.testing.assert_close(memories, wanted, atol=1e-4, rtol=0)
    found = tiny_model.restore_pixels(memories, ratio, (45, 50, channels), 3, 13)
    frames = pixels_from_frames(tiny_model.restore(memories, ratio, 45, 50), channels)[3:13]
    assert found.shape == frames.shape == (10, 45, 50, channels)
    assert (found.int() - frames.int()).abs().max() <= 1


@pytest.mark.parametrize(
    ("widths", "leaf_width"), [((0, 6, 6), 0), ((0, 0, 6), 0), ((6, 0, 6), 0), ((0, 0, 6), 5)]
)
def test_levels_without_branches_are_folded(
    tiny_model: Model, clip_frames: np.ndarray, widths: tuple[int, ...], leaf_width: int
) -> None:
    from imfn_cli.network import IMFN, RootCoding, frames_from_pixels, pixels_from_frames

    torch.manual_seed(0)
    network = IMFN(replace(tiny_model.network.config, widths=widths, kernel=3, leaf_width=leaf_width))
    network.load_state_dict(tiny_model.network.state_dict(), strict=False)
    for branch in network.branches(3):
        torch.nn.init.normal_(branch.leave.weight, std=0.02)
    if network.leaf.inverse_branch is not None:
        torch.nn.init.normal_(network.leaf.inverse_branch.leave.weight)
    model = replace(tiny_model, network=network.requires_grad_(False).eval())
    pixels = torch.from_numpy(clip_frames[:16])
    for ratio in (1, 2, 4, 8):
        memories = model.compress_pixels(pixels, ratio)
        wanted = network.compress(frames_from_pixels(pixels, 3), ratio)
        torch.testing.assert_close(memories, wanted, atol=1e-4, rtol=0)
        coding = RootCoding(ratio.bit_length() - 1, 0.1)
        found = model.restore_pixels(memories, ratio, (48, 64, 3), 3, 13, coding)
        frames = pixels_from_frames(network.restore(memories, ratio, 48, 64, 3, 13, coding), 3)
        assert (found.int() - frames.int()).abs().max() <= 1


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
    assert "entropy model of 16 channels, 3 levels" in refusal(folder)


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


# -- finding ---------------------------------------------------------------------------------------------


@pytest.fixture
def shipped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tiny_model_dir: Path) -> Path:
    """An installation that ships "ucf" and "video-linear", both the tiny model."""
    package = tmp_path / "site" / "imfn_cli"
    for name in ("ucf", "video-linear"):
        shutil.copytree(tiny_model_dir, package / "_models" / name)
    (package / "_models" / "notes").mkdir()
    monkeypatch.setattr(module, "_PACKAGE", package)
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
    monkeypatch.setattr(module, "_PACKAGE", tmp_path / "imfn_cli")
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


# -- devices ---------------------------------------------------------------------------------------------


def test_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert pick_device("auto") == pick_device("cpu") == "cpu"
    with pytest.raises(ModelError, match="'cuda': PyTorch sees none here; use --device auto or cpu"):
        pick_device("cuda")
    with pytest.raises(ModelError, match="'tpu': choose one of auto, cpu, cuda, mps"):
        pick_device("tpu")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert pick_device("auto") == pick_device("mps") == "mps"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert pick_device("auto") == pick_device("cuda") == "cuda"
