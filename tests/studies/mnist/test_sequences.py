"""Sequences of digits from idx files."""

from pathlib import Path

import numpy as np
import pytest

from imfn_cli.errors import InputError
from imfn_cli.studies.mnist.sequences import Digits, read_digits

from ..conftest import write_part


def test_reads_both_parts_packed_or_not(train: Digits, held_out: Digits) -> None:
    assert (train.images.shape, train.labels.shape) == ((600, 784), (600,))
    assert len(held_out) == 80
    # The same label is the same shape, so labels belong to their images.
    same = train.images[train.labels == 3].float().mean(0)
    other = train.images[train.labels == 4].float().mean(0)
    one = train.images[train.labels == 3][0].float()
    assert (one - same).abs().mean() < 0.5 * (one - other).abs().mean()


def test_draw_repeats_with_its_seed_and_is_in_range(train: Digits) -> None:
    images, labels = train.draw(5, 8, np.random.default_rng(1))
    again, _ = train.draw(5, 8, np.random.default_rng(1))
    other, _ = train.draw(5, 8, np.random.default_rng(2))
    assert images.shape == (5, 8, 784)
    assert labels.shape == (5, 8)
    assert float(images.min()) == 0
    assert float(images.max()) == 1
    assert images.equal(again)
    assert not images.equal(other)


def test_every_length_cuts_the_same_images_once(held_out: Digits) -> None:
    long, labels = held_out.cut(32, longest=32, seed=3)
    short, short_labels = held_out.cut(4, longest=32, seed=3)
    assert long.shape == (2, 32, 784)
    assert short.shape == (16, 4, 784)
    assert long.flatten(0, 1).equal(short.flatten(0, 1))
    assert labels.flatten().equal(short_labels.flatten())
    assert len(held_out.cut(1, longest=1, seed=0)[0]) == 80
    with pytest.raises(InputError, match="too few"):
        held_out.cut(1, longest=128, seed=0)


def test_files_that_do_not_fit_are_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no train-images-idx3-ubyte\.gz"):
        read_digits(tmp_path, "train")
    write_part(tmp_path, "train", np.zeros((3, 28, 28), np.uint8), np.arange(2), packed=True)
    with pytest.raises(InputError, match="2 labels for 3 images"):
        read_digits(tmp_path, "train")
    write_part(tmp_path, "t10k", np.zeros((3, 14, 28), np.uint8), np.arange(3), packed=False)
    with pytest.raises(InputError, match="images of 28x14, not 28x28"):
        read_digits(tmp_path, "test")
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(b"\0\0\x08\x01\0\0")
    write_part(tmp_path, "train", np.zeros((3, 28, 28), np.uint8), np.arange(3), packed=True)
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(b"\x1f\x8bnothing")
    with pytest.raises(InputError, match="cannot be read as MNIST labels"):
        read_digits(tmp_path, "train")


def test_real_files_hold_what_they_are_known_for(data_dir: Path) -> None:
    if not (data_dir / "mnist").is_dir():
        pytest.skip("no MNIST files under the data folder")
    digits = read_digits(data_dir / "mnist", "test")
    assert len(digits) == 10_000
    assert digits.labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert digits.labels.bincount().tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
