"""Learned branches of a tree of vectors: the paper's inverse loss level by level, then end to end."""

import copy
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...network import IMFN
from ...training.objective import joint_loss, local_loss
from ...training.rate import RateModel
from ...training.recipe import Recipe
from ...training.schedule import learning_rate_at
from ...training.start import starting_network
from ..trained_cache import load_trained, save_trained, trained_path
from .states import States

#: Called while a tree trains: (what is done, seconds spent, seconds in all).
Progress = Callable[[str, int, int], None]
#: Seconds of training between two checkpoints: what a kill costs at most.
CHECKPOINT_SECONDS = 30.0
# Windows of the highest level that new branches are scaled by.
_CALIBRATION = 64
# Part of a batch's states that each level restores in a step from end to end.
_DECODE = 0.5
# Of a `TrainedTree`, what a checkpoint holds beside the weights.
_COUNTS = ("steps", "seconds", "by_level_steps", "by_level_seconds")


@dataclass(frozen=True)
class TreePlan:
    """How branches are trained.

    minutes: of processor time for training steps, nothing else.   local_share: part of them for the levels
    one by one, as much for each.   vectors: in a step.   width, merge_blocks, split_blocks: of each branch.
    """

    minutes: float
    local_share: float = 0.5
    vectors: int = 2048
    width: int = 128
    merge_blocks: int = 1
    split_blocks: int = 2
    learning_rate: float = 2e-3
    warmup: float = 0.05
    weight_decay: float = 0.01
    clip: float = 1.0
    seed: int = 0


@dataclass
class TrainedTree:
    """A tree after `seconds` of training steps. by_level: as it was before it was trained end to end."""

    network: IMFN
    by_level: IMFN
    by_level_seconds: float = 0.0
    by_level_steps: int = 0
    steps: int = 0
    seconds: float = 0.0


def train_tree(
    linear: IMFN,
    plan: TreePlan,
    train: States,
    *,
    cache: Path | None = None,
    progress: Progress = lambda *_: None,
    clock: Callable[[], float] = time.process_time,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
) -> TrainedTree:
    """Branches beside the maps of `linear`, trained until `plan.minutes` of `clock` are used up.

    cache: folder of checkpoints. Raises `ImfnError` where a checkpoint is damaged, `OutputError` where the
    folder cannot be written.
    """
    training = _Training(linear, plan, train)
    path = trained_path(cache, "language-tree", asdict(plan), train.key, linear.config.levels)
    if path is not None and path.is_file():
        with load_trained(path) as state:
            training.resume(state)
    run, budget = training.run, 60 * plan.minutes
    saved, finished = run.seconds, training.finished
    while training.advance():
        began = clock()
        training.step()
        run.steps += 1
        run.seconds += clock() - began
        progress(training.what, round(run.seconds), round(budget))
        if path is not None and run.seconds - saved > checkpoint_seconds:
            save_trained(path, training.state())
            saved = run.seconds
    if path is not None and not finished:
        save_trained(path, training.state())
    for tree in (run.network, run.by_level):
        tree.requires_grad_(False).eval()
    return run


class _Training:
    """A run and where it stands. Stages 1 … levels train that level, the last all of them."""

    def __init__(self, linear: IMFN, plan: TreePlan, train: States) -> None:
        torch.manual_seed(plan.seed)
        self._plan, self._train = plan, train
        self._levels = linear.config.levels
        self._random = np.random.default_rng(plan.seed)
        recipe = Recipe(
            train=("states",),
            widths=(plan.width,) * self._levels,
            merge_blocks=plan.merge_blocks,
            split_blocks=plan.split_blocks,
            kernel=1,
        )
        network = starting_network(linear, recipe, lambda: self._frames(self._levels, _CALIBRATION)).train()
        self.run = TrainedTree(network, copy.deepcopy(network))
        # Memories stay in floats: nothing of it is used.
        self._rate = RateModel(self._levels, linear.config.channels)
        self.finished = False
        self._enter(1)

    @property
    def what(self) -> str:
        """What is trained now."""
        return f"tree, level {self._stage}" if self._stage <= self._levels else "tree, end to end"

    def advance(self) -> bool:
        """Go to the stage that the time spent belongs to; False where it is all spent."""
        while not self.finished and self.run.seconds >= self._times()[1]:
            if self._stage > self._levels:
                self.finished = True
                break
            if self._stage == self._levels:
                self.run.by_level.load_state_dict(self.run.network.state_dict())
                self.run.by_level_steps, self.run.by_level_seconds = self.run.steps, self.run.seconds
            self._enter(self._stage + 1)
        return not self.finished

    def step(self) -> None:
        """One step of the optimiser."""
        plan = self._plan
        begin, end = self._times()
        part = max(0.0, (self.run.seconds - begin) / (end - begin))
        for group in self._optimiser.param_groups:
            group["lr"] = learning_rate_at(plan.learning_rate, part, plan.warmup)
        top = min(self._stage, self._levels)
        drawn = self._frames(top, max(1, plan.vectors >> top))
        loss = self._loss(drawn)
        self._optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._trained(), plan.clip)
        self._optimiser.step()

    def state(self) -> dict[str, Any]:
        """What a checkpoint holds."""
        return {
            "network": self.run.network.state_dict(),
            "by_level": self.run.by_level.state_dict(),
            "stage": self._stage,
            "optimiser": None if self.finished else self._optimiser.state_dict(),
            "random": json.dumps(self._random.bit_generator.state),
            **{name: getattr(self.run, name) for name in _COUNTS},
        }

    def resume(self, state: dict[str, Any]) -> None:
        """Take over what `state` gave."""
        self.run.network.load_state_dict(state["network"])
        self.run.by_level.load_state_dict(state["by_level"])
        self._enter(state["stage"])
        self.finished = state["optimiser"] is None
        if not self.finished:
            self._optimiser.load_state_dict(state["optimiser"])
        self._random.bit_generator.state = json.loads(state["random"])
        for name in _COUNTS:
            setattr(self.run, name, state[name])

    def _enter(self, stage: int) -> None:
        self._stage = stage
        parameters = self._trained()
        groups: list[dict[str, Any]] = [
            {"params": [p for p in parameters if p.ndim > 1]},
            {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
        ]
        self._optimiser = torch.optim.AdamW(
            groups, betas=(0.9, 0.98), weight_decay=self._plan.weight_decay, fused=True
        )

    def _times(self) -> tuple[float, float]:
        """When this stage begins and ends."""
        budget = 60 * self._plan.minutes
        local = self._plan.local_share * budget
        if self._stage > self._levels:
            return local, budget
        return local * (self._stage - 1) / self._levels, local * self._stage / self._levels

    def _trained(self) -> list[torch.nn.Parameter]:
        """The branches that this stage trains."""
        network = self.run.network
        part = network if self._stage > self._levels else network.sweeper(self._stage)
        return [parameter for parameter in part.parameters() if parameter.requires_grad]

    def _loss(self, drawn: Tensor) -> Tensor:
        if self._stage <= self._levels:
            return local_loss(self.run.network, drawn, self._stage)
        return joint_loss(
            self.run.network,
            self._rate,
            drawn,
            self._random,
            level=self._levels,
            decode=_DECODE,
            float_share=1.0,
            qualities=(0, 0),
            weights=(1.0,) * self._levels,
        )

    def _frames(self, level: int, count: int) -> Tensor:
        """`count` windows of 2**level states."""
        return self._train.frame_windows(count, 1 << level, 1, self._random, flips=False)
