from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from imfn_cli.errors import ImfnError
from imfn_cli.network import IMFN
from imfn_cli.reports import Validation
from imfn_cli.studies.factorisation import train_one_step as training
from imfn_cli.studies.factorisation.size import trained_numbers
from imfn_cli.studies.factorisation.train_one_step import (
    TrainedOneStep,
    one_step_recipe,
    train_one_step,
)
from imfn_cli.training.recipe import Recipe

CPU = torch.device("cpu")


def train(tree: IMFN, recipe: Recipe, folder: Path, **options: Any) -> TrainedOneStep:
    return train_one_step(tree, recipe, limit=None, folder=folder, device=CPU, **options)


def test_training_lowers_the_loss(tree: IMFN, recipe: Recipe, tmp_path: Path) -> None:
    found: list[Validation] = []
    one_step = train(tree, replace(recipe, steps=60, float_share=1.0), tmp_path, report=found.append)
    assert [evaluation.step for evaluation in found] == [0, 20, 40, 60]
    assert found[-1].score < found[0].score - 0.02
    assert found[-1].psnr[4] > found[0].psnr[4] + 0.1
    # Ratios of weight zero are not looked at, and nothing is learned there.
    assert set(found[0].psnr) == {4, 8}
    assert one_step.steps == 60
    assert all(
        trained_numbers(one_step.network, level) >= trained_numbers(tree, level) for level in (1, 2, 3)
    )
    assert not any(p.requires_grad for p in one_step.network.parameters())


def test_a_run_that_was_stopped_goes_on(tree: IMFN, recipe: Recipe, tmp_path: Path) -> None:
    whole = train(tree, recipe, tmp_path / "whole")

    class Killed(Exception):
        pass

    def kill(what: str, step: int, steps: int) -> None:
        if what.startswith("training") and step == 7:
            raise Killed

    with pytest.raises(Killed):
        train(tree, recipe, tmp_path / "cut", progress=kill, checkpoint_seconds=0)
    steps: list[int] = []

    def follow(what: str, step: int, _: int) -> None:
        if what.startswith("training"):
            steps.append(step)

    resumed = train(tree, recipe, tmp_path / "cut", progress=follow)
    assert steps == list(range(7, 13))
    for name, value in whole.network.state_dict().items():
        torch.testing.assert_close(resumed.network.state_dict()[name], value)
    # What only a run that goes on needs is gone.
    assert not list((tmp_path / "cut").rglob("checkpoint.pt"))


def test_a_finished_one_is_not_trained_again(
    tree: IMFN, recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = train(tree, recipe, tmp_path)

    def never(*_: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(training, "pools_of", never)
    again = train(tree, recipe, tmp_path)
    assert (again.steps, again.seconds) == (first.steps, first.seconds)
    for name, value in first.network.state_dict().items():
        assert torch.equal(again.network.state_dict()[name], value)
    # Another seed is another run.
    with pytest.raises(AssertionError):
        train(tree, replace(recipe, seed=1), tmp_path)


def test_a_damaged_one_is_named(tree: IMFN, recipe: Recipe, tmp_path: Path) -> None:
    train(tree, replace(recipe, steps=1), tmp_path)
    (path,) = tmp_path.rglob("unfactorised.pt")
    path.write_bytes(b"no network")
    with pytest.raises(ImfnError, match=r"unfactorised\.pt: damaged.*delete it"):
        train(tree, replace(recipe, steps=1), tmp_path)


def test_time_ends_the_run(tree: IMFN, recipe: Recipe, tmp_path: Path) -> None:
    unbound = one_step_recipe(recipe, tree.config)
    one_step = train_one_step(tree, unbound, limit=0.3, folder=tmp_path, device=CPU)
    # It stops before a step that would end too late.
    assert one_step.seconds > 0
    assert 0 < one_step.steps < unbound.steps


def test_there_are_no_levels_to_train_one_by_one(tree: IMFN, recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="set local_share to 0"):
        train(tree, replace(recipe, local_share=0.2), tmp_path)


def test_the_recipe_is_the_trees_without_levels(tree: IMFN, recipe: Recipe) -> None:
    whole = replace(recipe, local_share=0.3, level_weights=())
    made = one_step_recipe(whole, tree.config, seed=5)
    assert made.local_share == 0
    assert made.seed == 5
    # Where the tree is linear the one-step network spends no time either.
    assert made.level_weights == (0, 1, 1)
    assert one_step_recipe(recipe, tree.config).level_weights == recipe.level_weights
    same = {name: getattr(whole, name) for name in ("train", "crop", "trees", "qualities", "learning_rate")}
    assert {name: getattr(made, name) for name in same} == same
