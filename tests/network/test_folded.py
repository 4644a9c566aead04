import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from imfn_cli.network import IMFN, FoldedTree, fold_leaves, frames_from_pixels, pixels_from_frames


def pixels_of(count: int, height: int, width: int, channels: int, seed: int = 0) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, height, width, channels), dtype=torch.uint8, generator=random)


@settings(max_examples=40, deadline=None)
@given(level=st.integers(0, 3), trees=st.integers(1, 3), height=st.integers(1, 12), width=st.integers(1, 12))
def test_gives_the_memories_of_the_tree(
    narrow: IMFN, level: int, trees: int, height: int, width: int
) -> None:
    pixels = pixels_of(trees << level, height, width, 3)
    memories = FoldedTree(narrow, level).compress(pixels)
    wanted = narrow.compress(frames_from_pixels(pixels, 3), 1 << level)
    torch.testing.assert_close(memories, wanted, atol=1e-5, rtol=0)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), level=st.integers(0, 3), trees=st.integers(1, 3), size=st.integers(1, 12))
def test_gives_the_pixels_of_the_tree(
    narrow: IMFN, data: st.DataObject, level: int, trees: int, size: int
) -> None:
    count, height, width = trees << level, size, 13 - size
    memories = narrow.compress(frames_from_pixels(pixels_of(count, height, width, 3), 3), 1 << level)
    start = data.draw(st.integers(0, count - 1))
    stop = data.draw(st.integers(start + 1, count))
    pixels = FoldedTree(narrow, level).restore(memories, height, width, start, stop)
    wanted = pixels_from_frames(narrow.restore(memories, 1 << level, height, width, start, stop), 3)
    assert pixels.shape == wanted.shape
    difference = (pixels.int() - wanted.int()).abs()
    assert difference.max() <= 1  # where a number lies between two levels
    assert (difference > 0).float().mean() < 0.02


@pytest.mark.parametrize("level", [0, 1, 3])
def test_folds_the_sweepers_alone(narrow: IMFN, level: int) -> None:
    """From leaves to the root in one product, and back; the product's rows are orthonormal."""
    frames = frames_from_pixels(pixels_of(1 << level, 10, 6, 3), 3)
    memories = narrow.climb(frames, level)
    merge, split, mean = (part.float() for part in fold_leaves(narrow, level))
    leaves, root = memories[0].permute(0, 2, 3, 1), memories[level].permute(0, 2, 3, 1)[0]
    found = torch.einsum("rdc,rhwc->hwd", merge, leaves - mean[:, None, None])
    torch.testing.assert_close(found, root, atol=1e-5, rtol=0)
    back = torch.einsum("rcd,hwd->rhwc", split, root) + mean[:, None, None]
    restored = narrow.leaf.inverse(back.permute(0, 3, 1, 2), 10, 6)
    wanted = narrow.restore(memories[level], 1 << level, 10, 6)
    torch.testing.assert_close(restored, wanted, atol=1e-5, rtol=0)
    rows = merge.permute(1, 0, 2).flatten(1)
    torch.testing.assert_close(rows @ rows.T, torch.eye(20), atol=1e-5, rtol=0)


def test_wrong_input_is_named(narrow: IMFN) -> None:
    folded = FoldedTree(narrow, 2)
    with pytest.raises(ValueError, match="multiple of 4"):
        folded.compress(pixels_of(3, 4, 4, 3))
    with pytest.raises(ValueError, match="multiple of 4"):
        folded.compress(pixels_of(4, 4, 4, 1))
    with pytest.raises(ValueError, match="frames 0:5 of 4"):
        folded.restore(torch.zeros(1, 20, 1, 1), 4, 4, 0, 5)


def test_one_that_has_restored_can_be_copied(narrow: IMFN) -> None:
    tree = FoldedTree(narrow, 1)
    memories = tree.compress(pixels_of(2, 10, 6, 3))
    shown = tree.restore(memories, 10, 6, 0, 2)
    assert torch.equal(copy.deepcopy(tree).restore(memories, 10, 6, 0, 2), shown)
