"""From a recipe to a model folder: data in, training, entropy tables, weights, card."""

import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..bitstream.entropy.entropy_model import EntropyModel
from ..defaults import CHECKPOINT_SECONDS
from ..media import Source
from ..network import IMFN, IMFNConfig, frames_from_pixels
from ..reports import Validation
from ..zoo import find_model, load, pick_device
from .checkpoint import checkpoint_of, load_checkpoint
from .entropy_fit import fit_entropy
from .klt_fit import Progress, fit_maps
from .places import disjoint, sources_of
from .pool import Pool, read_pool
from .processes import Processes, local_rank
from .recipe import RECIPE_FILE, Recipe, read_recipe
from .samples import WINDOW_SAMPLE, sample_windows
from .start import starting_network
from .trainer import Trainer

# One in so many runs of frames is held out, to choose the best weights by.
_HELD_OUT = 10
# Frames that the scales of new branches are taken from, in windows of the highest level.
_CALIBRATION_WINDOWS = 4
# What a trained model goes on with: the shape of batches and the weights of losses.
_TAKEN_OVER = (
    *("shuffled", "trees", "crop", "mixed", "decode", "flips", "clip", "average"),
    *("float_share", "qualities", "level_weights", "leaf_share", "table_positions"),
)
# Peak learning rate there: what was learned shall not be lost.
_GENTLE = 5e-4
# For branches that a processor can train: small ones, on small crops of many places.
_SMALL: dict[str, Any] = {
    **{"merge_blocks": 1, "split_blocks": 2, "mixed": True, "crop": 64, "decode": 1.0},
    **{"learning_rate": 3e-3, "average": 0.998},
}


@dataclass(frozen=True)
class TrainedNetwork:
    """What a run made.

    network: the best averaged weights, on the CPU.   entropy: fitted to its memories; None in all processes
    but the first.   start: what it started from.   clips, frames: of the training data.   seconds: of
    training, validations included.
    """

    network: IMFN
    entropy: EntropyModel | None
    start: IMFN
    clips: int
    frames: int
    steps: int
    seconds: float
    evaluations: tuple[Validation, ...]


def train_model(
    recipe: Recipe,
    folder: Path,
    processes: Processes,
    *,
    device: torch.device,
    limit: float | None = None,
    resume: bool = False,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    progress: Progress = lambda *_: None,
    report: Callable[[Validation], None] = lambda _: None,
) -> TrainedNetwork:
    """Train by `recipe`, with checkpoints and log under `folder`.

    device: of this process.   limit: seconds of training.   report: called with each validation. Raises
    `InputError` for data that cannot be read, `ModelError` for a start that does not fit.
    """
    sources = sources_of(recipe.train)
    disjoint(sources, sources_of(recipe.test))
    if recipe.start:
        start = load(recipe.start, device="cpu").network
    else:
        start = fit_maps(sources, _shape(recipe), progress=progress)[0]
    config = start.config
    pool, held, frames = pools_of(recipe, sources, config, processes, progress)
    network = starting_network(start, recipe, calibration_frames(pool, recipe))
    trainer = Trainer(
        network, recipe, pool.to(device), held, folder, device, processes, limit, checkpoint_seconds
    )
    if resume:
        trainer.resume()
    evaluations: list[Validation] = []

    def keep(evaluation: Validation) -> None:
        evaluations.append(evaluation)
        report(evaluation)

    best = trainer.run(progress, keep).cpu()
    entropy: EntropyModel | None = None
    if processes.is_first:
        sample = replace(WINDOW_SAMPLE, positions=recipe.table_positions)
        samples = sample_windows(best.to(device), pool, sample, seed=recipe.seed)
        entropy = fit_entropy(samples, config.channels, progress)
    return TrainedNetwork(
        best.cpu(), entropy, start, len(sources), frames, trainer.step, trainer.seconds, tuple(evaluations)
    )


def pools_of(
    recipe: Recipe,
    sources: Sequence[Source],
    config: IMFNConfig,
    processes: Processes,
    progress: Progress = lambda *_: None,
) -> tuple[Pool, Pool, int]:
    """What this process trains on, what the best weights are chosen by, and the frames seen in `sources`.

    Raises `InputError` for data that cannot be read.
    """
    # Each process reads its own share of the clips, where there are enough for all.
    own = sources[processes.rank :: processes.size] if len(sources) >= 4 * processes.size else sources
    pool, frames = read_pool(
        own,
        config,
        shuffled=recipe.shuffled,
        memory=recipe.memory_gb,
        seed=recipe.seed + processes.rank,
        progress=progress,
    )
    # Never the test data: what is chosen by it is not measured by it.
    return (*pool.split(_HELD_OUT), frames)


def calibration_frames(pool: Pool, recipe: Recipe) -> torch.Tensor:
    """Frames (T, in_channels, H, W), whole windows of the largest ratio, to scale new branches by."""
    random = np.random.default_rng(recipe.seed)
    length = 1 << pool.config.levels
    pixels = pool.windows(_CALIBRATION_WINDOWS, length, 1 << 20, random, flips=False)
    return frames_from_pixels(pixels, pool.config.in_channels)


def recipe_for(sources: Sequence[str], start: str, **changes: Any) -> Recipe:
    """The recipe for data of one's own: continue a trained model gently, or give a linear one branches.

    A trained model goes on with batches and losses as the recipe in its folder has them.
    """
    config = load(start, device="cpu").network.config
    values: dict[str, Any] = {}
    if not config.is_linear:
        path = find_model(start) / RECIPE_FILE
        if path.is_file():
            own = read_recipe(path)
            values = {name: getattr(own, name) for name in _TAKEN_OVER}
        values |= {"local_share": 0.0, "learning_rate": _GENTLE, "steps": 5000}
    elif config.patch_height * config.patch_width > 256:
        values = {"widths": (512,) * config.levels, "kernel": 1}
    else:
        # As in `video`: little is lost, and so to be learned, below eight frames.
        bottom = 2 if config.levels > 3 else 0
        values = {"widths": (0,) * bottom + (192,) * (config.levels - bottom), **_SMALL}
    return Recipe(**{"train": tuple(sources), "start": start, **values, **changes})


def _shape(recipe: Recipe) -> IMFNConfig:
    channels = 1 if recipe.gray else 3
    size = recipe.patch**2 * channels
    return IMFNConfig(
        *(recipe.patch, recipe.patch, channels, recipe.channels or size, recipe.levels),
        independent=recipe.shuffled,
    )


def resumed_recipe(folder: Path) -> tuple[Recipe, float | None]:
    """The recipe and the time limit that an interrupted run under `folder` was started with."""
    state = load_checkpoint(checkpoint_of(folder))
    recipe = Recipe.from_dict(tomllib.loads(state["recipe"]), str(folder))
    return recipe, state["limit"]


def changed(recipe: Recipe, **changes: Any) -> Recipe:
    """`recipe` with those of `changes` that are not None."""
    return replace(recipe, **{name: value for name, value in changes.items() if value is not None})


def device_of(name: str) -> torch.device:
    """The device of this process: with several GPUs, its own. Raises `ModelError` if it is not there."""
    picked = pick_device(name)
    return torch.device(picked, local_rank()) if picked == "cuda" else torch.device(picked)
