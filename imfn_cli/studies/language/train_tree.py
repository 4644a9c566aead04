"""Learned branches of a tree of vectors: the paper's inverse loss level by level, then end to end."""

import copy
import hashlib
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
from ..trained_cache import load_trained, save_trained
from .states import States

#: Called while a tree trains: (what is done, seconds spent, seconds in all).
Progress = Callable[[str, int, int], None]
#: Seconds of training between two checkpoints: what a kill costs at most.
CHECKPOINT_SECONDS = 30.0
# Windows of the highest level that new branches are scaled by.
_CALIBRATION = 64


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
    levels, budget = linear.config.levels, 60 * plan.minutes
    torch.manual_seed(plan.seed)
    random = np.random.default_rng(plan.seed)

    def frames(level: int, count: int) -> Tensor:
        return train.frame_windows(count, 1 << level, 1, random, flips=False)

    recipe = Recipe(
        train=("states",),
        widths=(plan.width,) * levels,
        merge_blocks=plan.merge_blocks,
        split_blocks=plan.split_blocks,
        kernel=1,
    )
    network = starting_network(linear, recipe, lambda: frames(levels, _CALIBRATION)).train()
    run = TrainedTree(network, copy.deepcopy(network))
    rate = RateModel(levels, linear.config.channels)
    path = _path(cache, plan, train, levels)
    stage, optimiser = 1, _optimiser(network, 1, plan)
    finished = False
    if path is not None and path.is_file():
        with load_trained(path) as state:
            network.load_state_dict(state["network"])
            run.by_level.load_state_dict(state["by_level"])
            stage, finished = state["stage"], state["optimiser"] is None
            optimiser = _optimiser(network, stage, plan)
            if not finished:
                optimiser.load_state_dict(state["optimiser"])
            random.bit_generator.state = json.loads(state["random"])
            run.steps, run.seconds = state["steps"], state["seconds"]
            run.by_level_steps, run.by_level_seconds = state["by_level_steps"], state["by_level_seconds"]

    def keep(*, done: bool) -> None:
        if path is not None:
            save_trained(
                path,
                {
                    "network": network.state_dict(),
                    "by_level": run.by_level.state_dict(),
                    "stage": stage,
                    "optimiser": None if done else optimiser.state_dict(),
                    "random": json.dumps(random.bit_generator.state),
                    "steps": run.steps,
                    "seconds": run.seconds,
                    "by_level_steps": run.by_level_steps,
                    "by_level_seconds": run.by_level_seconds,
                },
            )

    saved = run.seconds
    while not finished:
        # Stage 1 … levels: that level; the last: all of them.
        begin, end = _times(stage, levels, plan.local_share, budget)
        if run.seconds >= end:
            if stage > levels:
                break
            if stage == levels:
                run.by_level.load_state_dict(network.state_dict())
                run.by_level_steps, run.by_level_seconds = run.steps, run.seconds
            stage += 1
            optimiser = _optimiser(network, stage, plan)
            continue
        began = clock()
        part = (run.seconds - begin) / (end - begin)
        for group in optimiser.param_groups:
            group["lr"] = learning_rate_at(plan.learning_rate, max(0.0, part), plan.warmup)
        top = min(stage, levels)
        drawn = frames(top, max(1, plan.vectors >> top))
        if stage <= levels:
            loss = local_loss(network, drawn, stage)
        else:
            loss = joint_loss(
                network,
                rate,
                drawn,
                random,
                level=levels,
                decode=0.5,
                float_share=1.0,
                qualities=(0, 0),
                weights=(1.0,) * levels,
            )
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(_trained(network, stage), plan.clip)
        optimiser.step()
        run.steps += 1
        run.seconds += clock() - began
        what = f"tree, level {stage}" if stage <= levels else "tree, end to end"
        progress(what, round(run.seconds), round(budget))
        if run.seconds - saved > checkpoint_seconds:
            keep(done=False)
            saved = run.seconds
    if not finished:
        keep(done=True)
    for tree in (network, run.by_level):
        tree.requires_grad_(False).eval()
    return run


def _times(stage: int, levels: int, local_share: float, budget: float) -> tuple[float, float]:
    """When a stage begins and ends."""
    local = local_share * budget
    if stage > levels:
        return local, budget
    return local * (stage - 1) / levels, local * stage / levels


def _trained(network: IMFN, stage: int) -> list[torch.nn.Parameter]:
    """The branches that a stage trains: of one level, or all."""
    part: torch.nn.Module = network if stage > network.config.levels else network.sweeper(stage)
    return [parameter for parameter in part.parameters() if parameter.requires_grad]


def _optimiser(network: IMFN, stage: int, plan: TreePlan) -> torch.optim.Optimizer:
    parameters = _trained(network, stage)
    groups: list[dict[str, Any]] = [
        {"params": [p for p in parameters if p.ndim > 1]},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=plan.weight_decay, fused=True)


def _path(cache: Path | None, plan: TreePlan, train: States, levels: int) -> Path | None:
    """Where the checkpoint of a run lies: the name depends on all that its result depends on."""
    if cache is None:
        return None
    key = json.dumps([asdict(plan), train.key, levels], sort_keys=True)
    return cache / f"language-tree-{hashlib.sha256(key.encode()).hexdigest()[:12]}.pt"
