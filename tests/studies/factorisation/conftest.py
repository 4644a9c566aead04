"""A small tree for clips of moving edges: linear up to pairs, with branches above that do something."""

from pathlib import Path

import numpy as np
import pytest
import torch

from imfn_cli.media import Source, expand_inputs
from imfn_cli.network import IMFN, IMFNConfig
from imfn_cli.training.klt_fit import fit_maps
from imfn_cli.training.recipe import Recipe
from imfn_cli.training.start import starting_network
from tests.conftest import silent

#: 4×4 gray patches, 8 of 16 numbers kept, ratios 1 to 8.
CONFIG = IMFNConfig(4, 4, 1, 8, 3)


def edges(count: int, seed: int) -> np.ndarray:
    """Edges that move, which no linear map follows: uint8 (count, 16, 24)."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:16, :24]
    phase = np.arange(count)[:, None, None] * random.uniform(0.3, 0.6)
    return np.round(127 + 100 * np.tanh(5 * np.sin(x / 2 + y * random.uniform(0.2, 1) + phase))).astype(
        np.uint8
    )


def write_clips(folder: Path, seeds: range, frames: int) -> Path:
    folder.mkdir()
    for seed in seeds:
        np.save(folder / f"clip{seed}.npy", edges(frames, seed))
    return folder


@pytest.fixture(scope="session")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Training data: four clips of 24 frames, 24×16."""
    return write_clips(tmp_path_factory.mktemp("factorisation") / "train", range(4), 24)


@pytest.fixture(scope="session")
def held_out(tmp_path_factory: pytest.TempPathFactory) -> list[Source]:
    """Two other clips, of 21 frames: two windows of 8 and a rest."""
    folder = write_clips(tmp_path_factory.mktemp("factorisation") / "test", range(4, 6), 21)
    return expand_inputs([str(folder)])


@pytest.fixture(scope="session")
def recipe(footage: Path) -> Recipe:
    """Training in a second, end to end; nothing is learned at 2:1."""
    return Recipe(
        train=(str(footage),),
        start="",
        gray=True,
        widths=(0, 8, 6),
        merge_blocks=1,
        split_blocks=2,
        leaf_width=4,
        kernel=3,
        steps=12,
        local_share=0.0,
        trees=2,
        crop=16,
        learning_rate=1e-2,
        warmup=3,
        average=0.9,
        level_weights=(0.0, 1.0, 0.5),
        evaluate=20,
    )


@pytest.fixture(scope="session")
def frames() -> torch.Tensor:
    """16 frames, (16, 1, 16, 24)."""
    return torch.from_numpy(edges(16, seed=9))[:, None] / 255


@pytest.fixture(scope="session")
def tree(footage: Path, recipe: Recipe, frames: torch.Tensor) -> IMFN:
    """Maps fitted to the footage, branches at random."""
    linear, _, _ = fit_maps(expand_inputs([str(footage)]), CONFIG, progress=silent)
    network = starting_network(linear, recipe, lambda: frames)
    generator = torch.Generator().manual_seed(0)
    for branch in network.branches(3):
        torch.nn.init.normal_(branch.leave.weight, std=0.1, generator=generator)
    return network.requires_grad_(False).eval()
