"""Distilling the tree into its student: what learned merges do to a root, as one update per frame."""

import copy
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..network import IMFN, Student, Update, frames_from_pixels
from .pool import Pool

#: Called after every step with (stage, steps done, steps in all).
Progress = Callable[[str, int, int], None]

# Added to squared errors: far below what 8 bits can show.
_FLOOR = 1e-9
# Share of a root's variance below which a gap counts as none.
_NO_GAP = 1e-9
_LEARNING_RATE = 2e-3
_EVALUATIONS = 6
_HELD_SEED = 4321
# Gain over the linear student, mean over ratios, below which an update is not worth its time, in dB.
_WORTH = 0.02


@dataclass(frozen=True)
class DistillRow:
    """Tree against student at one ratio, on held-out windows, memories in floats.

    psnr_*: dB over all restored values, of the tree, of the student with its learned update, and without.
    distance, distance_linear: root mean squared difference of the student's memories to the tree's over the
    deviation of the tree's, with the update and without.
    """

    ratio: int
    psnr_tree: float
    psnr_student: float
    psnr_linear: float
    distance: float
    distance_linear: float


@dataclass
class Distiller:
    """One distillation of `network`, which stays as it is.

    width, blocks: of the update's branch.   frames_per_step: frames whose windows one step learns from.
    crop: side of the windows in pixels.   limit: seconds after which it ends, None for the steps alone.
    decoder, prefix: weights of the loss's parts beside the distance of the roots.
    """

    network: IMFN
    pool: Pool
    held: Pool
    steps: int = 2000
    limit: float | None = None
    width: int = 96
    blocks: int = 2
    frames_per_step: int = 64
    crop: int = 96
    decoder: float = 1.0
    prefix: float = 0.25
    seed: int = 0
    steps_done: int = 0
    students: dict[int, Student] = field(default_factory=dict)

    def run(self, progress: Progress = lambda *_: None) -> tuple[Update | None, list[DistillRow]]:
        """Learn the update for every ratio at once; returns the best that was seen, and how it compares.

        None instead of an update that gains less than 0.02 dB: the linear student is as good, and quicker.

        The loss of a window: the squared distance of the student's memory to the tree's root, over that of
        the untrained student; the logarithm of the error of the frames that the inverse tree restores from
        it; and the same of a prefix of random length, so that the memory is useful before it is full.
        """
        torch.manual_seed(self.seed)
        network, device = self.network, self.network.leaf.map.weight.device
        network.requires_grad_(False).eval()
        update = Update(network.config, self.width, self.blocks).to(device)
        # Up to there the linear student is exact.
        levels = range(network.config.linear_levels + 1, network.config.levels + 1)
        self.students = {level: Student(network, level, update).to(device) for level in levels}
        random = np.random.default_rng(self.seed)
        gaps = self._calibrate(update, random)
        optimiser = torch.optim.AdamW(update.parameters(), _LEARNING_RATE, weight_decay=1e-3)
        best, best_score = copy.deepcopy(update.state_dict()), self._score(self.evaluate())
        began = time.monotonic()
        evaluations = 0
        for step in range(self.steps):
            spent = (time.monotonic() - began) / self.limit if self.limit else 0.0
            part = max(step / self.steps, spent)
            if part >= 1:
                break
            for group in optimiser.param_groups:
                warm = min(1.0, (step + 1) / 20)
                group["lr"] = _LEARNING_RATE * warm * (0.5 + 0.5 * math.cos(math.pi * part))
            # Every ratio as often; the work of a step is about the same.
            level = levels[step % len(levels)]
            loss = self._loss(level, gaps[level], random)
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(update.parameters(), 1.0)
            optimiser.step()
            self.steps_done = step + 1
            progress("distilling", step + 1, self.steps)
            if part >= (evaluations + 1) / _EVALUATIONS:
                evaluations += 1
                best, best_score = self._better(update, best, best_score)
        best, _ = self._better(update, best, best_score)
        update.load_state_dict(best)
        rows = self.evaluate()
        gain = sum(row.psnr_student - row.psnr_linear for row in rows) / len(rows)
        return (update.eval() if gain >= _WORTH else None), rows

    def _better(
        self, update: Update, best: dict[str, Any], best_score: float
    ) -> tuple[dict[str, Any], float]:
        score = self._score(self.evaluate())
        return (copy.deepcopy(update.state_dict()), score) if score < best_score else (best, best_score)

    def _score(self, rows: Sequence[DistillRow]) -> float:
        """The loss on held-out windows, prefixes aside, mean over ratios; lower is better."""
        scores = []
        for row in rows:
            distance = (row.distance / max(row.distance_linear, 1e-9)) ** 2
            scores.append(distance + self.decoder * math.log(10) / 10 * (row.psnr_tree - row.psnr_student))
        return sum(scores) / len(scores)

    # -- one window ---------------------------------------------------------------------------------------

    def _windows(self, pool: Pool, level: int, random: np.random.Generator, *, flips: bool) -> Tensor:
        """(N · r, in_channels, H, W): as many windows of r frames as a step takes, one after another."""
        count = max(1, self.frames_per_step >> level)
        pixels = pool.windows(count, 1 << level, self.crop, random, flips=flips)
        device = self.network.leaf.map.weight.device
        return frames_from_pixels(pixels.to(device), self.network.config.in_channels)

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
        rows = []
        for level, student in self.students.items():
            random = np.random.default_rng(_HELD_SEED)
            frames = self._windows(self.held, level, random, flips=False)
            root = self.network.climb(frames, level)[-1]
            spread = root.transpose(0, 1).flatten(1).std(dim=1).square().mean().sqrt()
            learned = self._walk(student, frames, student.ratio)
            plain = self._walk(Student(self.network, level), frames, student.ratio)
            errors = [self._error(memory, frames, level, student.ratio) for memory in (root, learned, plain)]
            psnr = [-10 * math.log10(float(error) + 1e-10) for error in errors]
            distances = [
                float((memory - root).square().mean().sqrt() / spread) for memory in (learned, plain)
            ]
            rows.append(DistillRow(student.ratio, *psnr, *distances))
        return rows
