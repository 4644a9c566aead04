"""The linear tree in whole numbers: near the one in floats, and exact."""

import copy

import numpy as np
import pytest
import torch

import imfn_cli as imfn
from imfn_cli.network import IMFN, folded
from imfn_cli.network.whole_tree import LARGEST, MEMORY_UNIT, PIXEL_UNIT, WHITE, WholeTree


@pytest.fixture(scope="module", params=[True, False], ids=["folded", "pair by pair"])
def tree(request: pytest.FixtureRequest, tiny_model: imfn.Model) -> WholeTree:
    """All levels in one product each, or none above the leaves."""
    with pytest.MonkeyPatch.context() as patch:
        if not request.param:
            patch.setattr(folded, "_LARGEST", 192 * 192)
        return WholeTree(tiny_model.network)


def pixels(count: int, *, seed: int = 0) -> np.ndarray:
    """Smooth patches, rows of (count, 192) in 1/16 grey levels."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:8, :8]
    waves = random.uniform(-0.5, 0.5, (count, 2, 3))
    patch = np.sin(waves[:, 0, None, None] * y[..., None] + waves[:, 1, None, None] * x[..., None])
    return ((patch * 100 + 128) * PIXEL_UNIT).round().astype(np.int16).reshape(count, 192)


def climb(tree: WholeTree, rows: np.ndarray, level: int) -> np.ndarray:
    """Windows (N, 2^level, P) → memories."""
    if level <= tree.top:
        return tree.merge(level, rows.reshape(len(rows), -1))
    left, right = np.split(rows, 2, axis=1)
    return tree.merge_pair(level, climb(tree, left, level - 1), climb(tree, right, level - 1))


@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_memories_and_last_frames_are_near_those_in_floats(
    tree: WholeTree, tiny_model: imfn.Model, level: int
) -> None:
    ratio = 1 << level
    rows = np.stack([pixels(50, seed=t) for t in range(ratio)], axis=1)
    frames = torch.from_numpy(rows.reshape(50, ratio, 8, 8, 3).astype(np.float32) / WHITE)
    # A grid of one position each.
    wanted = torch.cat([tiny_model.compress(one.permute(0, 3, 1, 2), ratio) for one in frames])[..., 0, 0]
    found = climb(tree, rows, level)
    assert np.abs(found / MEMORY_UNIT - 255 * wanted.numpy()).max() < 0.4, "grey levels"
    restored = tiny_model.restore(wanted[..., None, None], ratio, 8, 8)[ratio - 1 :: ratio]
    last = restored.permute(0, 2, 3, 1).reshape(50, -1).clamp(0, 1).numpy() * WHITE
    assert np.abs(tree.last_frame(level, found) - last).max() < 4, "a quarter of a grey level"


@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_what_stands_still_is_merged_alike_by_the_short_way(tree: WholeTree, level: int) -> None:
    rows = pixels(40)
    window = np.repeat(rows[:, None], 1 << level, axis=1)
    assert np.array_equal(tree.merge_still(level, rows), climb(tree, window, level))


@pytest.mark.parametrize("level", [0, 3])
def test_sums_are_exact_in_any_order(tree: WholeTree, level: int) -> None:
    """Python's integers come to the same, for the largest numbers that there can be."""
    random = np.random.default_rng(1)
    memory = random.choice([-LARGEST, LARGEST], (1, 192))
    while level > tree.top:
        level -= 1
    last, mean = tree._lasts[level].astype(int), tree._last_means[level].astype(int)
    sums = [
        sum(int(a) * int(b) for a, b in zip(memory[0], column, strict=True)) + (int(one) << 12)
        for column, one in zip(last.T, mean, strict=True)
    ]
    wanted = [min(max((value + (1 << 17)) >> 18, 0), WHITE) for value in sums]
    assert tree.last_frame(level, memory)[0].tolist() == wanted
    assert max(abs(value) for value in sums) > 1 << 40


def test_maps_of_any_size_are_refused_before_sums_lose_bits(tiny_model: imfn.Model) -> None:
    for factor in (1e6, float("nan"), float("inf")):
        network: IMFN = copy.deepcopy(tiny_model.network)
        network.sweeper(2).map.weight.data *= factor
        with pytest.raises(imfn.ModelError, match="not orthonormal"), np.errstate(all="ignore"):
            WholeTree(network)
