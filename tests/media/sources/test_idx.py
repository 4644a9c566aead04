"""MNIST files."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from imfn_cli.errors import InputError
from imfn_cli.media import open_sequence


def idx(images: np.ndarray) -> bytes:
    return (
        struct.pack(">4B", 0, 0, 8, images.ndim)
        + struct.pack(f">{images.ndim}I", *images.shape)
        + images.tobytes()
    )


DIGITS = np.random.default_rng(0).integers(0, 256, (10, 28, 28), np.uint8)


@pytest.mark.parametrize("compressed", [False, True])
def test_mnist_images(tmp_path: Path, compressed: bool) -> None:
    path = tmp_path / "digits"
    path.write_bytes(gzip.compress(idx(DIGITS)) if compressed else idx(DIGITS))
    sequence = open_sequence(path, start=3, stop=8)
    assert (sequence.info.kind, sequence.info.channels, sequence.info.frame_count) == ("idx", 1, 5)
    frames = list(sequence)
    assert [frame.time for frame in frames] == [0, 1, 2, 3, 4]
    assert np.array_equal(np.stack([frame.pixels[:, :, 0] for frame in frames]), DIGITS[3:8])


def test_mnist_labels_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "labels"
    path.write_bytes(idx(np.zeros(10, np.uint8)))
    with pytest.raises(InputError, match="labels"):
        open_sequence(path)
    path.write_bytes(gzip.compress(b"something else"))
    with pytest.raises(InputError, match="holds no images"):
        open_sequence(path)


@pytest.mark.parametrize("compressed", [False, True])
def test_cut_mnist_names_the_image(tmp_path: Path, compressed: bool) -> None:
    data = idx(DIGITS)[:-900]
    path = tmp_path / "digits"
    path.write_bytes(gzip.compress(data) if compressed else data)
    with pytest.raises(InputError, match="breaks at image 8"):
        list(open_sequence(path))


def test_the_real_mnist(data_dir: Path) -> None:
    path = data_dir / "mnist" / "t10k-images-idx3-ubyte.gz"
    if not path.exists():
        pytest.skip("MNIST is not there")
    sequence = open_sequence(path)
    assert sum(1 for _ in sequence) == sequence.info.frame_count == 10_000
