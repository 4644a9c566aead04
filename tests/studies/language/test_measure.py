"""Predictions from restored states: bounds that hold for any compressor."""

import pytest
import torch
from torch import Tensor

from imfn_cli.network import IMFN
from imfn_cli.studies.language.language_model import LanguageModel
from imfn_cli.studies.language.measure import Measure, measure_all, restored
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
    return Measure(language_model, held_states, 8)


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


def test_what_is_kept_lies_between_nothing_and_all(measure: Measure) -> None:
    none = measure.without(4)
    perfect, nothing = measure.row(Perfect(), 4, none), measure.row(Nothing(), 4, none)
    assert perfect.mse == 0
    assert perfect.after_perplexity == pytest.approx(measure.full.perplexity, rel=1e-4)
    assert perfect.in_place_perplexity == pytest.approx(measure.full.perplexity, rel=1e-4)
    assert perfect.after_accuracy == pytest.approx(measure.full.accuracy, abs=2e-3)
    assert perfect.kept == pytest.approx(1, abs=1e-2)
    assert nothing.mse > 0.9
    assert nothing.in_place_perplexity > perfect.in_place_perplexity
    assert nothing.kept != pytest.approx(1, abs=0.1)
    assert (nothing.model, nothing.ratio, nothing.numbers) == ("nothing", 4, 4.0)


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
    for ratio in (2, 4, 8):
        # A pair's best linear map is at least as good as both halves' own.
        assert errors["tree", ratio] < errors["PCA", ratio] < 1
