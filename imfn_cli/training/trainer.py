"""Training with gradients: level by level first, then end to end at all ratios and qualities mixed."""

import copy
import csv
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor

from ..bitstream.quantiser import step_of_quality
from ..network import IMFN, Branch, MemoryNetwork, frames_from_pixels
from ..reports import Validation
from ..system.files import writing
from .checkpoint import (
    FOLDER,
    SECONDS,
    Checkpoints,
    checkpoint_of,
    load_checkpoint,
    random_state,
    set_random_state,
)
from .objective import (
    LAMBDA,
    joint_loss,
    local_loss,
    memories_and_targets,
    refining_loss,
    restoration,
    rounded_leaves,
)
from .pool import Pool
from .processes import Processes
from .rate import RateModel
from .recipe import Recipe
from .schedule import learning_rate

# Quality that the score counts beside floats, and windows of the highest level that it is taken on.
_SCORED_QUALITY = 40
_EVALUATION_TREES = 6
_EVALUATION_SIDE = 128
# Frames of each window that refining is scored on.
_REFINED_FRAMES = 4
_EVALUATION_SEED = 12345


#: Name of the last stage, in which the branch that refines leaves is trained, and nothing else.
LEAVES = "leaves"


class Stage(NamedTuple):
    """What is trained: one level (1 … levels), or with level 0 the tree end to end, or its leaves' branch.

    done: part of the learning rate's schedule, 0 … 1; the leaves have one of their own.
    """

    name: str
    level: int
    done: float


#: Called after every step with (stage, steps done, steps in all).
Progress = Callable[[str, int, int], None]
_Network = TypeVar("_Network", bound=MemoryNetwork)


@dataclass
class Trainer(Generic[_Network]):
    """One training run: weights, their running average, optimiser, and where it stands.

    folder: of the model; the checkpoint and `log.csv` lie in its `training`.   limit: seconds after which
    training ends, learning rate at zero by then; None for the recipe's steps only.   checkpoint_seconds:
    between two checkpoints. Only a tree has levels
    that can be trained one by one: of another network `ValueError` unless the recipe's `local_share` is 0.
    """

    network: _Network
    recipe: Recipe
    pool: Pool
    held: Pool
    folder: Path
    device: torch.device
    processes: Processes = field(default_factory=Processes)
    limit: float | None = None
    checkpoint_seconds: float = SECONDS

    def __post_init__(self) -> None:
        config = self.network.config
        if self.recipe.local_share and not isinstance(self.network, IMFN):
            raise ValueError("only a tree is trained level by level; set local_share to 0")
        self.network.to(self.device)
        self.rate = RateModel(config.levels, config.channels).to(self.device)
        self.average = copy.deepcopy(self.network).requires_grad_(False).eval()
        self.best = {name: value.clone() for name, value in self.average.state_dict().items()}
        self.best_score = math.inf
        self.step = 0
        self.leaves_begun: int | None = None
        self.seconds = 0.0
        self.random = np.random.default_rng((self.recipe.seed, self.processes.rank))
        self.weights = self.recipe.level_weights or (1.0,) * config.levels
        self._learned = [level for level, width in enumerate(config.widths, 1) if width]
        self._parameters = [
            p for p in (*self.network.parameters(), *self.rate.parameters()) if p.requires_grad
        ]
        matrices = [p for p in self._parameters if p.ndim > 1]
        others = [p for p in self._parameters if p.ndim <= 1]
        self.optimiser = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}],
            lr=self.recipe.learning_rate,
            betas=(0.9, 0.98),
        )
        self.processes.broadcast([*self.network.parameters(), *self.rate.parameters()])
        # Matrix products of the branches in bfloat16 where the hardware is made for it; the maps stay exact.
        for module in self.network.modules():
            if isinstance(module, Branch):
                module.low_precision = self.device.type == "cuda"

    # -- where the run stands ------------------------------------------------------------------------------

    def progress_made(self) -> float:
        """Part of the run that is done, 0 … 1: of its steps or of its time, whichever is further."""
        part = self.step / self.recipe.steps
        return min(1.0, max(part, self.seconds / self.limit if self.limit else 0.0))

    def stage(self) -> Stage:
        """What is trained now."""
        leaf_share = self.recipe.leaf_share if self.network.leaf.inverse_branch is not None else 0.0
        done, tree_share = self.progress_made(), 1 - leaf_share
        if done >= tree_share and leaf_share:
            return Stage(LEAVES, 0, (done - tree_share) / leaf_share)
        done /= tree_share
        share = self.recipe.local_share
        if done >= share:
            return Stage("end to end", 0, done)
        levels = self._learned
        level = levels[min(int(done / share * len(levels)), len(levels) - 1)]
        return Stage(f"level {level}", level, done)

    def state(self) -> dict[str, Any]:
        """What a checkpoint holds."""
        return {
            "recipe": self.recipe.to_toml(),
            "network": self.network.state_dict(),
            "rate": self.rate.state_dict(),
            "average": self.average.state_dict(),
            "best": self.best,
            "best_score": self.best_score,
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "leaves_begun": self.leaves_begun,
            "seconds": self.seconds,
            "limit": self.limit,
            "random": random_state(self.random),
        }

    def resume(self) -> None:
        """Take over the checkpoint in the model's folder. Raises `InputError` where there is none."""
        state = load_checkpoint(checkpoint_of(self.folder))
        self.network.load_state_dict(state["network"])
        self.rate.load_state_dict(state["rate"])
        self.average.load_state_dict(state["average"])
        self.best = {name: value.to(self.device) for name, value in state["best"].items()}
        self.best_score, self.step, self.seconds = state["best_score"], state["step"], state["seconds"]
        self.optimiser.load_state_dict(state["optimiser"])
        self.leaves_begun = state.get("leaves_begun")
        if self.processes.is_first:
            set_random_state(self.random, state["random"])
        else:
            self.random = np.random.default_rng((self.recipe.seed, self.processes.rank, self.step))

    # -- the run -------------------------------------------------------------------------------------------

    def run(self, progress: Progress, report: Callable[[Validation], None]) -> _Network:
        """Train to the end; returns the best averaged weights. Writes checkpoints and the log as it goes."""
        losses: list[Tensor] = []
        checkpoints = Checkpoints(checkpoint_of(self.folder), self.checkpoint_seconds)
        clock = time.monotonic()
        if self.step == 0:
            report(self._evaluate([]))
            clock = time.monotonic()
        while self.progress_made() < 1:
            stage = self.stage()
            losses.append(self._step(stage))
            now = time.monotonic()
            self.seconds += self.processes.agree(now - clock, self.device)
            clock = now
            progress(stage.name, self.step, self.recipe.steps)
            done = self.progress_made() >= 1
            if self.step % self.recipe.evaluate == 0 or done:
                report(self._evaluate(losses))
                losses.clear()
            if self.processes.is_first:
                checkpoints.keep(self.state, now=done)
        self.average.load_state_dict(self.best)
        return self.average

    def _step(self, stage: Stage) -> Tensor:
        recipe, config = self.recipe, self.network.config
        self._set_rate(stage)
        top = config.levels
        if stage.name == LEAVES:
            top = int(self.random.integers(config.levels + 1))
        elif recipe.mixed:
            weights = np.array([self.weights[learned - 1] for learned in self._learned])
            top = stage.level or int(self.random.choice(self._learned, p=weights / weights.sum()))
        pixels = self.pool.windows(
            recipe.trees << config.levels - top, 1 << top, recipe.crop, self.random, flips=recipe.flips
        )
        frames = frames_from_pixels(pixels.to(self.device), config.in_channels)
        self.optimiser.zero_grad(set_to_none=True)
        if stage.level:
            assert isinstance(self.network, IMFN)
            loss = local_loss(self.network, frames, stage.level)
        elif stage.name == LEAVES:
            loss = refining_loss(self.network, frames, self.random, level=top, qualities=recipe.qualities)
        else:
            loss = joint_loss(
                self.network,
                self.rate,
                frames,
                self.random,
                level=top,
                decode=recipe.decode,
                float_share=recipe.float_share,
                qualities=recipe.qualities,
                weights=self.weights,
            )
        loss.backward()
        # Of what is not trained now there may be no gradients at all, not even zeros: weights would decay.
        refining = self.network.leaf.inverse_branch if stage.name == LEAVES else None
        trained = self._parameters if refining is None else list(refining.parameters())
        self.processes.average(trained)
        norm = torch.nn.utils.clip_grad_norm_(trained, recipe.clip)
        # One window that blows up must not cost the run.
        if bool(torch.isfinite(norm)):
            self.optimiser.step()
        self.step += 1
        decay = min(recipe.average, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.network.parameters()), 1 - decay)
        return loss.detach()

    def _set_rate(self, stage: Stage) -> None:
        """Set the learning rate: each schedule begins with a warm-up and falls to zero along a cosine."""
        begun = 0
        if stage.name == LEAVES:
            begun = self.leaves_begun = self.step if self.leaves_begun is None else self.leaves_begun
        warm = (self.step - begun + 1) / (self.recipe.warmup + 1)
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(self.recipe.learning_rate, warm, stage.done)

    @torch.inference_mode()
    def _evaluate(self, losses: list[Tensor]) -> Validation:
        network, config = self.average, self.network.config
        random = np.random.default_rng(_EVALUATION_SEED)
        psnr: dict[int, float] = {}
        psnr_quantised: dict[int, float] = {}
        bits: dict[int, float] = {}
        score = 0.0
        errors: dict[tuple[int, int | None], list[tuple[float, float]]] = {}
        for _ in range(_EVALUATION_TREES):
            side = max(self.recipe.crop, _EVALUATION_SIDE)
            pixels = self.held.windows(1, 1 << config.levels, side, random, flips=False)
            frames = frames_from_pixels(pixels.to(self.device), config.in_channels)
            memories, targets = memories_and_targets(network, frames, config.levels)
            for level in (level for level, weight in enumerate(self.weights, 1) if weight):
                target = targets[min(level, len(targets) - 1)]
                for quality in (None, _SCORED_QUALITY):
                    found = restoration(self.rate, memories[level], target, level, quality)
                    errors.setdefault((level, quality), []).append((float(found[0]), float(found[1])))
        slope = LAMBDA * step_of_quality(_SCORED_QUALITY) ** 2
        for (level, quality), pairs in errors.items():
            distortion, rate = np.mean(pairs, axis=0)
            ratio = 1 << level
            (psnr if quality is None else psnr_quantised)[ratio] = -10 * math.log10(distortion + 1e-12)
            if quality is not None:
                bits[ratio] = float(rate)
            score += self.weights[level - 1] * math.log(distortion + slope * rate + 1e-9)
        score /= 2 * sum(self.weights)
        refined = self._refined() if self.network.leaf.inverse_branch is not None else None
        if refined is not None:
            score -= refined * math.log(10) / 10
        if score < self.best_score:
            self.best_score = score
            self.best = {name: value.clone() for name, value in self.average.state_dict().items()}
        loss = float(torch.stack(losses).mean()) if losses else math.nan
        evaluation = Validation(
            self.step, self.stage().name, self.seconds, loss, score, psnr, psnr_quantised, bits, refined
        )
        if self.processes.is_first:
            self._log(log_row(evaluation))
        return evaluation

    def _refined(self) -> float:
        """Decibels that refined leaves are nearer to what they should be, mean over ratios, at quality 40."""
        config, leaf = self.average.config, self.average.leaf
        random = np.random.default_rng(_EVALUATION_SEED)
        gains = []
        for level in range(config.levels + 1):
            errors = np.zeros(2)
            for _ in range(_EVALUATION_TREES):
                side = max(self.recipe.crop, _EVALUATION_SIDE)
                pixels = self.held.windows(1, 1 << level, side, random, flips=False)
                frames = frames_from_pixels(pixels.to(self.device), config.in_channels)
                leaves, target, coding = rounded_leaves(self.average, frames, level, _SCORED_QUALITY)
                every = slice(None, None, max(1, (1 << level) // _REFINED_FRAMES))
                for index, found in enumerate((leaves[every], leaf.refine(leaves[every], coding))):
                    errors[index] += float((found - target[every]).square().mean())
            gains.append(10 * math.log10(errors[0] / errors[1]))
        return float(np.mean(gains))

    def _log(self, row: dict[str, Any]) -> None:
        path = self.folder / FOLDER / "log.csv"
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh = row["step"] == 0 or not path.exists()
            with path.open("w" if fresh else "a", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, list(row))
                if fresh:
                    writer.writeheader()
                writer.writerow(row)


def log_row(validation: Validation) -> dict[str, Any]:
    """One row of the CSV log."""
    row: dict[str, Any] = {"step": validation.step, "stage": validation.stage}
    row |= {"seconds": round(validation.seconds, 1)}
    row |= {"loss": round(validation.loss, 5), "score": round(validation.score, 5)}
    if validation.refined is not None:
        row["refined"] = round(validation.refined, 4)
    row |= {f"psnr_{ratio}": round(value, 3) for ratio, value in validation.psnr.items()}
    quantised, bits = validation.psnr_quantised, validation.bits
    row |= {f"psnr_q{_SCORED_QUALITY}_{ratio}": round(value, 3) for ratio, value in quantised.items()}
    return row | {f"bits_q{_SCORED_QUALITY}_{ratio}": round(value, 5) for ratio, value in bits.items()}
