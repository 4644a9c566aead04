"""What linear models show: whole numbers, the same on every machine."""

import copy
import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import imfn_cli as imfn
from imfn_cli.bitstream.open import open_latent
from imfn_cli.codec import DecodedNode, Decoder, restored_frames
from imfn_cli.media import Source
from imfn_cli.network import IMFNConfig
from imfn_cli.training.linear_run import fit_linear
from imfn_cli.zoo import load, save

FIXTURES = Path(__file__).parents[1] / "bitstream" / "fixtures"
#: SHA-256 of all pixels: the same on every machine, and with every version of PyTorch and NumPy.
GOLDEN = {
    1: "96f8cc41b26a2696e6b004b233987aae8c6a0ef05550b354450f77a655e82f4c",
    6: "d9477e7a518a76d14ba45afd6c22bd3d9d11a7d1b0f0a2e5f3c8f2033042dd23",
}


def shown(path: Path, model: imfn.Model, start: int = 0, stop: int | None = None) -> np.ndarray:
    """Frames start … stop − 1 of a latent, (T, H, W, C)."""
    return np.stack([frame.pixels for frame in restored_frames(open_latent(path), model, start, stop)])


def through_the_network(path: Path, model: imfn.Model) -> np.ndarray:
    """What floats would show, (T, H, W, C)."""
    reader, parts = open_latent(path), []
    size = reader.header.height, reader.header.width, reader.header.channels
    for node in Decoder(reader, model).walk():
        assert node.memory is not None
        ratio = 1 << node.entry.level
        parts.append(model.restore_pixels(node.memory[None], ratio, size, 0, ratio).numpy())
    return np.concatenate(parts)


@pytest.mark.parametrize("version", GOLDEN)
def test_golden_pixels(version: int) -> None:
    folder = FIXTURES / f"v{version}"
    pixels = shown(folder / "latent.safetensors", load(str(folder / "model"), device="cpu"))
    assert hashlib.sha256(pixels.tobytes()).hexdigest() == GOLDEN[version]


@pytest.mark.parametrize("gop", [0, 16])
@pytest.mark.parametrize("gray", [False, True])
def test_floats_would_show_the_same_but_for_rounding(
    tmp_path: Path, tiny_model: imfn.Model, clip_frames: np.ndarray, gop: int, gray: bool
) -> None:
    """Also where a model of RGB shows a gray film; and parts are cut out of the same frames."""
    path = tmp_path / "x.safetensors"
    pixels = clip_frames[:13, ..., :1] if gray else clip_frames[:13]
    imfn.compress(pixels, path, model=tiny_model, ratio=4, gop=gop, quality=70)
    whole, floats = shown(path, tiny_model), through_the_network(path, tiny_model)
    assert whole.shape == floats.shape == pixels.shape
    assert whole.flags.c_contiguous
    differences = whole.astype(int) - floats
    assert np.abs(differences).max() == 1
    assert (differences != 0).mean() < 0.06, "values just below a half are rounded up"
    for start, stop in ((0, 1), (3, 6), (5, 13), (12, 13)):
        assert np.array_equal(shown(path, tiny_model, start, stop), whole[start:stop])


def test_patches_that_are_no_squares_and_rgb_of_a_gray_model(tmp_path: Path) -> None:
    y, x = np.mgrid[:21, :40]
    pixels = np.stack([128 + 90 * np.sin(x / 5 + t) * np.cos(y / 6) for t in range(6)]).astype(np.uint8)
    film, source = np.repeat(pixels[..., None], 3, axis=3), tmp_path / "film.npy"
    np.save(source, pixels)
    films = [Source((source,), "film", "array")]
    fit = fit_linear(films, IMFNConfig(4, 6, 1, 24, 2), progress=lambda *_: None)
    (tmp_path / "model").mkdir()
    save(tmp_path / "model", fit.network, fit.entropy, {"name": "oblong", "kind": "linear"})
    model = load(str(tmp_path / "model"), device="cpu")
    path = tmp_path / "x.safetensors"
    imfn.compress(film, path, model=model, ratio=4, gop=0, quality=80)
    whole, floats = shown(path, model), through_the_network(path, model)
    assert whole.shape == film.shape
    assert np.abs(whole.astype(int) - floats).max() <= 1
    assert np.ptp(whole, axis=3).max() == 0


def test_maps_that_are_not_orthonormal_are_shown_in_floats(
    tmp_path: Path, tiny_model: imfn.Model, clip_frames: np.ndarray
) -> None:
    network = copy.deepcopy(tiny_model.network)
    network.sweeper(3).map.weight.data *= 1e8
    model = replace(tiny_model, network=network)
    path = tmp_path / "x.safetensors"
    imfn.compress(clip_frames[:3], path, model=model, ratio=2, gop=0, quality=70)
    decoder = Decoder(open_latent(path), model)
    assert not decoder.shows_whole
    assert np.array_equal(shown(path, model), through_the_network(path, model))


def test_what_learned_models_show_is_as_it_was(tmp_path: Path, clip_frames: np.ndarray) -> None:
    model = load("video", device="cpu")
    path = tmp_path / "x.safetensors"
    imfn.compress(clip_frames[:4], path, model=model, ratio=4, gop=0, quality=70)
    assert not Decoder(open_latent(path), model).shows_whole


def test_damage_repeats_the_frame_before(
    tmp_path: Path, tiny_model: imfn.Model, clip_frames: np.ndarray
) -> None:
    path = tmp_path / "x.safetensors"
    imfn.compress(clip_frames[:8], path, model=tiny_model, ratio=2, gop=0, quality=70)
    whole, reader = shown(path, tiny_model), open_latent(path)
    data = bytearray(path.read_bytes())
    for index in (0, 2):
        data[reader.nodes_at + reader.nodes[index].offset] ^= 255
    path.write_bytes(data)
    damaged: list[DecodedNode] = []
    frames = restored_frames(open_latent(path), tiny_model, damaged=damaged)
    found = np.stack([frame.pixels for frame in frames])
    assert [node.entry.index for node in damaged] == [0, 2]
    assert (found[:2] == 128).all()
    assert np.array_equal(found[2:4], whole[2:4])
    assert np.array_equal(found[4:6], whole[[3, 3]])
    assert np.array_equal(found[6:], whole[6:])
