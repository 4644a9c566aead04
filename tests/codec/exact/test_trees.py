"""Memories of arrays: a tree that is fitted to the array, for every type and shape."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import imfn_cli as imfn

from .arrays import dtypes, kinds, made, shapes
from .test_matrix import round_trip


def psnr(array: np.ndarray, restored: np.ndarray) -> float:
    """Of finite samples, in dB of their range."""
    finite = np.isfinite(array)
    off = array[finite].astype(float) - restored[finite].astype(float)
    width = float(array[finite].max()) - float(array[finite].min())
    return float(10 * np.log10(width * width / max(1e-30, np.mean(off * off))))


def scene(
    frames: int = 70, size: tuple[int, ...] = (40, 48), dtype: str = "<u2", seed: int = 1
) -> np.ndarray:
    """A still picture, a thing that moves, little noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: size[0], : size[1]]
    still = 3000 + 1500 * np.sin(x / 9) * np.cos(y / 7)
    moving = [900 * np.exp(-((x - 8 - t / 3) ** 2 + (y - 20) ** 2) / 30) for t in range(frames)]
    array = still + np.array(moving) + rng.normal(0, 5, (frames, *size[:2]))
    if len(size) > 2:
        array = array[..., None] * np.linspace(0.5, 1.5, size[2])
    return array.astype(dtype)


@settings(max_examples=50, deadline=None)
@given(shape=shapes, dtype=dtypes, kind=kinds, ratio=st.sampled_from([1, 2, 16, 64]))
@example(shape=(70, 40, 40), dtype=np.dtype(">u2"), kind="noise", ratio=16)
@example(shape=(9, 24, 30, 5), dtype=np.dtype("<f4"), kind="gaps", ratio=4)
@example(shape=(40, 300), dtype=np.dtype(">f8"), kind="wide", ratio=8)
def test_every_kind_comes_back(shape: tuple[int, ...], dtype: np.dtype[Any], kind: str, ratio: int) -> None:
    """Shape and type; what is not finite bit by bit; nothing outside the range."""
    array = made(shape, dtype, kind)
    report, restored = round_trip(array, ratio=ratio, fit=True)
    assert (restored.shape, restored.dtype.str) == (array.shape, array.dtype.str)
    assert isinstance(report, imfn.ArrayReport)
    assert report.max_error is None
    finite = np.isfinite(array)
    assert array[~finite].tobytes() == restored[~finite].tobytes()
    if finite.any():
        # Of 64 bits a float is not the number next to it.
        slack = 2**11 if dtype.itemsize == 8 and kind == "wide" and dtype.kind != "f" else 0
        assert int(restored[finite].min()) >= int(array[finite].min()) - slack
        assert int(restored[finite].max()) <= int(array[finite].max()) + slack
    if kind == "constant":
        assert np.array_equal(array, restored)


def test_quality_and_ratio_say_how_much() -> None:
    array = scene()
    sizes = {}
    for ratio, quality in ((1, 70), (16, 30), (16, 50), (16, 70)):
        report, restored = round_trip(array, ratio=ratio, quality=quality)
        sizes[ratio, quality] = (report.bytes, psnr(array, restored))
        assert report.ratio == ratio
    assert sizes[16, 30][0] < sizes[16, 50][0] < sizes[16, 70][0]
    assert sizes[16, 30][1] < sizes[16, 50][1] < sizes[16, 70][1]
    assert sizes[16, 50][1] > 38
    assert sizes[16, 70][0] < sizes[1, 70][0]
    assert sizes[16, 50][0] < array.nbytes / 60


@pytest.mark.parametrize(
    ("size", "dtype"), [((40, 48, 5), "<u2"), ((40, 48, 2), ">f4"), ((40, 48, 70), "<i2"), ((1, 300), "<f4")]
)
def test_any_channels(size: tuple[int, ...], dtype: str) -> None:
    array = scene(33, size, dtype)
    if size[0] == 1:
        array = array[:, 0]
    report, restored = round_trip(array, fit=True)
    assert report.ratio == 16
    assert psnr(array, restored) > 35
    assert report.bytes < array.nbytes / 20


def test_vectors_that_go_together_take_few_numbers(tmp_path: Path) -> None:
    """Six hidden causes of 96 numbers: the fit finds them, where cosines would not."""
    rng = np.random.default_rng(3)
    causes = np.cumsum(rng.normal(size=(3000, 6)), axis=0)
    array = (causes @ rng.normal(size=(6, 96)) + rng.normal(0, 0.05, (3000, 96))).astype("<f4")
    latent = tmp_path / "x.safetensors"
    imfn.compress(array, latent, ratio=1, quality=60)
    with imfn.open_array(latent) as opened:
        _, memory = next(iter(opened.memories()))
        assert memory.shape == (6, 1, 1)
        assert psnr(array, np.asarray(opened)) > 45


def test_frames_and_memories_by_number(tmp_path: Path) -> None:
    array, latent = scene(45), tmp_path / "x.safetensors"
    imfn.compress(array, latent, ratio=8, gop=0)
    with imfn.open_array(latent) as opened:
        whole = np.asarray(opened)
        assert np.array_equal(opened[17:19], whole[17:19])
        assert np.array_equal(opened[44], whole[44])
        found = list(opened.memories())
    assert [level for level, _ in found] == [3] * 5 + [2, 0]
    features = imfn.memories(array, ratio=8)
    assert tuple(features.shape[2:]) == found[0][1].shape[1:]
    assert len(features) == 7


def test_lossless_ways_have_no_memories(tmp_path: Path) -> None:
    imfn.compress(scene(4), tmp_path / "x.safetensors", lossless=True)
    with (
        imfn.open_array(tmp_path / "x.safetensors") as opened,
        pytest.raises(imfn.LatentError, match="no memories"),
    ):
        next(opened.memories())


def test_one_tree_for_many(tmp_path: Path) -> None:
    """Fitted once: latents carry it, and their memories have one meaning."""
    for seed in range(3):
        np.save(tmp_path / f"{seed}.npy", scene(40, seed=seed))
    model = tmp_path / "model.safetensors"
    report = imfn.fit([str(tmp_path / "0.npy"), str(tmp_path / "1.npy")], model, levels=4)
    assert (report.kind, report.data.clips, report.data.frames) == ("array", 2, 80)
    made_with = imfn.compress(tmp_path / "2.npy", ratio=8, model=model)
    own = imfn.compress(tmp_path / "2.npy", tmp_path / "own.safetensors", ratio=8)
    assert made_with.ratio == own.ratio == 8
    with imfn.open_array(tmp_path / "2.safetensors") as opened:
        assert psnr(scene(40, seed=2), np.asarray(opened)) > 35
    features = imfn.memories(tmp_path / "2.npy", ratio=8, model=model)
    assert torch_like(features) == (5, *features.shape[1:])
    with pytest.raises(imfn.ModelError, match="ratios up to 16"):
        imfn.compress(tmp_path / "2.npy", ratio=32, model=model, force=True)
    np.save(tmp_path / "wide.npy", scene(20, (40, 48, 5)))
    other = tmp_path / "five.safetensors"
    imfn.fit([str(tmp_path / "wide.npy")], other, levels=2)
    with pytest.raises(imfn.ModelError, match="do not fit frames"):
        imfn.compress(tmp_path / "2.npy", ratio=2, model=other, force=True)


def torch_like(features: Any) -> tuple[int, ...]:
    """A tensor's shape as plain numbers."""
    return tuple(int(length) for length in features.shape)


def test_what_does_not_go_together(tmp_path: Path) -> None:
    array, latent = scene(8), tmp_path / "x.safetensors"
    for wrong in ({"lossless": True}, {"max_error": 1}, {"student": True}, {"model": "video"}):
        with pytest.raises(ValueError, match="fit goes without"):
            imfn.compress(array, latent, fit=True, **wrong)
    with pytest.raises(ValueError, match="without a target"):
        imfn.compress(array, latent, fit=True, target_psnr=30)
    with pytest.raises(imfn.RatioError):
        imfn.compress(array, latent, ratio=3)
    assert not latent.exists()


def test_pictures_are_fitted_to_when_told(tmp_path: Path) -> None:
    array, latent = scene(20, (40, 48, 3)), tmp_path / "x.safetensors"
    pictures = (array >> 5).clip(0, 255).astype("u1")
    report = imfn.compress(pictures, latent, fit=True)
    assert isinstance(report, imfn.ArrayReport)
    assert report.ratio_of_numbers > 10
    with imfn.open_array(latent) as opened:
        assert psnr(pictures, np.asarray(opened)) > 35
