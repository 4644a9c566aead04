"""Trees deeper than their model, and what waits while they are made."""

import math

import pytest
import torch

from imfn_cli.network import IMFN, IMFNConfig, RootCoding
from imfn_cli.studies.mnist.long import EndlessTree, _blocks, long_rows
from imfn_cli.studies.mnist.sequences import Digits
from imfn_cli.zoo import Model

pytestmark = pytest.mark.usefixtures("quick_collection")


def test_within_the_trained_depth_it_is_the_network(branched_model: Model) -> None:
    network, tree = branched_model.network, EndlessTree(branched_model.network)
    memory, other = torch.randn(2, 3, 16, 1, 1)
    for level in (1, 2, 3):
        assert tree.merge(memory, other, level).equal(network.merge(memory, other, level))
        for mine, theirs in zip(tree.split(memory, level), network.split(memory, level), strict=True):
            assert mine.equal(theirs)
    one = memory[:1]
    restored = torch.cat(list(tree.parts(one, 3)))
    assert restored.equal(network.restore(one, 8, 28, 28).reshape(-1, 784))


def test_above_it_the_top_sweeper_works_without_its_branches(branched_model: Model) -> None:
    network, tree = branched_model.network, EndlessTree(branched_model.network)
    linear = network.linear_part()
    memory, other = torch.randn(2, 1, 16, 1, 1)
    assert tree.merge(memory, other, 9).equal(linear.merge(memory, other, 3))
    assert not tree.merge(memory, other, 9).allclose(network.merge(memory, other, 3))
    for mine, theirs in zip(tree.split(memory, 5), linear.split(memory, 3), strict=True):
        assert mine.equal(theirs)
    images = list(tree.parts(memory, 5))
    assert [len(part) for part in images] == [8, 8, 8, 8]
    # The right half of the right half, by hand: below the trained depth with a quarter of the branches.
    last = linear.split(linear.split(memory, 3)[1], 3)[1]
    for level in (3, 2, 1):
        without, learned = linear.split(last, level)[1], network.split(last, level, RootCoding(3))[1]
        last = without + (learned - without) / 4
    expected = network.leaf.inverse(last, 28, 28).reshape(1, 784)
    assert torch.allclose(images[-1][-1:], expected, atol=1e-5)


def test_what_is_lost_comes_back_as_the_mean_image(strokes_model: Model) -> None:
    config = IMFNConfig(28, 28, 1, 16, 3, (8, 8, 8), 1, kernel=1, independent=True)
    torch.manual_seed(0)
    network = IMFN(config).requires_grad_(False).eval()
    network.leaf = strokes_model.network.leaf
    for branch in network.branches(3):
        torch.nn.init.normal_(branch.leave.weight, std=0.1)
    tree = EndlessTree(network)
    # 16 numbers for 1024 images: left to them, the branches would draw something for each.
    memory = torch.zeros(1, 16, 1, 1)
    memory[0, 0] = 5
    images = torch.cat(list(tree.parts(memory, 10)))
    assert images.shape == (1024, 784)
    far = (images - network.leaf.map.mean).abs().amax(1)
    assert far[0] > 0.1
    assert far[1:].max() < 0.01 < 0.1 * network.restore(0 * memory, 8, 28, 28).abs().max()


def test_rows_say_what_was_measured(strokes_model: Model, held_out: Digits) -> None:
    mean = strokes_model.network.leaf.map.mean
    rows = long_rows(strokes_model.network, held_out, mean, [8, 13, 64, 256])
    assert {row.kind for row in rows} == {"forest", "one memory"}
    forest = {row.images: row for row in rows if row.kind == "forest"}
    whole = {row.images: row for row in rows if row.kind == "one memory"}
    assert set(forest) == {8, 13, 64, 256}
    assert set(whole) == {8, 64, 256}
    assert [forest[n].memories for n in (8, 13, 64, 256)] == [1, 3, 8, 32]
    assert all(row.memories == 1 for row in whole.values())
    # One more memory waits each time the length is four times as long, plus the one in hand: logarithmic.
    assert [whole[n].waiting for n in (8, 64, 256)] == [1, 4, 6]
    assert max(row.waiting for row in forest.values()) <= 4
    # A tree of the trained depth is the forest; deeper ones lose more, the forest does not.
    assert whole[8].mse == pytest.approx(forest[8].mse, rel=1e-4)
    assert whole[8].mse < whole[64].mse <= whole[256].mse * 1.05
    assert forest[256].mse < whole[256].mse
    # Both saw the same images, and neither is worse than no memory at all.
    for row in rows:
        images = torch.cat(list(_blocks(held_out, row.images, 8, 0)))
        expected = float((images - mean).square().mean())
        assert row.mean_image_mse == pytest.approx(expected, rel=1e-5)
        assert row.mse < row.mean_image_mse


def test_a_learned_tree_is_shown_beside_its_linear_part(
    strokes_model: Model, branched_model: Model, held_out: Digits
) -> None:
    mean = torch.zeros(784)
    learned = long_rows(branched_model.network, held_out, mean, [8, 13, 64])
    linear = long_rows(strokes_model.network, held_out, mean, [8, 13, 64])
    assert [(row.kind, row.images) for row in learned[3:]] == [
        (kind, images) for kind in ("one memory", "one linear memory") for images in (8, 64)
    ]
    without = {row.images: row.mse for row in linear if row.kind == "one memory"}
    beside = {row.images: row.mse for row in learned if row.kind == "one linear memory"}
    assert beside == pytest.approx(without)
    assert learned[3].mse != pytest.approx(without[8], rel=1e-3)
    assert all(math.isfinite(row.mse) for row in learned)


def test_images_do_not_depend_on_the_blocks(held_out: Digits) -> None:
    one = torch.cat(list(_blocks(held_out, 13, 1, 5)))
    eight = torch.cat(list(_blocks(held_out, 13, 8, 5)))
    assert one.shape == (13, 784)
    assert one.equal(eight)
