"""Distilling the tree into the paper's recurrent student: what learned merges do, as one update per frame."""

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..defaults import CHECKPOINT_SECONDS
from ..network import IMFN, Student, Update
from ..reports import DistillRow
from .budget import Budget
from .checkpoint import Checkpoints, load_checkpoint, random_state, set_random_state
from .pool import Windows
from .schedule import learning_rate

#: Called after every step with (stage, steps done, steps in all).
Progress = Callable[[str, int, int], None]

# Added to squared errors: far below what 8 bits can show.
_FLOOR = 1e-9
# Share of a root's variance below which a gap counts as none.
_NO_GAP = 1e-9
_LEARNING_RATE, _WARMUP = 2e-3, 20
_EVALUATIONS = 6
_HELD_SEED = 4321
# Gain over the linear student, mean over ratios, below which an update is not worth its time, in dB.
_WORTH = 0.02


@dataclass
class Distiller:
    """One distillation of `network`, which stays as it is.

    width, blocks: of the update's branch.   frames_per_step: frames whose windows one step learns from.
    crop: side of the windows in pixels.   budget: time of the whole run.
    decoder, prefix: weights of the loss's parts beside the distance of the roots.
    checkpoint: file for the run's state, written every `checkpoint_seconds`, with `about`; None for none.
    """

    network: IMFN
    pool: Windows
    held: Windows
    steps: int = 2000
    budget: Budget = field(default_factory=Budget)
    width: int = 96
    blocks: int = 2
    frames_per_step: int = 64
    crop: int = 96
    decoder: float = 1.0
    prefix: float = 0.25
    seed: int = 0
    checkpoint: Path | None = None
    checkpoint_seconds: float = CHECKPOINT_SECONDS
    about: dict[str, Any] = field(default_factory=dict)
    steps_done: int = field(default=0, init=False)
    seconds: float = field(default=0.0, init=False)
    students: dict[int, Student] = field(default_factory=dict, init=False)
    update: Update = field(init=False)
    _references: dict[int, "_Reference"] = field(default_factory=dict, init=False, repr=False)

    def run(
        self, progress: Progress = lambda *_: None, *, resume: bool = False
    ) -> tuple[Update | None, list[DistillRow]]:
        """Learn the update for every ratio at once; returns the best that was seen, and how it compares.

        None instead of an update that gains less than 0.02 dB: the linear student is as good, and quicker.
        resume: go on from the checkpoint, to the very same end. Raises `InputError` where there is none.

        The loss of a window: the squared distance of the student's memory to the tree's root, over that of
        the untrained student; the logarithm of the error of the frames that the inverse tree restores from
        it; and the same of a prefix of random length, so that the memory is useful before it is full.
        """
        self._begin()
        if resume and self.checkpoint is not None:
            self._set_state(load_checkpoint(self.checkpoint))
        checkpoints = (
            None if self.checkpoint is None else Checkpoints(self.checkpoint, self.checkpoint_seconds)
        )
        clock = self.budget.clock
        before = clock()
        self._limit = self.seconds + self.budget.left - self._ending
        while (part := self._progress_made()) < 1:
            self._step(part)
            progress("distilling", self.steps_done, self.steps)
            if part >= (self._evaluations + 1) / _EVALUATIONS:
                self._evaluations += 1
                self._keep_the_best()
            now = clock()
            self.seconds += now - before
            before = now
            if checkpoints is not None:
                checkpoints.keep(self._state)
        self._keep_the_best()
        self.update.load_state_dict(self._best)
        rows = self.evaluate()
        gain = sum(row.psnr_student - row.psnr_linear for row in rows) / len(rows)
        return (self.update.eval() if gain >= _WORTH else None), rows

    # -- where the run stands ------------------------------------------------------------------------------

    def _begin(self) -> None:
        torch.manual_seed(self.seed)
        network, device = self.network, self.network.leaf.map.weight.device
        network.requires_grad_(False).eval()
        self.update = Update(network.config, self.width, self.blocks).to(device)
        # Up to there the linear student is exact.
        levels = range(network.config.linear_levels + 1, network.config.levels + 1)
        self.students = {level: Student(network, level, self.update).to(device) for level in levels}
        self._random = np.random.default_rng(self.seed)
        self._gaps = self._calibrate(self.update, self._random)
        self._optimiser = torch.optim.AdamW(self.update.parameters(), _LEARNING_RATE, weight_decay=1e-3)
        self._best = copy.deepcopy(self.update.state_dict())
        began = self.budget.clock()
        self._best_score = self._score(self.evaluate())
        # Two evaluations at the end, shorter than the first one, a step too many, and the files.
        self._ending = 1.5 * (self.budget.clock() - began)
        self._evaluations = 0

    def _progress_made(self) -> float:
        """Part of the run that is done, 0 … 1: of its steps or of its time, whichever is further."""
        # One step at least.
        timed = self.seconds / self._limit if self._limit > 0 else float(self.steps_done > 0)
        return max(self.steps_done / self.steps, timed)

    def _state(self) -> dict[str, Any]:
        """What a checkpoint holds; the rest follows from the network, the data and the options."""
        return {
            "about": self.about,
            "update": self.update.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "best": self._best,
            "best_score": self._best_score,
            "evaluations": self._evaluations,
            "step": self.steps_done,
            "seconds": self.seconds,
            "spent": self.budget.spent,
            "random": random_state(self._random),
        }

    def _set_state(self, state: dict[str, Any]) -> None:
        self.update.load_state_dict(state["update"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._best, self._best_score = state["best"], state["best_score"]
        self._evaluations, self.steps_done = state["evaluations"], state["step"]
        self.seconds = state["seconds"]
        self.budget.before = state.get("spent", self.seconds)
        set_random_state(self._random, state["random"])

    def _step(self, part: float) -> None:
        for group in self._optimiser.param_groups:
            group["lr"] = learning_rate(_LEARNING_RATE, (self.steps_done + 1) / _WARMUP, part)
        # Every ratio as often; the work of a step is about the same.
        levels = list(self.students)
        level = levels[self.steps_done % len(levels)]
        loss = self._loss(level, self._gaps[level], self._random)
        self._optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.update.parameters(), 1.0)
        self._optimiser.step()
        self.steps_done += 1

    def _keep_the_best(self) -> None:
        score = self._score(self.evaluate())
        if score < self._best_score:
            self._best, self._best_score = copy.deepcopy(self.update.state_dict()), score

    def _score(self, rows: Sequence[DistillRow]) -> float:
        """The loss on held-out windows, prefixes aside, mean over ratios; lower is better."""
        scores = []
        for row in rows:
            distance = (row.distance / max(row.distance_linear, 1e-9)) ** 2
            scores.append(distance + self.decoder * math.log(10) / 10 * (row.psnr_tree - row.psnr_student))
        return sum(scores) / len(scores)

    # -- one window ---------------------------------------------------------------------------------------

    def _windows(self, pool: Windows, level: int, random: np.random.Generator, *, flips: bool) -> Tensor:
        """(N · r, in_channels, H, W): as many windows of r frames as a step takes, one after another."""
        count = max(1, self.frames_per_step >> level)
        frames = pool.frame_windows(count, 1 << level, self.crop, random, flips=flips)
        return frames.to(self.network.leaf.map.weight.device)

    def _walk(self, student: Student, frames: Tensor, stop: int) -> Tensor:
        """The student's memories (N, C, h, w) after `stop` frames of each window."""
        by_time = frames.unflatten(0, (-1, student.ratio)).transpose(0, 1)
        memory = student.reset(frames.shape[2], frames.shape[3], by_time.shape[1])
        for t in range(stop):
            memory = student.step(memory, by_time[t], t)
        return memory

    def _loss(self, level: int, gap: float, random: np.random.Generator) -> Tensor:
        student = self.students[level]
        frames = self._windows(self.pool, level, random, flips=True)
        with torch.no_grad():
            root = self.network.climb(frames, level)[-1]
        prefix = int(random.integers(1, student.ratio))
        # One walk serves both: the prefix is on the way.
        by_time = frames.unflatten(0, (-1, student.ratio)).transpose(0, 1)
        memory = student.reset(frames.shape[2], frames.shape[3], by_time.shape[1])
        early = memory
        for t, frame in enumerate(by_time):
            memory = student.step(memory, frame, t)
            if t + 1 == prefix:
                early = memory
        distance = (memory - root).square().mean() / gap
        if self.decoder:
            error = self._error(memory, frames, level, student.ratio)
            distance = distance + self.decoder * torch.log(error + _FLOOR)
        if self.prefix:
            error = self._error(early, frames, level, prefix)
            distance = distance + self.prefix * torch.log(error + _FLOOR)
        return distance

    def _error(self, memory: Tensor, frames: Tensor, level: int, seen: int) -> Tensor:
        """Mean squared error of the first `seen` frames of each window."""
        ratio = 1 << level
        restored = self.network.restore(memory, ratio, *frames.shape[2:])
        difference = (restored - frames).unflatten(0, (-1, ratio))[:, :seen]
        return difference.square().mean()

    # -- measuring ----------------------------------------------------------------------------------------

    @torch.no_grad()
    def _calibrate(self, update: Update, random: np.random.Generator) -> dict[int, float]:
        """Fix the branch's scales; returns level → mean squared distance of untrained student and tree."""
        gaps: dict[int, float] = {}
        memories, leaves, wanted = [], [], []
        for level, student in self.students.items():
            frames = self._windows(self.pool, level, random, flips=True)
            root = self.network.climb(frames, level)[-1]
            memory = self._walk(student, frames, student.ratio)
            missing = root - memory
            gaps[level] = max(float(missing.square().mean()), _NO_GAP * float(root.square().mean()) + 1e-12)
            memories.append(memory.transpose(0, 1).flatten(1))
            # A root's gap is the sum of what r updates add.
            wanted.append(missing.transpose(0, 1).flatten(1) / student.ratio**0.5)
            leaf = self.network.leaf(frames[:: max(1, student.ratio // 2)])
            leaves.append(leaf.transpose(0, 1).flatten(1))
        deviations = [torch.cat(found, dim=1).std(dim=1) for found in (memories, leaves, wanted)]
        update.branch.calibrate(torch.cat(deviations[:2]), deviations[2])
        return gaps

    @torch.no_grad()
    def evaluate(self) -> list[DistillRow]:
        """Tree against student at every ratio on the held-out windows, always the same."""
        return [self._row(level, student) for level, student in self.students.items()]

    def _row(self, level: int, student: Student) -> DistillRow:
        known = self._references.get(level)
        if known is None:
            known = self._references[level] = self._reference(level, student.ratio)
        memory = self._walk(student, known.frames, student.ratio)
        psnr, distance = self._measured(memory, known, level)
        return DistillRow(
            student.ratio, known.psnr_tree, psnr, known.psnr_plain, distance, known.distance_plain
        )

    def _reference(self, level: int, ratio: int) -> "_Reference":
        """The windows of this level, and what no step of the distillation changes."""
        random = np.random.default_rng(_HELD_SEED)
        frames = self._windows(self.held, level, random, flips=False)
        root = self.network.climb(frames, level)[-1]
        spread = root.transpose(0, 1).flatten(1).std(dim=1).square().mean().sqrt()
        known = _Reference(frames, root, spread)
        known.psnr_tree, _ = self._measured(root, known, level)
        plain = self._walk(Student(self.network, level), frames, ratio)
        known.psnr_plain, known.distance_plain = self._measured(plain, known, level)
        return known

    def _measured(self, memory: Tensor, known: "_Reference", level: int) -> tuple[float, float]:
        """PSNR (dB) of what is restored from `memory`, and its distance to the tree's root."""
        error = self._error(memory, known.frames, level, 1 << level)
        distance = (memory - known.root).square().mean().sqrt() / known.spread
        return -10 * math.log10(float(error) + 1e-10), float(distance)


@dataclass
class _Reference:
    """Held-out windows, the tree's roots, and how the tree and the untrained student do on them."""

    frames: Tensor
    root: Tensor
    spread: Tensor
    psnr_tree: float = math.nan
    psnr_plain: float = math.nan
    distance_plain: float = math.nan
