import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from imfn_cli.network import IMFN, RootCoding, frames_from_pixels, pixels_from_frames
from imfn_cli.zoo import Model, weights_sha256


def test_a_loaded_model_is_ready(tiny_model: Model, tiny_model_dir: Path) -> None:
    assert tiny_model.ratios == (1, 2, 4, 8)
    assert tiny_model.path == tiny_model_dir
    assert not tiny_model.network.training
    assert not any(parameter.requires_grad for parameter in tiny_model.network.parameters())
    weights = (tiny_model_dir / "model.safetensors").read_bytes()
    assert tiny_model.sha256 == hashlib.sha256(weights).hexdigest() == weights_sha256(tiny_model_dir)
    assert tiny_model.description["kind"] == "linear"


def test_it_prints_as_one_line(tiny_model: Model) -> None:
    assert repr(tiny_model) == (
        f"<Model 'tiny': linear, ratios 1 to 8, 192 numbers for 8×8 pixels, sha256 {tiny_model.sha256[:12]}>"
    )
    assert "'a\\x1b[31m'" in repr(replace(tiny_model, name="a\x1b[31m")), "no escape sequence of a stranger's"


def test_notebooks_show_a_table(tiny_model: Model) -> None:
    page = replace(tiny_model, name="<b>mine</b>")._repr_html_()
    assert "&lt;b&gt;mine&lt;/b&gt;" in page
    assert f">{tiny_model.sha256}<" in page
    assert ">8×8×3<" in page
    assert "<tr><th style='text-align:left'>levels</th><td style='text-align:left'>3</td></tr>" in page
    assert len(page) < 2000


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
