"""A latent that is open: frames by number, memories, times; in processes of their own too."""

import multiprocessing
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

import imfn
import imfn_cli


@pytest.fixture(scope="module", params=[0, 16], ids=["intra", "gop"])
def path(
    request: pytest.FixtureRequest,
    clip_frames: np.ndarray,
    tiny_model: imfn.Model,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A latent of 39 frames at 4:1."""
    path = tmp_path_factory.mktemp("latent") / "clip.safetensors"
    imfn.compress(clip_frames[:39], path, model=tiny_model, ratio=4, gop=request.param)
    return path


@pytest.fixture
def latent(path: Path, tiny_model: imfn.Model) -> imfn.Latent:
    return imfn.open(path, model=tiny_model)


@pytest.fixture
def whole(path: Path, tiny_model: imfn.Model) -> np.ndarray:
    return np.stack(list(imfn.read_frames(path, model=tiny_model)))


@pytest.mark.parametrize(
    "key",
    [0, 38, -1, 17, slice(3, 9), slice(None), slice(14, 19), slice(-5, None), slice(30, 2, -7), slice(9, 9)],
)
def test_frames_by_number(latent: imfn.Latent, whole: np.ndarray, key: int | slice) -> None:
    found = latent[key]
    assert found.dtype == np.uint8
    assert found.shape == whole[key].shape
    # Batches of another size may round otherwise.
    assert np.abs(found.astype(int) - whole[key]).max(initial=0) <= 1


def test_what_it_is(latent: imfn.Latent, path: Path) -> None:
    assert latent.shape == (39, 48, 64, 3)
    assert (len(latent), latent.frames) == (39, 39)
    assert latent.times == pytest.approx(np.arange(39) / 25)
    assert repr(latent) == f"<Latent {str(path)!r}: 39 frames of 64×48>"
    assert sum(1 for _ in latent) == 39
    for beyond in (39, -40):
        with pytest.raises(IndexError):
            latent[beyond]


def test_memories(latent: imfn.Latent, tiny_model: imfn.Model, clip_frames: np.ndarray) -> None:
    memories = list(latent.memories())
    assert [memory.frames for memory in memories[:2]] == [range(4), range(4, 8)]
    assert [memory.level for memory in memories] == [2] * 9 + [1, 0]
    assert [memory.frames.start for memory in latent.memories(5, 14)] == [4, 8, 12]
    pixels = torch.from_numpy(clip_frames[:4].copy())
    made = tiny_model.compress(pixels.permute(0, 3, 1, 2) / 255, 4)[0]
    assert memories[0].values.shape == made.shape
    # As far as they were quantised.
    assert torch.corrcoef(torch.stack([memories[0].values.flatten(), made.flatten()]))[0, 1] > 0.95


def test_what_is_kept_is_bounded(path: Path, tiny_model: imfn.Model, whole: np.ndarray) -> None:
    latent = imfn.open(path, model=tiny_model, cache_bytes=48 * 64 * 3 * 20)
    for start in (0, 16, 32, 0):
        assert np.array_equal(latent[start], whole[start])
        assert sum(len(gop.restored) for gop in latent._gops.values()) <= 20
    with latent:
        pass
    assert not latent._gops


def test_only_what_is_needed_is_restored(
    path: Path, tiny_model: imfn.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    latent = imfn.open(path, model=tiny_model)
    first = latent[17:20]
    monkeypatch.setattr("imfn_cli.codec.decoder.Decoder.walk", None)
    if latent.header.gop_nodes > 1:
        assert np.array_equal(latent[16:20][1:], first)


def _frame(latent: imfn.Latent, number: int) -> np.ndarray:
    return latent[number]


def test_workers_of_another_process(latent: imfn.Latent, whole: np.ndarray) -> None:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert np.abs(pool.apply(_frame, (latent, 20)).astype(int) - whole[20]).max() <= 1


def test_a_model_can_be_pickled_and_moved(tiny_model: imfn.Model, clip_frames: np.ndarray) -> None:
    pixels = torch.from_numpy(clip_frames[:4].copy())
    expected = tiny_model.compress_pixels(pixels, 4)
    for model in (pickle.loads(pickle.dumps(tiny_model)), tiny_model.to("cpu")):
        assert torch.equal(model.compress_pixels(pixels, 4), expected)
        assert model.sha256 == tiny_model.sha256


def test_what_a_model_saves_is_the_same_model(tiny_model: imfn.Model, tmp_path: Path) -> None:
    tiny_model.save(tmp_path / "copy")
    assert imfn.load(tmp_path / "copy").sha256 == tiny_model.sha256
    with pytest.raises(imfn.OutputError, match="holds a model already"):
        tiny_model.save(tmp_path / "copy")


@pytest.mark.parametrize("kind", ["array", "generator", "tensor", "floats", "generator of floats"])
def test_frames_of_a_program(
    kind: str, clip_frames: np.ndarray, tiny_model: imfn.Model, tmp_path: Path
) -> None:
    """However they are handed over, the same pixels give the same nodes."""
    frames = clip_frames[:9].copy()
    floats = torch.from_numpy(frames).permute(0, 3, 1, 2) / 255
    given = {
        "array": frames,
        "generator": (frame for frame in frames),
        "tensor": torch.from_numpy(frames),
        "floats": floats,
        "generator of floats": iter(floats),
    }[kind]
    path = tmp_path / "clip.safetensors"
    report = imfn.compress(given, path, model=tiny_model, ratio=4, rate="30000/1001", frames=(1, 8))
    latent = imfn.open(path, model=tiny_model)
    assert report.frames == latent.frames == 7
    assert latent.times[1] == pytest.approx(1001 / 30000)
    expected = tmp_path / "expected.safetensors"
    imfn.compress(frames[1:8], expected, model=tiny_model, ratio=4)
    assert np.array_equal(latent[:], imfn.open(expected, model=tiny_model)[:])


def test_what_frames_of_no_file_cannot(
    tiny_model: imfn.Model, clip_path: Path, clip_frames: np.ndarray, tmp_path: Path
) -> None:
    with pytest.raises(imfn.OutputError, match="frames: have no name to go by"):
        imfn.compress(iter([]), model=tiny_model)  # type: ignore[call-overload]
    with pytest.raises(imfn.InputError, match="frames: can be read once only, a target takes several passes"):
        imfn.compress(
            iter(clip_frames), tmp_path / "x.safetensors", model=tiny_model, ratio=4, target_psnr=30
        )
    with pytest.raises(ValueError, match="rate is of frames without a file"):
        imfn.compress(clip_path, model=tiny_model, rate=30)  # type: ignore[call-overload]


def test_a_model_of_ones_own_is_found_by_its_weights(
    path: Path, tiny_model: imfn.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under any name, in a folder that $IMFN_MODELS names."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(imfn.ModelError, match="which is not here"):
        imfn.open(path)[0]
    tiny_model.save(tmp_path / "models" / "renamed")
    monkeypatch.setenv(
        "IMFN_MODELS", os.pathsep.join(str(tmp_path / name) for name in ("gone", "empty", "models"))
    )
    assert imfn.open(path)[0].shape == (48, 64, 3)
    assert imfn.verify(path).decoded


def test_both_names_are_the_same_library() -> None:
    assert imfn.__all__ == imfn_cli.__all__
    assert all(getattr(imfn, name) is getattr(imfn_cli, name) for name in imfn.__all__)
    with pytest.raises(AttributeError, match="module 'imfn' has no attribute 'nothing'"):
        imfn.nothing  # noqa: B018
