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


@pytest.mark.parametrize(("level", "frame"), [(0, 0), (3, 0), (3, 5), (3, 7)])
def test_sums_are_exact_in_any_order(tree: WholeTree, level: int, frame: int) -> None:
    """Python's integers come to the same, for the largest numbers that there can be."""
    random = np.random.default_rng(1)
    memory = random.choice([-LARGEST, LARGEST], (1, 192))
    level, frame = min(level, tree.top), frame % (1 << min(level, tree.top))
    pixels = slice(192 * frame, 192 * (frame + 1))
    split, mean = tree._merges[level][pixels].astype(int), tree._means[level][pixels].astype(int)
    sums = [
        sum(int(a) * int(b) for a, b in zip(memory[0], row, strict=True)) + (int(one) << 12)
        for row, one in zip(split, mean, strict=True)
    ]
    wanted = [min(max((value + (1 << 17)) >> 18, 0), WHITE) for value in sums]
    (found,) = tree.frames(level, memory, frame, frame + 1)
    assert found[0].tolist() == wanted
    assert max(abs(value) for value in sums) > 1 << 40


@pytest.mark.parametrize("level", [0, 1, 3])
def test_all_frames_and_some_and_the_last_are_the_same(tree: WholeTree, level: int) -> None:
    """Also where most channels are zeros, which are left out."""
    ratio = 1 << level
    memories = climb(tree, np.stack([pixels(30, seed=t) for t in range(ratio)], axis=1), level)
    memories[:, 40:] = 0
    memories[:, 3] = 0
    whole = list(tree.frames(level, memories, 0, ratio))
    assert len(whole) == ratio
    assert np.array_equal(whole[-1], tree.last_frame(level, memories))
    for start in range(ratio):
        some = list(tree.frames(level, memories, start, ratio))
        assert np.array_equal(some, whole[start:])
        assert np.array_equal(list(tree.frames(level, memories, 0, start + 1)), whole[: start + 1])
    # One row that uses a channel more brings it in for all.
    more = np.concatenate((memories, np.full((1, 192), 7, np.int32)))
    for one, other in zip(tree.frames(level, more, 0, ratio), whole, strict=True):
        assert np.array_equal(one[:-1], other)


@pytest.mark.parametrize("frame", [0, 5])
def test_memories_of_few_numbers_are_multiplied_alike(tree: WholeTree, frame: int) -> None:
    """As by Python's integers: rows of 0 to 11 numbers each."""
    random, frame = np.random.default_rng(2), frame % (1 << tree.top)
    memories = np.zeros((12, 192), np.int32)
    for count, row in enumerate(memories):
        row[random.choice(192, count, replace=False)] = random.integers(-LARGEST, LARGEST, count)
    (found,) = tree.frames(tree.top, memories, frame, frame + 1)
    part = slice(192 * frame, 192 * (frame + 1))
    split = tree._merges[tree.top][part].astype(int).astype(object)
    mean = tree._means[tree.top][part].astype(int).astype(object)
    sums = memories.astype(int).astype(object) @ split.T + mean * (1 << 12)
    assert found.tolist() == [[min(max((int(v) + (1 << 17)) >> 18, 0), WHITE) for v in row] for row in sums]
    # Their own order in memory does not matter.
    (turned,) = tree.frames(tree.top, np.asfortranarray(memories), frame, frame + 1)
    assert np.array_equal(turned, found)


@pytest.mark.parametrize("level", [0, 2, 3])
def test_pixels_are_rounded_from_frames(tree: WholeTree, level: int) -> None:
    ratio = 1 << level
    memories = climb(tree, np.stack([pixels(30, seed=t) for t in range(ratio)], axis=1), level) * 2
    for start, stop in ((0, ratio), (ratio - 1, ratio), (ratio // 3, ratio)):
        frames = np.stack(list(tree.frames(level, memories, start, stop)))
        shown = np.stack(list(tree.pixels(level, memories, start, stop)))
        assert shown.dtype == np.uint8
        assert np.array_equal(shown, (frames + PIXEL_UNIT // 2) // PIXEL_UNIT)
    assert np.ptp(shown) == 255, "clipped at both ends"


def test_maps_of_any_size_are_refused_before_sums_lose_bits(tiny_model: imfn.Model) -> None:
    for factor in (1e6, float("nan"), float("inf")):
        network: IMFN = copy.deepcopy(tiny_model.network)
        network.sweeper(2).map.weight.data *= factor
        with pytest.raises(imfn.ModelError, match="not orthonormal"), np.errstate(all="ignore"):
            WholeTree(network)
