"""`imfn.open` of an array latent: frames by number."""

import pickle
from pathlib import Path

import numpy as np
import pytest

import imfn_cli as imfn
from imfn_cli.codec.exact import compress

from .codec.exact.arrays import made


@pytest.fixture
def array() -> np.ndarray:
    return made((21, 10, 12), np.dtype(">u2"), "noise")


@pytest.fixture
def latent(array: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> imfn.ArrayLatent:
    """Of three groups."""
    monkeypatch.setattr(compress, "_GROUP_SAMPLES", 8 * 120)
    imfn.compress(array, tmp_path / "x.safetensors", lossless=True)
    opened = imfn.open_array(tmp_path / "x.safetensors")
    assert isinstance(opened, imfn.ArrayLatent)
    return opened


def test_it_is_the_array(latent: imfn.ArrayLatent, array: np.ndarray) -> None:
    assert (latent.shape, latent.dtype, latent.ndim) == (array.shape, array.dtype, 3)
    assert (len(latent), latent.frames, latent.max_error) == (21, 21, 0)
    assert np.asarray(latent).tobytes() == array.tobytes()
    assert latent[6:18].dtype.str == ">u2"
    assert np.asarray(latent, dtype=np.float32).dtype == np.float32
    assert np.array_equal(np.stack(list(latent)), array)
    assert np.array_equal(latent[7], array[7])
    assert np.array_equal(latent[-1], array[-1])
    assert np.array_equal(latent[6:18], array[6:18])
    assert np.array_equal(latent[17:3:-3], array[17:3:-3])
    assert np.array_equal(latent[5:9, 2:4, ::3], array[5:9, 2:4, ::3])
    assert latent[4, 3, 2] == array[4, 3, 2]
    assert latent[9:9].shape == (0, 10, 12)


def test_what_it_refuses(latent: imfn.ArrayLatent) -> None:
    with pytest.raises(IndexError):
        latent[21]
    with pytest.raises(IndexError):
        latent["a"]
    with pytest.raises(ValueError, match="nothing to share"):
        np.array(latent, copy=False)
    with pytest.raises(imfn.LatentError, match="array latent"):
        imfn.Latent(latent.path)


def test_another_process_opens_it_anew(latent: imfn.ArrayLatent, array: np.ndarray) -> None:
    assert np.array_equal(pickle.loads(pickle.dumps(latent))[3], array[3])


def test_only_a_damaged_group_is_lost(latent: imfn.ArrayLatent, array: np.ndarray, tmp_path: Path) -> None:
    content = bytearray(latent.path.read_bytes())
    content[-1] ^= 1
    latent.path.write_bytes(content)
    damaged = imfn.open_array(latent.path)
    assert np.array_equal(damaged[:14], array[:14])
    with pytest.raises(imfn.LatentError, match=r"group 2 \(frames 14 to 20\) is damaged"):
        damaged[14]
    report = imfn.verify(latent.path)
    assert [(one.first_frame, one.last_frame) for one in report.damaged] == [(14, 20)]
    restored = imfn.decompress(latent.path, tmp_path / "x.npy", skip_damaged=True)
    assert restored.damaged == ((14, 20),)
    found = np.load(tmp_path / "x.npy")
    assert np.array_equal(found[:14], array[:14])
    assert (found[14:] == array[13]).all()


def test_films_and_arrays_are_opened_apart(
    latent: imfn.ArrayLatent, tiny_model: imfn.Model, tmp_path: Path
) -> None:
    with pytest.raises(imfn.LatentError, match=r"holds an array; open it with imfn\.open_array"):
        imfn.open(latent.path)
    film = tmp_path / "film.safetensors"
    imfn.compress(np.zeros((2, 16, 16, 3), np.uint8), film, model=tiny_model, ratio=1)
    with pytest.raises(imfn.LatentError):
        imfn.open_array(film)
