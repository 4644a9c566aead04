"""NumPy files."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from imfn_cli.errors import InputError
from imfn_cli.media import open_sequence, open_writer

from ..frames import make_info

shapes = st.one_of(
    st.tuples(*[st.integers(1, 6)] * 3),
    st.tuples(*[st.integers(1, 6)] * 3, st.sampled_from([1, 3])),
)


@pytest.mark.parametrize("ending", [".npy", ".npz"])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(array=hnp.arrays(np.uint8, shapes))
def test_any_shape_is_read_exactly(tmp_path: Path, ending: str, array: np.ndarray) -> None:
    path = tmp_path / f"a{ending}"
    if ending == ".npy":
        np.save(path, array)
    else:
        np.savez_compressed(path, frames=array, labels=np.zeros(3))
    sequence = open_sequence(path)
    frames = list(sequence)
    channels = array.shape[3] if array.ndim == 4 else 1
    expected = array.reshape(*array.shape[:3], channels)
    assert np.array_equal(np.stack([frame.pixels for frame in frames]), expected)
    assert [frame.time for frame in frames] == list(range(len(array)))
    assert sequence.info.frame_count == len(array)
    # And back.
    with open_writer(tmp_path / "b.npy", make_info(frames[0].pixels), force=True) as writer:
        for pixels, time, _ in frames:
            writer.write(pixels, time)
    written = np.load(tmp_path / "b.npy")
    assert np.array_equal(written, expected[..., 0] if channels == 1 else expected)


def test_alpha_is_composited(tmp_path: Path) -> None:
    array = np.full((2, 3, 4, 4), 100, np.uint8)
    array[1, ..., 3] = 255
    np.save(tmp_path / "a.npy", array)
    sequence = open_sequence(tmp_path / "a.npy")
    assert [int(frame.pixels.max()) for frame in sequence] == [39, 100]
    assert sequence.info.alpha


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((2, 3, 4), np.float32), r"float32 of shape \(2, 3, 4\); wanted uint8"),
        (np.zeros((3, 4), np.uint8), r"uint8 of shape \(3, 4\); wanted"),
        (np.zeros((2, 3, 4, 2), np.uint8), r"\(2, 3, 4, 2\)"),
        (np.zeros((0, 3, 4), np.uint8), "no pixels"),
        (np.array([object()]), "cannot be read"),
    ],
)
def test_other_arrays_are_refused(tmp_path: Path, array: np.ndarray, words: str) -> None:
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(InputError, match=words):
        open_sequence(tmp_path / "a.npy")


def test_one_rgb_image_is_pointed_out(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((5, 4, 3), np.uint8))
    assert any("T axis" in note for note in open_sequence(tmp_path / "a.npy").info.notes)


def test_fortran_order(tmp_path: Path) -> None:
    array = np.asfortranarray(np.arange(60, dtype=np.uint8).reshape(3, 4, 5))
    np.save(tmp_path / "a.npy", array)
    frames = [frame.pixels[:, :, 0] for frame in open_sequence(tmp_path / "a.npy")]
    assert np.array_equal(np.stack(frames), array)
    np.savez(tmp_path / "a.npz", array)
    with pytest.raises(InputError, match="Fortran"):
        open_sequence(tmp_path / "a.npz")


def test_an_archive_must_say_which_array(tmp_path: Path) -> None:
    frames = np.zeros((2, 3, 4), np.uint8)
    np.savez(tmp_path / "two.npz", a=frames, b=frames)
    with pytest.raises(InputError, match=r"2 arrays \(a, b\)"):
        open_sequence(tmp_path / "two.npz")
    np.savez(tmp_path / "one.npz", whatever=frames)
    assert len(list(open_sequence(tmp_path / "one.npz"))) == 2


def test_cut_files(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 256, (20, 30, 30), np.uint8)
    np.save(tmp_path / "a.npy", array)
    path = tmp_path / "a.npy"
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(InputError, match="cut short"):
        open_sequence(path)
    np.savez(tmp_path / "b.npz", array)
    path = tmp_path / "b.npz"
    data = bytearray(path.read_bytes())
    data[9000:9100] = bytes(100)
    path.write_bytes(data)
    with pytest.raises(InputError, match="breaks at frame"):
        list(open_sequence(path))
