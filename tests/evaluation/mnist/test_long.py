"""Trees deeper than their model, and what waits while they are made."""

import pytest
import torch

from imfn_cli.evaluation.mnist.long import EndlessTree, _blocks, long_rows
from imfn_cli.evaluation.mnist.sequences import Digits
from imfn_cli.model import Model
from imfn_cli.network import Stored


def test_within_the_trained_depth_it_is_the_network(branched_model: Model) -> None:
    network, tree = branched_model.network, EndlessTree(branched_model.network)
    memory, other = torch.randn(2, 3, 16, 1, 1)
    for level in (1, 2, 3):
        assert tree.merge(memory, other, level).equal(network.merge(memory, other, level))
        for mine, theirs in zip(tree.split(memory, level), network.split(memory, level), strict=True):
            assert mine.equal(theirs)
    one = memory[:1]
    restored = torch.cat(list(tree.walk(one, 3)))
    assert restored.equal(network.restore(one, 8, 28, 28).reshape(-1, 784))


def test_above_it_the_top_sweeper_works_again(branched_model: Model) -> None:
    network, tree = branched_model.network, EndlessTree(branched_model.network)
    memory, other = torch.randn(2, 1, 16, 1, 1)
    assert tree.merge(memory, other, 9).equal(network.merge(memory, other, 3))
    left, right = tree.split(memory, 5)
    top = network.split(memory, 3, Stored(3))
    assert left.equal(top[0])
    assert right.equal(top[1])
    images = list(tree.walk(memory, 5))
    assert [len(part) for part in images] == [8, 8, 8, 8]
    # The right half of the right half, by hand.
    last = network.split(network.split(memory, 3)[1], 3)[1]
    expected = network.restore(last, 8, 28, 28, stored=Stored(3)).reshape(-1, 784)
    assert torch.allclose(images[-1], expected, atol=1e-5)


def test_rows_say_what_was_measured(strokes_model: Model, held_out: Digits) -> None:
    rows = long_rows(strokes_model.network, held_out, [8, 13, 64, 256])
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


def test_images_do_not_depend_on_the_blocks(held_out: Digits) -> None:
    one = torch.cat(list(_blocks(held_out, 13, 1, 5)))
    eight = torch.cat(list(_blocks(held_out, 13, 8, 5)))
    assert one.shape == (13, 784)
    assert one.equal(eight)
