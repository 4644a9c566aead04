"""Predictions from restored states: bounds that hold for any compressor."""

import copy

import pytest
import torch
from torch import Tensor

from imfn_cli.network import IMFN
from imfn_cli.studies.language.language_model import LanguageModel
from imfn_cli.studies.language.measure import Measure, kept_part, measure_all, restored
from imfn_cli.studies.language.states import States
from imfn_cli.studies.vectors.compressors import PCACompressor, TreeCompressor


class Perfect:
    """All numbers of all vectors."""

    name = "perfect"
    memory_size = 16
    parameters_count = 0

    def compress(self, vectors: Tensor) -> Tensor:
        return vectors.flatten(1)

    def restore(self, memories: Tensor, length: int) -> Tensor:
        return memories.unflatten(1, (length, -1))


class Nothing(Perfect):
    """Zeros."""

    name = "nothing"

    def compress(self, vectors: Tensor) -> Tensor:
        return torch.zeros_like(vectors).flatten(1)


@pytest.fixture(scope="module")
def measure(language_model: LanguageModel, held_states: States) -> Measure:
    """Of a model that looks at its past more than a few steps of training teach it to."""
    looking = copy.deepcopy(language_model)
    for parameter in looking.upper.parameters():
        if parameter.ndim > 1:
            parameter.mul_(30)
    return Measure(looking, held_states, 8)


def test_states_are_those_of_the_model(language_model: LanguageModel, held_states: States) -> None:
    assert held_states.vectors.shape == (8, 32, 16)
    assert held_states.text.shape == (8, 33)
    wanted = language_model.states(held_states.text[:, :-1]) * held_states.factor
    assert torch.allclose(held_states.vectors, wanted, atol=1e-6)


def test_training_states_have_the_spread_of_pixels(train_states: States) -> None:
    flat = train_states.flat
    assert float((flat - flat.mean(0)).square().mean().sqrt()) == pytest.approx(0.2, rel=1e-3)
    first, rest = train_states.split(10)
    assert (len(first.text), len(rest.text)) == (54, 10)
    assert torch.cat((first.vectors, rest.vectors)).equal(train_states.vectors)


def test_perfect_memories_are_the_originals(measure: Measure) -> None:
    full, none = measure.full, measure.without(4)
    perfect, nothing = measure.row(Perfect(), 4, none), measure.row(Nothing(), 4, none)
    assert perfect.mse == 0
    assert perfect.after_perplexity == pytest.approx(full.perplexity, rel=1e-5)
    assert perfect.in_place_perplexity == pytest.approx(full.perplexity, rel=1e-5)
    assert perfect.after_accuracy == pytest.approx(full.accuracy, abs=2e-2)
    assert nothing.mse > 0.9
    for found in (nothing.in_place_perplexity, nothing.after_perplexity, none.perplexity):
        assert found != pytest.approx(full.perplexity, rel=2e-4)
    assert (nothing.model, nothing.ratio, nothing.numbers) == ("nothing", 4, 4.0)


def test_what_is_kept_of_the_past() -> None:
    assert kept_part(8, 8, 2) == 0
    assert kept_part(8, 4, 2) == pytest.approx(0.5)
    assert kept_part(8, 2, 2) == 1
    assert kept_part(8, 16, 2) == pytest.approx(-0.5)
    assert kept_part(2, 2, 2) is None
    assert kept_part(2, 2, 3) is None


def test_every_window_by_itself(linear: IMFN, held_states: States) -> None:
    tree = TreeCompressor(linear, "tree")
    found = restored(tree, held_states.vectors, 4)
    alone = tree.restore(tree.compress(held_states.vectors[3:4, 8:12]), 4)
    assert torch.allclose(found[3, 8:12], alone[0], atol=1e-5)
    assert torch.allclose(restored(tree, held_states.vectors, 1), held_states.vectors, atol=1e-5)


def test_all_models_at_all_ratios(
    measure: Measure, linear: IMFN, train_states: States, held_states: States
) -> None:
    pca = PCACompressor(train_states.components(), 16)
    rows, bounds = measure_all(measure, [TreeCompressor(linear, "tree"), pca], [2, 4, 8])
    assert [(row.model, row.ratio) for row in rows] == [
        (name, ratio) for ratio in (2, 4, 8) for name in ("tree", "PCA")
    ]
    assert [bound.ratio for bound in bounds] == [2, 4, 8]
    errors = {(row.model, row.ratio): row.mse for row in rows}
    assert errors["tree", 2] < errors["tree", 4] < errors["tree", 8] < errors["PCA", 8] < 1
