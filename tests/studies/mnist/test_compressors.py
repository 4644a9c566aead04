"""Our model, its linear part and PCA behind one interface."""

import pytest
import torch

from imfn_cli.errors import ModelError
from imfn_cli.studies.mnist.compressors import (
    digit_pca,
    digit_tree,
    linear_part,
)
from imfn_cli.studies.mnist.sequences import Digits
from imfn_cli.zoo import Model


def test_tree_keeps_sequences_apart(strokes_model: Model, held_out: Digits) -> None:
    tree = digit_tree(strokes_model.network, "IMFN")
    images, _ = held_out.cut(8, longest=8, seed=0)
    memories = tree.compress(images)
    assert memories.shape == (10, 16)
    restored = tree.restore(memories, 8)
    assert restored.shape == images.shape
    alone = tree.restore(tree.compress(images[3:4]), 8)[0]
    assert torch.allclose(restored[3], alone, atol=1e-5)
    # 2 numbers an image tell shapes apart better than the mean image does.
    assert (restored - images).square().mean() < (images - images.mean((0, 1))).square().mean()


def test_linear_part_is_the_model_without_branches(
    strokes_model: Model, branched_model: Model, held_out: Digits
) -> None:
    images, _ = held_out.cut(4, longest=8, seed=0)
    linear, branched = digit_tree(strokes_model.network, ""), digit_tree(branched_model.network, "")
    part = linear_part(branched_model)
    assert part.compress(images).equal(linear.compress(images))
    assert not branched.compress(images).allclose(linear.compress(images))
    assert part.parameters_count == linear.parameters_count < branched.parameters_count


def test_other_leaves_are_refused(tiny_model: Model) -> None:
    with pytest.raises(ModelError, match="its leaf is 8x8"):
        digit_tree(tiny_model.network, "tiny")


def test_pca_is_the_best_linear_map(train: Digits) -> None:
    mean, basis, deviation = train.components()
    assert torch.allclose(basis @ basis.T, torch.eye(784), atol=1e-4)
    pca = digit_pca(train, 16)
    images = (train.images.float() / 255).unflatten(0, (75, 8))
    memories = pca.compress(images)
    assert memories.shape == (75, 16)
    error = (pca.restore(memories, 8) - images).square().mean()
    # What is left is the variance of the components that were dropped.
    assert float(error) == pytest.approx(float(deviation[2:].square().sum()) / 784, rel=1e-3)
    assert mean.shape == (784,)
    # More numbers an image, less error.
    short = images.reshape(150, 4, 784)
    assert (pca.restore(pca.compress(short), 4) - short).square().mean() < 0.9 * error
