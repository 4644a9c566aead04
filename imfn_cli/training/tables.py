"""The coding tables of a network, fitted in the time that there is for them."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch

from ..bitstream.entropy.entropy_model import EntropyModel
from .budget import Budget
from .entropy_fit import Samples, Standing, fit_entropy
from .samples import Sample
from .stages import Stages

#: Takes memories of every level as a sample says.
Sampled = Callable[[Sample], Samples]
#: Called as work goes on: (what is done, levels done, levels in all).
Progress = Callable[[str, int, int], None]

# What is fitted to see how long it takes: grid positions, and most on a side.
_TRIAL = Sample(100, side=10, memories=400)
# What a fit takes beyond what a trial of its size says, at most.
_SAFETY = 1.3
# Part of a time limit that tables may take.
_SHARE = 0.3
# Fewer grid positions of own footage make worse tables than many of other footage.
_LEAST = 3000
# Grid positions a second that no machine reaches: 150 on one core of 2020.
_FASTEST = 500
_STAGE = "tables"


@dataclass(frozen=True)
class TablePlan:
    """What the tables of a run shall be made of.

    seconds: to leave for them, 0 without a limit.   per_position: that a grid position takes.
    kept: those of the start, since own ones would take more time than there is.
    """

    seconds: float = 0.0
    per_position: float = 0.0
    kept: bool = False

    def sample(self, wanted: Sample, seconds: float) -> Sample:
        """`wanted`, or as many of its positions as `seconds` suffice for."""
        if not self.per_position or math.isinf(seconds):
            return wanted
        fitting = int(seconds / self.per_position)
        if fitting >= wanted.positions:
            return wanted
        # Small memories, so that there are several of each level.
        positions = max(_TRIAL.positions, fitting)
        return replace(wanted, positions=positions, side=min(wanted.side, max(8, math.isqrt(positions) // 3)))


def plan_tables(
    sampled: Sampled, channels: int, wanted: int, budget: Budget, *, has_tables: bool
) -> TablePlan:
    """Try how long a fit takes, and plan one of `wanted` grid positions, or as many as the limit allows.

    has_tables: whether the start has tables that can be kept instead.
    """
    if budget.limit is None:
        return TablePlan()
    if has_tables and budget.part(_SHARE) < min(wanted, _LEAST) / _FASTEST:
        return TablePlan(kept=True)
    began = budget.clock()
    samples = sampled(_TRIAL)
    fit_entropy(samples, channels)
    positions = sum(memory[0].size for memory in samples[0])
    per_position = _SAFETY * (budget.clock() - began) / positions
    seconds = min(wanted * per_position, budget.part(_SHARE))
    if has_tables and seconds < min(wanted, _LEAST) * per_position:
        return TablePlan(kept=True)
    return TablePlan(seconds, per_position)


def fit_tables(
    sampled: Sampled,
    channels: int,
    sample: Sample,
    stages: Stages,
    *,
    made_at: int,
    progress: Progress = lambda *_: None,
) -> EntropyModel:
    """Fit tables to the memories that `sampled` takes as `sample` says.

    made_at: the optimiser step that the network is of; a fit of the same one goes on where it broke off.
    """
    kept = stages.get(_STAGE)
    if kept is not None and kept["made_at"] == made_at:
        sample = Sample(**kept["sample"])
    else:
        kept = None

    def keep(at: Standing) -> None:
        # Its own names: `asdict` would copy what the fit goes on with.
        standing = {"made_at": made_at, "sample": asdict(sample), "at": _to_tensors(vars(at))}
        stages.keep(_STAGE, standing)

    state = None if kept is None else Standing(**_to_arrays(kept["at"]))
    return fit_entropy(sampled(sample), channels, progress, state=state, keep=keep)


def _to_tensors(value: Any) -> Any:
    """Arrays in maps as tensors, which checkpoints hold."""
    if isinstance(value, dict):
        return {name: _to_tensors(inner) for name, inner in value.items()}
    return torch.from_numpy(value.copy()) if isinstance(value, np.ndarray) else value


def _to_arrays(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _to_arrays(inner) for name, inner in value.items()}
    return value.numpy() if isinstance(value, torch.Tensor) else value
