"""`imfn memories` and `imfn.memories`: a sequence's memories as arrays."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import imfn_cli as imfn
from tests.conftest import make_clip

from .conftest import Ran


def test_they_are_the_trees(tiny_model: imfn.Model) -> None:
    clip = make_clip(13, 48, 64)
    found = imfn.memories(clip, ratio=4, model=tiny_model)
    assert (found.dtype, found.device.type) == (torch.float32, "cpu")
    # Three whole trees and one frame.
    assert len(found) == 4
    for index in range(3):
        window = torch.from_numpy(clip[4 * index : 4 * index + 4])
        wanted = tiny_model.compress_pixels(window, 4)[0]
        assert torch.allclose(found[index], wanted, atol=1e-5)
    part = imfn.memories(clip, ratio=4, model=tiny_model, frames=(4, 8))
    assert torch.allclose(part[0], found[1], atol=1e-5)


def test_a_file(
    cli: Callable[..., Ran], tmp_path: Path, tiny_model_dir: Path, tiny_model: imfn.Model
) -> None:
    clip = make_clip(13, 48, 64)
    np.save(tmp_path / "clip.npy", clip)
    ran = cli("memories", tmp_path / "clip.npy", "-r", "4", "-m", tiny_model_dir, "--json")
    (line,) = ran.json
    found = np.load(tmp_path / "clip.memories.npy")
    assert (line["shape"], line["levels"], line["frames"]) == (list(found.shape), [2, 2, 2, 0], 13)
    assert np.allclose(found, imfn.memories(clip, ratio=4, model=tiny_model).numpy(), atol=1e-5)
    ran = cli("memories", tmp_path / "clip.npy", "-m", tiny_model_dir)
    assert "exists already" in ran.line
    ran = cli("memories", tmp_path / "clip.npy", "-o", tmp_path / "m.txt", "-m", tiny_model_dir)
    assert "written as .npy" in ran.line
    ran = cli("memories", tmp_path / "no.npy", "-m", tiny_model_dir)
    assert ran.code == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.memories.npy", "clip.npy"]


def test_an_unknown_ratio(tiny_model: imfn.Model) -> None:
    with pytest.raises(imfn.RatioError):
        imfn.memories(make_clip(4, 48, 64), ratio=3, model=tiny_model)
