"""Baselines at the learning rate that suits them best, found by a sweep over a few rates."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from .baselines import Shape
from .train_baseline import (
    BaselinePlan,
    DivergedError,
    Progress,
    TrainedBaseline,
    TrainingVectors,
    train_baseline,
)


@dataclass(frozen=True)
class Tried:
    """A baseline trained by `plan`. run: its network, or how far it came before it diverged."""

    plan: BaselinePlan
    run: TrainedBaseline
    diverged: bool = False

    @property
    def error(self) -> float:
        """Mean squared error of longest training sequences at the end of the curve.

        Infinite where the run diverged, or was too short for a point.
        """
        return self.run.curve[-1][2] if self.run.curve and not self.diverged else math.inf


def tune(
    shape: Shape,
    plan: BaselinePlan,
    rates: Sequence[float],
    train: TrainingVectors,
    *,
    cache: Path | None = None,
    progress: Progress = lambda *_: None,
) -> tuple[Tried, list[Tried]]:
    """Train at each of `rates`, `plan.minutes` long each; the run of least training error, and all of them.

    The error is of training sequences, not of test data: that is for the comparison. Of equal runs the
    first is taken. A run that diverges loses; where all do, `DivergedError` of the first is raised. Raises
    otherwise what `train_baseline` does.
    """
    tried: list[Tried] = []
    failures: list[DivergedError] = []
    for rate in rates:
        at_rate = replace(plan, learning_rate=rate)
        try:
            run = train_baseline(shape, at_rate, train, cache=cache, progress=progress)
            tried.append(Tried(at_rate, run))
        except DivergedError as error:
            failures.append(error)
            tried.append(Tried(at_rate, error.run, diverged=True))
    if len(failures) == len(tried):
        raise failures[0]
    return min((each for each in tried if not each.diverged), key=lambda each: each.error), tried
