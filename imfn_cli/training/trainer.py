"""Training with gradients: level by level first, then end to end at all ratios and qualities mixed."""

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor

from ..defaults import CHECKPOINT_SECONDS
from ..network import IMFN, Branch, MemoryNetwork, frames_from_pixels
from ..reports import Validation
from .checkpoint import (
    FOLDER,
    Checkpoints,
    checkpoint_of,
    load_checkpoint,
    random_state,
    set_random_state,
)
from .objective import joint_loss, local_loss, refining_loss
from .pool import Pool
from .processes import Processes
from .rate import RateModel
from .recipe import Recipe
from .schedule import learning_rate
from .stage import LEAVES, Stage, stage_at
from .validation import Held, Score, append_to_log, measured

# Part of a time limit that one validation may take.
_VALIDATING = 0.08
#: Called after every step with (stage, steps done, steps in all).
Progress = Callable[[str, int, int], None]
_Network = TypeVar("_Network", bound=MemoryNetwork)


@dataclass
class Trainer(Generic[_Network]):
    """One training run: weights, their running average, optimiser, and where it stands.

    folder: of the model; the checkpoint and `log.csv` lie in its `training`.   limit: seconds after which
    training ends, validations included, learning rate at zero by then; None for the recipe's steps only. At
    least one step is made.   checkpoint_seconds: between two checkpoints.   clock: tells the seconds.

    Only a tree has levels that can be trained one by one: raises ValueError for
    another network unless the recipe's `local_share` is 0.
    """

    network: _Network
    recipe: Recipe
    pool: Pool
    held: Pool
    folder: Path
    device: torch.device
    processes: Processes = field(default_factory=Processes)
    limit: float | None = None
    checkpoint_seconds: float = CHECKPOINT_SECONDS
    clock: Callable[[], float] = time.monotonic

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
        self.validation_seconds = 0.0
        self._since = self.clock()
        self.random = np.random.default_rng((self.recipe.seed, self.processes.rank))
        self.weights = self.recipe.level_weights or (1.0,) * config.levels
        self._held = Held(self.held, self.recipe.crop, self.weights, self.device)
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
        if self.limit is not None and self.step:
            # The last validation belongs to it.
            room = self.limit - self.validation_seconds
            part = max(part, self.seconds / room if room > 0 else 1.0)
        return min(1.0, part)

    def stage(self) -> Stage:
        """What is trained now."""
        refines = self.network.leaf.inverse_branch is not None
        return stage_at(self.progress_made(), self.recipe, self._learned, refines=refines)

    def state(self) -> dict[str, Any]:
        """What a checkpoint holds."""
        return {
            "network": self.network.state_dict(),
            "rate": self.rate.state_dict(),
            "average": self.average.state_dict(),
            "best": self.best,
            "best_score": self.best_score,
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "leaves_begun": self.leaves_begun,
            "seconds": self.seconds,
            "validation_seconds": self.validation_seconds,
            "windows": self._held.windows,
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
        self.leaves_begun = state["leaves_begun"]
        self.validation_seconds = state["validation_seconds"]
        self._held = replace(self._held, windows=state["windows"])
        if self.processes.is_first:
            set_random_state(self.random, state["random"])
        else:
            self.random = np.random.default_rng((self.recipe.seed, self.processes.rank, self.step))

    # -- the run -------------------------------------------------------------------------------------------

    def run(self, progress: Progress, report: Callable[[Validation], None]) -> _Network:
        """Train to the end; returns the best averaged weights. Writes checkpoints and the log as it goes."""
        losses: list[Tensor] = []
        checkpoints = Checkpoints(checkpoint_of(self.folder), self.checkpoint_seconds)
        self._since = self.clock()
        if self.step == 0:
            report(self._validate([], self._tried()))
        while self.progress_made() < 1:
            stage = self.stage()
            losses.append(self._step(stage))
            self._count()
            progress(stage.name, self.step, self.recipe.steps)
            done = self.progress_made() >= 1
            if self.step % self.recipe.evaluate == 0 or done:
                report(self._validate(losses))
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

    def _count(self) -> float:
        """Add the seconds since this was called last, by the first process's clock; returns them."""
        now = self.clock()
        passed = self.processes.agree(now - self._since, self.device)
        self.seconds += passed
        self._since = now
        return passed

    def _tried(self) -> Score | None:
        """Under a limit validate on as many windows as a small part of it has time for.

        Returns what was measured to find that out, where it was on as many.
        """
        if self.limit is None:
            return None
        most = self._held.windows
        self._held = replace(self._held, windows=1)
        self._count()
        found = measured(self.average, self.rate, self._held)
        self.validation_seconds = self._count()
        room = _VALIDATING * self.limit / max(self.validation_seconds, 1e-9)
        self._held = replace(self._held, windows=max(1, min(most, int(room))))
        return found if self._held.windows == 1 else None

    def _validate(self, losses: list[Tensor], found: Score | None = None) -> Validation:
        """Measure the averaged weights, log that, and keep them if they are the best so far.

        found: what was measured just now.
        """
        if found is None:
            self._count()
            found = measured(self.average, self.rate, self._held)
            self.validation_seconds = self._count()
        if found.score < self.best_score:
            self.best_score = found.score
            self.best = {name: value.clone() for name, value in self.average.state_dict().items()}
        loss = float(torch.stack(losses).mean()) if losses else math.nan
        validation = Validation(self.step, self.stage().name, self.seconds, loss, **vars(found))
        if self.processes.is_first:
            append_to_log(self.folder / FOLDER / "log.csv", validation)
        return validation
