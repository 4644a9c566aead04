"""The model that ships, on real footage: what the README and its card say of it."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

import imfn_cli as imfn
from imfn_cli.media import open_sequence
from imfn_cli.media.psnr import psnr

CLIP = "ucf101/test/v_HighJump_g02_c01.avi"
#: 108 frames of 320×240, in this repository.
EXAMPLE = Path(__file__).parents[2] / "examples" / "clip.mp4"


@pytest.fixture(scope="module")
def model() -> imfn.Model:
    return imfn.load("video", device="cpu")


@pytest.fixture(scope="module")
def frames(data_dir: Path) -> np.ndarray:
    """Of real footage: uint8 (77, 240, 320, 3)."""
    with open_sequence(data_dir / CLIP, stop=77) as sequence:
        return np.stack([frame.pixels for frame in sequence])


def test_ratio_1_is_exactly_invertible(model: imfn.Model, frames: np.ndarray) -> None:
    pixels = torch.from_numpy(frames[:2])
    restored = model.restore_pixels(model.compress_pixels(pixels, 1), 1, frames.shape[1:], 0, 2)
    assert torch.equal(restored, pixels)


def test_float_memories_lose_what_the_card_says(model: imfn.Model, frames: np.ndarray) -> None:
    claimed = model.description["results"]["psnr_float"]
    # The middle of the pictures: a quarter of the work.
    frames = frames[:64, 64:192, 80:240]
    pixels = torch.from_numpy(frames)
    measured = []
    for ratio in (2, 4, 8, 16, 32, 64):
        restored = model.restore_pixels(model.compress_pixels(pixels, ratio), ratio, frames.shape[1:], 0, 64)
        measured.append(np.mean([psnr(a, b) for a, b in zip(frames, restored.numpy(), strict=True)]))
        # One clip is not the mean of twenty; a broken level is tens of dB away.
        assert abs(measured[-1] - claimed[str(ratio)]) < 6
    assert all(below > above for below, above in pairwise(measured))


@pytest.mark.parametrize("ratio", [4, 16])
def test_quality_buys_pictures_with_bytes(
    data_dir: Path, model: imfn.Model, frames: np.ndarray, ratio: int, tmp_path: Path
) -> None:
    sizes, values = [], []
    for quality in (10, 30, 50, 70):
        latent = tmp_path / f"{quality}.safetensors"
        report = imfn.compress(
            data_dir / CLIP, latent, model=model, ratio=ratio, quality=quality, frames=(0, 16)
        )
        restored = imfn.read_frames(latent, model=model)
        sizes.append(report.bytes)
        values.append(np.mean([psnr(a, b) for a, b in zip(frames[:16], restored, strict=True)]))
    assert sizes == sorted(sizes)
    assert values == sorted(values)
    # Far fewer bits than the 24 of a raw pixel, and a picture that can be recognised, at either end.
    assert 8 * sizes[-1] / (16 * 240 * 320) < 3
    assert values[0] > 20
    assert values[-1] > 30


@pytest.mark.parametrize(("ratio", "size", "quality"), [(16, 95_089, 33.152), (4, 93_576, 34.335)])
def test_size_and_quality_of_the_example(
    model: imfn.Model, ratio: int, size: int, quality: float, tmp_path: Path
) -> None:
    """What other processors round differently is less; a larger change is one of the product."""
    if not EXAMPLE.is_file():
        pytest.skip("this installation has no examples")
    latent = tmp_path / "clip.safetensors"
    report = imfn.compress(EXAMPLE, latent, model=model, ratio=ratio, quality=40)
    assert report.frames == 108
    assert report.bytes == pytest.approx(size, rel=0.01)
    restored = imfn.read_frames(latent, model=model)
    with open_sequence(EXAMPLE) as sequence:
        values = [psnr(frame.pixels, pixels) for frame, pixels in zip(sequence, restored, strict=True)]
    assert np.mean(values) == pytest.approx(quality, abs=0.1)


def test_one_frame_of_a_long_latent_is_the_same_frame(
    model: imfn.Model, frames: np.ndarray, tmp_path: Path
) -> None:
    latent = tmp_path / "clip.safetensors"
    report = imfn.compress(frames[:, 64:192, 80:240], latent, model=model, ratio=32)
    assert report.nodes == 2 + 3  # 77 = 2 · 32 + 8 + 4 + 1
    whole = list(imfn.read_frames(latent, model=model))
    for frame in (0, 31, 40, 64, 75, 76):
        (alone,) = imfn.read_frames(latent, frame, frame + 1, model=model)
        # The products differ in shape, so the last bit of a float may: a level at most.
        assert np.abs(alone.astype(int) - whole[frame]).max() <= 1
    assert imfn.verify(latent, model=model).ok
