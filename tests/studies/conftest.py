"""MNIST's four files with strokes instead of digits, and a small model of them."""

import gzip
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from imfn_cli.media import Source, expand_inputs
from imfn_cli.network import IMFN, IMFNConfig
from imfn_cli.network.branch import Branch
from imfn_cli.studies.mnist.sequences import Digits, read_digits
from imfn_cli.zoo import Model, load
from tests.conftest import make_digits


def write_part(folder: Path, stem: str, images: np.ndarray, labels: np.ndarray, *, packed: bool) -> None:
    """One part of MNIST in its own format, gzip-compressed or not."""
    pictures = struct.pack(">4I", 0x0803, *images.shape) + images.tobytes()
    shown = struct.pack(">2I", 0x0801, len(labels)) + labels.astype(np.uint8).tobytes()
    for name, data in ((f"{stem}-images-idx3-ubyte", pictures), (f"{stem}-labels-idx1-ubyte", shown)):
        path = folder / (f"{name}.gz" if packed else name)
        path.write_bytes(gzip.compress(data) if packed else data)


def in_steps(seconds: float = 0.125) -> Callable[[], float]:
    """A clock on which every training step takes `seconds`, so that steps can be counted."""
    ticks = iter(range(1 << 20))
    return lambda: next(ticks) * seconds


@pytest.fixture(scope="session")
def mnist_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with `mnist`: 600 training and 80 test images of ten shapes, ten frames of each shape."""
    data = tmp_path_factory.mktemp("data")
    folder = data / "mnist"
    folder.mkdir()
    # `make_digits` draws a new shape every ten frames: the shape's number is the label.
    strokes = make_digits(100)
    labels = np.arange(100) // 10
    random = np.random.default_rng(0)
    for stem, count in (("train", 600), ("t10k", 80)):
        index = random.integers(100, size=count)
        write_part(folder, stem, strokes[index], labels[index], packed=stem == "train")
    return data


@pytest.fixture(scope="session")
def train(mnist_data: Path) -> Digits:
    """The training part."""
    return read_digits(mnist_data / "mnist", "train")


@pytest.fixture(scope="session")
def held_out(mnist_data: Path) -> Digits:
    """The test part."""
    return read_digits(mnist_data / "mnist", "test")


@pytest.fixture(scope="session")
def strokes_model(fit_model: Callable[[str, list[Source], IMFNConfig], Path], mnist_data: Path) -> Model:
    """A linear model of the training part: 16 numbers for 1 to 8 images."""
    sources = expand_inputs([str(mnist_data / "mnist" / "train-images-idx3-ubyte.gz")])
    return load(str(fit_model("strokes", sources, IMFNConfig(28, 28, 1, 16, 3))), device="cpu")


@pytest.fixture(scope="session")
def branched_model(strokes_model: Model) -> Model:
    """`strokes_model` with untrained branches that change every memory a little."""
    torch.manual_seed(0)
    network = IMFN(replace(strokes_model.network.config, widths=(8, 8, 8), kernel=1, merge_blocks=1))
    network.load_state_dict(strokes_model.network.state_dict(), strict=False)
    for sweeper in network.sweepers:
        for branch in (sweeper.merge_branch, sweeper.split_branch):
            assert isinstance(branch, Branch)
            torch.nn.init.normal_(branch.leave.weight, std=0.02)
    return replace(strokes_model, network=network.requires_grad_(False).eval())
