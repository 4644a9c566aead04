"""docs/FORMAT.md is enough to restore whole numbers: the same memories and pixels, to the last bit."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import imfn_cli as imfn
from imfn_cli.bitstream.open import open_latent
from imfn_cli.codec import Decoder, restored_frames
from imfn_cli.network import folded, whole_tree

from . import second_whole
from .second_decoder import Model
from .second_restorer import restore_latent, whole_memories

FIXTURES = Path(__file__).parents[1] / "bitstream" / "fixtures"
MODEL = FIXTURES / "v6" / "model"


def moving(count: int, height: int, width: int) -> np.ndarray:
    """Gray frames (count, height, width, 1): two thirds move, faster and faster, the rest stands still."""
    random = np.random.default_rng(5)
    y, x = np.mgrid[:height, :width]
    still = 120 + 60 * np.sin(x / 3) + 40 * np.sin(y / 4) + random.normal(0, 4, (height, width))
    frames = np.stack([still] * count)
    for t in range(count):
        part = slice(height // 3, height)
        frames[t, part] = 128 + 100 * np.sin((x[part] - t * t / 3) / 2) * np.cos((y[part] + 0.7 * t) / 3)
    return frames.clip(0, 255).round().astype(np.uint8)[..., None]


def compare(path: Path, folder: Path) -> None:
    """Both decoders come to the same whole numbers."""
    model = imfn.load(str(folder), device="cpu")
    reader = open_latent(path)
    theirs = list(Decoder(reader, model).walk())
    ours = list(whole_memories(path, Model(folder)))
    assert len(ours) == len(theirs) > 1
    for (level, memory), node in zip(ours, theirs, strict=True):
        assert node.memory is not None
        assert node.entry.level == level
        assert np.array_equal(memory, np.round(node.memory.double().numpy() * 65_280))
    shown = np.stack([frame.pixels for frame in restored_frames(reader, model)])[..., 0]
    assert np.array_equal(restore_latent(path, Model(folder)), shown)


@pytest.mark.parametrize("version", [1, 6])
def test_the_fixtures(version: int) -> None:
    """Of version 1 all nodes are intra nodes."""
    folder = FIXTURES / f"v{version}"
    compare(folder / "latent.safetensors", folder / "model")


@pytest.fixture
def no_tree_of_others() -> Iterator[None]:
    """Trees are kept, and would not hear of other limits."""
    whole_tree._whole_tree.cache_clear()
    yield
    whole_tree._whole_tree.cache_clear()


@pytest.mark.usefixtures("no_tree_of_others")
@pytest.mark.parametrize("folds", [True, False])
@pytest.mark.parametrize("gop", [256, 0])
@pytest.mark.parametrize(("ratio", "quality"), [(1, 55.5), (2, 70), (4, 90)])
def test_memories_and_pixels_of_a_film_that_moves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ratio: int, quality: float, gop: int, folds: bool
) -> None:
    """Frames of no whole number of blocks, with vectors; also where windows are too long for one basis."""
    if not folds:
        for module, name in ((folded, "_LARGEST"), (second_whole, "LARGEST_BASIS")):
            monkeypatch.setattr(module, name, 8 * 16 if ratio < 4 else 2 * 8 * 16)
    path = tmp_path / "x.safetensors"
    imfn.compress(moving(13, 27, 45), path, model=str(MODEL), ratio=ratio, quality=quality, gop=gop)
    compare(path, MODEL)
