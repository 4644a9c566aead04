"""Coding tables in the time that there is: how large a sample, and going on after a kill."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imfn_cli.training.budget import Budget
from imfn_cli.training.entropy_fit import fit_entropy
from imfn_cli.training.samples import WINDOW_SAMPLE, Sample
from imfn_cli.training.stages import Stages
from imfn_cli.training.tables import TablePlan, fit_tables, plan_tables

CHANNELS = 6


def sampled(size: Sample) -> dict[int, list[np.ndarray]]:
    """Noise of falling energy, as many positions as asked for."""
    random = np.random.default_rng(size.positions)
    side = min(size.side, 8)
    energy = 0.1 * 0.5 ** np.arange(CHANNELS, dtype=np.float32)[:, None, None]
    count = size.positions // side**2 + 1
    return {
        level: [random.normal(0, 1, (CHANNELS, side, side)).astype(np.float32) * energy for _ in range(count)]
        for level in range(2)
    }


class Clock:
    """A clock that stands still but while memories are sampled: a hundredth of a second for each position."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sampled(self, size: Sample) -> dict[int, list[np.ndarray]]:
        found = sampled(size)
        self.now += 0.01 * sum(memory[0].size for memory in found[0])
        return found


@pytest.mark.parametrize(
    ("limit", "has_tables", "seconds", "kept"),
    [
        # All of 10,000 positions would take 130 s, the margin included.
        (None, True, 0.0, False),
        (1000.0, True, 130.0, False),
        (200.0, True, 60.0, False),
        # Fewer than 3,000: those of the start are better, where there are any.
        (50.0, True, 0.0, True),
        (50.0, False, 15.0, False),
        # So little that it is not even tried.
        (10.0, True, 0.0, True),
    ],
)
def test_a_plan_takes_its_share(limit: float | None, has_tables: bool, seconds: float, kept: bool) -> None:
    clock = Clock()
    budget = Budget(limit, clock=clock)
    plan = plan_tables(clock.sampled, CHANNELS, 10_000, budget, has_tables=has_tables)
    assert plan.seconds == pytest.approx(seconds)
    assert plan.kept == kept


def test_a_sample_fits_into_the_time() -> None:
    wanted = WINDOW_SAMPLE
    assert TablePlan().sample(wanted, 5.0) == wanted
    plan = TablePlan(100.0, per_position=0.01)
    assert plan.sample(wanted, 1e6) == plan.sample(wanted, float("inf")) == wanted
    fitting = plan.sample(wanted, 30.0)
    assert fitting.positions == 3000
    # Several memories of each level, not one large one.
    assert fitting.side**2 * 5 < fitting.positions
    # Never none, however late it is.
    assert plan.sample(wanted, -9.0).positions == 100


@pytest.mark.parametrize("level", [1, 2, 3])
def test_a_fit_that_was_killed_goes_on(level: int, tmp_path: Path) -> None:
    """After any level of either round, to the same tables."""

    class Killed(Exception):
        pass

    sample = Sample(300, side=8)
    whole = fit_entropy(sampled(sample), CHANNELS)
    told: list[tuple[str, int, int]] = []

    def kill(*event: Any) -> None:
        told.append(event)
        if len(told) > level:
            raise Killed

    stages = Stages(tmp_path, Budget())
    stages.begin({})
    with pytest.raises(Killed):
        fit_tables(sampled, CHANNELS, sample, stages, made_at=7, progress=kill)
    again = Stages(tmp_path, Budget())
    again.go_on({})
    rest: list[tuple[str, int, int]] = []

    def follow(*event: Any) -> None:
        rest.append(event)

    # Another size is asked for now; it ends as it was begun.
    found = fit_tables(sampled, CHANNELS, Sample(100), again, made_at=7, progress=follow)
    assert rest[0] == told[level]
    assert len(told) - 1 + len(rest) == 4
    for name, array in whole.tensors.items():
        np.testing.assert_array_equal(found.tensors[name], array)


def test_tables_of_another_network_are_made_anew(tmp_path: Path) -> None:
    stages = Stages(tmp_path, Budget())
    stages.begin({})
    fit_tables(sampled, CHANNELS, Sample(100, side=8), stages, made_at=7)
    count: list[int] = []
    follow: Callable[..., None] = lambda *_: count.append(1)  # noqa: E731
    fit_tables(sampled, CHANNELS, Sample(100, side=8), stages, made_at=8, progress=follow)
    assert len(count) == 4
