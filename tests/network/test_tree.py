from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from imfn_cli.errors import RatioError
from imfn_cli.network import IMFN, BinaryCounter, forest_levels, level_of_ratio

ratios = st.sampled_from([1, 2, 4, 8, 16])


def frames_of(count: int, *, channels: int = 1, height: int = 6, width: int = 9) -> torch.Tensor:
    return torch.rand(count, channels, height, width, generator=torch.Generator().manual_seed(count))


# -- ratios and forests ----------------------------------------------------------------------------------


def test_levels_of_ratios() -> None:
    assert [level_of_ratio(1 << level, 6) for level in range(7)] == list(range(7))


@pytest.mark.parametrize(
    ("ratio", "nearest"),
    [(3, "2 or 4"), (12, "8 or 16"), (100, "64"), (128, "64"), (0, "1"), (-4, "1"), (63, "32 or 64")],
)
def test_other_ratios_are_refused_naming_the_nearest(ratio: int, nearest: str) -> None:
    with pytest.raises(RatioError) as caught:
        level_of_ratio(ratio, 6)
    assert str(caught.value).endswith(f"from 1 to 64; nearest: {nearest}")
    assert "\n" not in str(caught.value)


@given(count=st.integers(0, 100_000), level=st.integers(0, 12))
def test_a_forest_holds_every_frame(count: int, level: int) -> None:
    levels = forest_levels(count, level)
    assert sum(1 << one for one in levels) == count
    assert levels == sorted(levels, reverse=True)
    tail = [one for one in levels if one < level]
    assert len(set(tail)) == len(tail)
    assert levels.count(level) == count >> level


# -- compress and restore --------------------------------------------------------------------------------


@pytest.mark.parametrize("ratio", [1, 2, 4, 8, 16])
def test_shapes(network: IMFN, ratio: int) -> None:
    memories = network.compress(frames_of(32), ratio)
    assert memories.shape == (32 // ratio, 16, 2, 3)
    assert network.restore(memories, ratio, 6, 9).shape == (32, 1, 6, 9)


@pytest.mark.parametrize("count", [16, 21, 3, 1])
def test_climbing_makes_the_memories_of_every_whole_tree(network: IMFN, count: int) -> None:
    frames = frames_of(count)
    memories = network.climb(frames, 4)
    assert [len(level) for level in memories] == [count >> level for level in range(5)]
    for level, found in enumerate(memories):
        if len(found):
            wanted = network.compress(frames[: len(found) << level], 1 << level)
            torch.testing.assert_close(found, wanted, atol=1e-5, rtol=0)


def test_the_linear_part_is_the_maps_alone(network: IMFN) -> None:
    learned = IMFN(replace(network.config, widths=(4, 0, 4, 4)))
    learned.load_state_dict(network.state_dict(), strict=False)
    for branch in learned.branches(4):
        torch.nn.init.normal_(branch.leave.weight)
    linear = learned.linear_part()
    assert linear.config == network.config
    assert torch.equal(linear.compress(frames_of(16), 16), network.compress(frames_of(16), 16))
    # Merge and split of each level that has any.
    assert [len(list(learned.branches(level))) for level in range(5)] == [0, 2, 2, 4, 6]
    assert not list(linear.branches(4))


def test_ratio_one_is_exact(network: IMFN) -> None:
    frames = frames_of(5)
    torch.testing.assert_close(
        network.restore(network.compress(frames, 1), 1, 6, 9), frames, atol=1e-5, rtol=0
    )


def test_error_grows_with_the_ratio(network: IMFN) -> None:
    frames = frames_of(32)
    errors = [
        (network.restore(network.compress(frames, r), r, 6, 9) - frames).square().mean().item()
        for r in (1, 2, 4, 8)
    ]
    assert errors == sorted(errors)
    assert errors[1] > 1e-4


@settings(max_examples=80, deadline=None)
@given(data=st.data(), ratio=ratios, trees=st.integers(1, 3))
def test_a_range_is_a_slice_of_the_whole(network: IMFN, data: st.DataObject, ratio: int, trees: int) -> None:
    memories = network.compress(frames_of(trees * ratio), ratio)
    start = data.draw(st.integers(0, trees * ratio - 1))
    stop = data.draw(st.integers(start + 1, trees * ratio))
    whole = network.restore(memories, ratio, 6, 9)
    part = network.restore(memories, ratio, 6, 9, start, stop)
    torch.testing.assert_close(part, whole[start:stop], atol=1e-5, rtol=0)


@settings(max_examples=80, deadline=None)
@given(data=st.data(), ratio=ratios, trees=st.integers(1, 5), batch=st.integers(1, 70))
def test_batches_join_to_the_whole(
    network: IMFN, data: st.DataObject, ratio: int, trees: int, batch: int
) -> None:
    memories = network.compress(frames_of(trees * ratio), ratio)
    start = data.draw(st.integers(0, trees * ratio - 1))
    stop = data.draw(st.integers(start + 1, trees * ratio))
    parts = [
        network.restore(part, below, 6, 9, first, last)
        for part, below, first, last in network.descend(memories, ratio, start, stop, batch)
    ]
    whole = network.restore(memories, ratio, 6, 9, start, stop)
    torch.testing.assert_close(torch.cat(parts), whole, atol=1e-5, rtol=0)
    assert max(len(part) for part in parts) <= batch


@pytest.mark.parametrize("ratio", [1, 2, 4, 8, 16])
def test_one_frame_costs_one_split_a_level(network: IMFN, ratio: int, splits: list[int]) -> None:
    memories = network.compress(frames_of(3 * ratio), ratio)
    for frame in (0, ratio, 2 * ratio - 1):
        splits.clear()
        network.restore(memories, ratio, 6, 9, frame, frame + 1)
        assert splits == [1] * level_of_ratio(ratio, 4)
        splits.clear()
        for part, below, first, last in network.descend(memories, ratio, frame, frame + 1, 1):
            network.restore(part, below, 6, 9, first, last)
        assert splits == [1] * level_of_ratio(ratio, 4)


@pytest.mark.parametrize(("start", "stop"), [(0, 0), (3, 2), (-1, 2), (0, 9), (8, 9)])
def test_empty_or_absent_ranges_are_refused(network: IMFN, start: int, stop: int) -> None:
    memories = network.compress(frames_of(8), 4)
    with pytest.raises(ValueError, match=f"frames {start}:{stop} of 8"):
        network.restore(memories, 4, 6, 9, start, stop)


def test_frames_must_fill_the_trees(network: IMFN) -> None:
    with pytest.raises(ValueError, match="7 frames are no multiple of the ratio 4"):
        network.compress(frames_of(7), 4)


def test_a_tree_sees_its_own_frames_only(network: IMFN) -> None:
    frames = frames_of(16)
    changed = frames.clone()
    changed[4] = 0
    same = network.compress(frames, 4) == network.compress(changed, 4)
    assert same.flatten(1).all(dim=1).tolist() == [True, False, True, True]


def test_the_root_is_a_sum_over_the_leaves(narrow: IMFN) -> None:
    # root = Σ_t P_t z_t + const: the change that one leaf makes does not depend on the others.
    frames = frames_of(8, channels=3)
    frame = torch.rand(3, 6, 9, generator=torch.Generator().manual_seed(99))
    zero = torch.zeros_like(frames)
    const = narrow.compress(zero, 8)
    total = const.clone()
    for t in range(8):
        alone, beside = zero.clone(), frames.clone()
        alone[t] = frames[t]
        total += narrow.compress(alone, 8) - const
        beside[t] = frame
        change = narrow.compress(beside, 8) - narrow.compress(frames, 8)
        alone_new = zero.clone()
        alone_new[t] = frame
        wanted = narrow.compress(alone_new, 8) - narrow.compress(alone, 8)
        torch.testing.assert_close(change, wanted, atol=1e-5, rtol=0)
    torch.testing.assert_close(total, narrow.compress(frames, 8), atol=1e-5, rtol=0)


# -- online ----------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(count=st.integers(1, 40), level=st.integers(0, 4))
def test_the_counter_makes_the_forest(network: IMFN, count: int, level: int) -> None:
    frames = frames_of(count)
    counter = BinaryCounter(network, level)
    found = []
    for leaf in network.leaf(frames).split(1):
        root = counter.push(leaf, 0)
        if root is not None:
            found.append((level, root))
        assert len(counter.pending) <= level
        levels = [one for one, _ in counter.pending]
        assert levels == sorted(set(levels), reverse=True)
    found += counter.flush()
    assert counter.pending == []
    assert [one for one, _ in found] == forest_levels(count, level)
    first = 0
    for one, memory in found:
        piece = frames[first : first + (1 << one)]
        torch.testing.assert_close(memory, network.compress(piece, 1 << one), atol=1e-5, rtol=0)
        first += 1 << one


@settings(max_examples=60, deadline=None)
@given(data=st.data(), count=st.integers(1, 40), level=st.integers(0, 4))
def test_the_counter_takes_subtrees(network: IMFN, data: st.DataObject, count: int, level: int) -> None:
    """Whole subtrees may be pushed where one may begin: the way that the codec feeds it."""
    frames = frames_of(count)
    counter = BinaryCounter(network, level)
    found, first = [], 0
    while first < count:
        aligned = (first & -first).bit_length() - 1 if first else level
        most = min(aligned, level, (count - first).bit_length() - 1)
        piece = data.draw(st.integers(0, most))
        root = counter.push(network.compress(frames[first : first + (1 << piece)], 1 << piece), piece)
        first += 1 << piece
        found += [] if root is None else [(level, root)]
    found += counter.flush()
    assert [one for one, _ in found] == forest_levels(count, level)
    trees = count >> level
    if trees:
        batch = network.compress(frames[: trees << level], 1 << level)
        torch.testing.assert_close(torch.cat([m for _, m in found[:trees]]), batch, atol=1e-5, rtol=0)
