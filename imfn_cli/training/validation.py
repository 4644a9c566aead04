"""How far training is: the averaged weights on held-out windows, always the same, and the log of it."""

import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..bitstream.entropy.entropy_model import LAMBDA
from ..bitstream.quantiser import step_of_quality
from ..network import MemoryNetwork, frames_from_pixels
from ..reports import Validation
from ..system.files import writing
from .objective import memories_and_targets, restoration, rounded_leaves
from .pool import Pool
from .rate import RateModel

# Quality that the score counts beside floats.
_QUALITY = 40
# Windows, and the least side of them in pixels.
_WINDOWS = 6
_SIDE = 128
# Frames of each window that refining is scored on.
_REFINED_FRAMES = 4
_SEED = 12345


@dataclass(frozen=True)
class Held:
    """Held-out frames that a network is measured on.

    crop: side of the training's windows in pixels.   weights: of each level in the score, lowest first.
    windows: of each level that are measured.
    """

    pool: Pool
    crop: int
    weights: Sequence[float]
    device: torch.device
    windows: int = _WINDOWS

    def drawn(self, level: int, random: np.random.Generator) -> Iterator[Tensor]:
        """Windows of 2**level frames, (2**level, in_channels, H, W) each."""
        for _ in range(self.windows):
            pixels = self.pool.windows(1, 1 << level, max(self.crop, _SIDE), random, flips=False)
            yield frames_from_pixels(pixels.to(self.device), self.pool.config.in_channels)


@dataclass(frozen=True)
class Score:
    """What is measured; fields as in `Validation`."""

    score: float
    psnr: dict[int, float]
    psnr_quantised: dict[int, float]
    bits: dict[int, float]
    refined: float | None


@torch.inference_mode()
def measured(network: MemoryNetwork, rate: RateModel, held: Held) -> Score:
    """Every level that weighs something, in floats and rounded, and the branch that refines leaves."""
    levels = network.config.levels
    psnr: dict[int, float] = {}
    psnr_quantised: dict[int, float] = {}
    bits: dict[int, float] = {}
    score = 0.0
    errors: dict[tuple[int, int | None], list[tuple[float, float]]] = {}
    # Always the same windows.
    for frames in held.drawn(levels, np.random.default_rng(_SEED)):
        memories, targets = memories_and_targets(network, frames, levels)
        for level in (level for level, weight in enumerate(held.weights, 1) if weight):
            target = targets[min(level, len(targets) - 1)]
            for quality in (None, _QUALITY):
                found = restoration(rate, memories[level], target, level, quality)
                errors.setdefault((level, quality), []).append((float(found[0]), float(found[1])))
    slope = LAMBDA * step_of_quality(_QUALITY) ** 2
    for (level, quality), pairs in errors.items():
        distortion, spent = np.mean(pairs, axis=0)
        ratio = 1 << level
        (psnr if quality is None else psnr_quantised)[ratio] = -10 * math.log10(distortion + 1e-12)
        if quality is not None:
            bits[ratio] = float(spent)
        score += held.weights[level - 1] * math.log(distortion + slope * spent + 1e-9)
    score /= 2 * sum(held.weights)
    refined = None
    if network.leaf.inverse_branch is not None:
        refined = _refined(network, held)
        score -= refined * math.log(10) / 10
    return Score(score, psnr, psnr_quantised, bits, refined)


def _refined(network: MemoryNetwork, held: Held) -> float:
    """Decibels that refined leaves are nearer to what they should be, mean over ratios, at quality 40."""
    gains = []
    random = np.random.default_rng(_SEED)
    for level in range(network.config.levels + 1):
        errors = np.zeros(2)
        for frames in held.drawn(level, random):
            leaves, target, coding = rounded_leaves(network, frames, level, _QUALITY)
            every = slice(None, None, max(1, (1 << level) // _REFINED_FRAMES))
            for index, found in enumerate((leaves[every], network.leaf.refine(leaves[every], coding))):
                errors[index] += float((found - target[every]).square().mean())
        gains.append(10 * math.log10(errors[0] / errors[1]))
    return float(np.mean(gains))


def log_row(validation: Validation) -> dict[str, Any]:
    """One row of the CSV log."""
    row: dict[str, Any] = {"step": validation.step, "stage": validation.stage}
    row |= {"seconds": round(validation.seconds, 1)}
    row |= {"loss": round(validation.loss, 5), "score": round(validation.score, 5)}
    if validation.refined is not None:
        row["refined"] = round(validation.refined, 4)
    row |= {f"psnr_{ratio}": round(value, 3) for ratio, value in validation.psnr.items()}
    quantised, bits = validation.psnr_quantised, validation.bits
    row |= {f"psnr_q{_QUALITY}_{ratio}": round(value, 3) for ratio, value in quantised.items()}
    return row | {f"bits_q{_QUALITY}_{ratio}": round(value, 5) for ratio, value in bits.items()}


def append_to_log(path: Path, validation: Validation) -> None:
    """Write a validation under those before it; that of step 0 begins a new log. Raises `OutputError`."""
    row = log_row(validation)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = validation.step == 0 or not path.exists()
        with path.open("w" if fresh else "a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(row))
            if fresh:
                writer.writeheader()
            writer.writerow(row)
