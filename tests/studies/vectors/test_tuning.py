"""The sweep over learning rates: which run is taken, and what becomes of those that diverge."""

import math
from pathlib import Path

import pytest
import torch

from imfn_cli.errors import OutputError
from imfn_cli.studies.mnist.sequences import Digits
from imfn_cli.studies.vectors import tuning
from imfn_cli.studies.vectors.baselines import SequenceAutoencoder, Shape
from imfn_cli.studies.vectors.train_baseline import BaselinePlan, DivergedError, TrainedBaseline
from imfn_cli.studies.vectors.tuning import tune

SHAPE, PLAN = Shape("mlp", 16, 8, 32, 1), BaselinePlan(minutes=0.01, seed=3)
NO_DIGITS = Digits(torch.zeros(0, 784, dtype=torch.uint8), torch.zeros(0, dtype=torch.int64))
#: Errors along the curves of runs at each rate; None: it diverges.
Curves = dict[float, list[float] | None]


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> tuple[Curves, list[BaselinePlan]]:
    """Curves to be filled in, and the plans that were trained."""
    curves: Curves = {}
    plans: list[BaselinePlan] = []

    def pretend(shape: Shape, plan: BaselinePlan, train: Digits, **_: object) -> TrainedBaseline:
        plans.append(plan)
        errors = curves[plan.learning_rate]
        points = [(step, 8 * step, error) for step, error in enumerate(errors or [0.001], 1)]
        run = TrainedBaseline(SequenceAutoencoder(shape, 784), steps=len(points), curve=points)
        if errors is None:
            raise DivergedError(f"diverged at {plan.learning_rate}", run)
        return run

    monkeypatch.setattr(tuning, "train_baseline", pretend)
    return curves, plans


def test_the_end_of_the_curve_decides(trained: tuple[Curves, list[BaselinePlan]]) -> None:
    curves, plans = trained
    curves |= {1e-3: [0.01, 0.03], 2e-3: [0.05, 0.02], 3e-3: [0.04, 0.02], 4e-3: []}
    curves[4e-3] = None
    best, tried = tune(SHAPE, PLAN, list(curves), NO_DIGITS)
    # Of two equal ones the first; one that diverged is not asked how good it was before.
    assert best.plan.learning_rate == 2e-3
    assert [each.plan.learning_rate for each in tried] == list(curves)
    assert [each.error for each in tried] == [0.03, 0.02, 0.02, math.inf]
    assert [each.diverged for each in tried] == [False, False, False, True]
    # Nothing but the rate differs, so that finished runs are found again.
    assert plans == [each.plan for each in tried]
    assert {(plan.minutes, plan.seed) for plan in plans} == {(0.01, 3)}


def test_a_run_too_short_for_a_curve_is_better_than_one_that_diverged(
    trained: tuple[Curves, list[BaselinePlan]], monkeypatch: pytest.MonkeyPatch
) -> None:
    curves, _ = trained
    curves |= {1e-3: None, 2e-3: [math.inf]}
    best, _ = tune(SHAPE, PLAN, list(curves), NO_DIGITS)
    assert best.plan.learning_rate == 2e-3


def test_where_all_diverge_the_first_is_told(trained: tuple[Curves, list[BaselinePlan]]) -> None:
    curves, plans = trained
    curves |= {1.0: None, 2.0: None}
    with pytest.raises(DivergedError, match=r"diverged at 1\.0"):
        tune(SHAPE, PLAN, list(curves), NO_DIGITS)
    assert len(plans) == 2


def test_other_failures_end_the_sweep(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def full(*_: object, **__: object) -> TrainedBaseline:
        raise OutputError("the disk is full")

    monkeypatch.setattr(tuning, "train_baseline", full)
    with pytest.raises(OutputError, match="disk is full"):
        tune(SHAPE, PLAN, [1e-3, 2e-3], NO_DIGITS, cache=tmp_path)
