"""From a recipe to a trained network: data in, training, coding tables."""

import functools
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from ..bitstream.entropy.entropy_model import EntropyModel
from ..defaults import CHECKPOINT_SECONDS
from ..errors import InputError
from ..media import Source
from ..network import IMFN, IMFNConfig, frames_from_pixels
from ..reports import Validation
from ..zoo import load, pick_device
from .budget import Budget, never
from .checkpoint import has_checkpoint
from .klt_fit import Progress, fit_maps, levels_note
from .places import disjoint, sources_of
from .pool import Pool, read_pool
from .processes import Processes, local_rank
from .recipe import Recipe
from .samples import WINDOW_SAMPLE, Sample, sample_windows
from .stages import Stages
from .start import starting_network
from .tables import TablePlan, fit_tables, plan_tables
from .trainer import Trainer

# One in so many runs of frames is held out, to choose the best weights by.
_HELD_OUT = 10
# Frames that the scales of new branches are taken from, in windows of the highest level, and most of a side.
_CALIBRATION_WINDOWS, _CALIBRATION_SIDE = 4, 512
# Parts of a time limit: for maps in closed form, to read the data, and to write the files.
_MAPS, _READING, _WRITING = 0.25, 0.15, 0.03
_MAPS_STAGE, _READING_STAGE, _BESIDE_STAGE = "maps", "runs read", "seconds beside training"
_KEPT = "coding tables are those of the start: own ones take longer than the time limit leaves"


@dataclass(frozen=True)
class TrainedNetwork:
    """What a run made.

    network: the best averaged weights, on the CPU.   entropy: its tables; None in all processes but the
    first.   start: what it started from.   clips, frames: of the training data.   seconds: of training,
    validations included.   notes: what differs from what was asked for, one line each.
    """

    network: IMFN
    entropy: EntropyModel | None
    start: IMFN
    clips: int
    frames: int
    steps: int
    seconds: float
    evaluations: tuple[Validation, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Start:
    """The network that training starts from, its tables where it has some, and the recipe that fits it."""

    network: IMFN
    tables: EntropyModel | None
    recipe: Recipe
    notes: tuple[str, ...] = ()


def train_model(
    recipe: Recipe,
    folder: Path,
    processes: Processes,
    *,
    device: torch.device,
    budget: Budget | None = None,
    resume: bool = False,
    after: float = 0.0,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    progress: Progress = lambda *_: None,
    report: Callable[[Validation], None] = lambda _: None,
) -> TrainedNetwork:
    """Train by `recipe`, with checkpoints and log under `folder`.

    device: of this process.   budget: of the whole run; every stage takes a part of it.   after: part of a
    time limit to leave for what the caller does afterwards.   report: called with each validation. Raises
    `InputError` for data that cannot be read, `ModelError` for a start that does not fit.
    """
    budget = budget or Budget()
    stages = _stages_of(recipe, folder, budget, processes, resume)
    sources = _sources_of(recipe, budget)
    start = _start_of(recipe, sources, stages, processes, progress)
    recipe, network = start.recipe, start.network
    over, notes = _reading(stages, budget), list(start.notes)
    pool, held, frames = pools_of(recipe, sources, network.config, processes, progress, over)
    trainer = Trainer(
        starting_network(network, recipe, lambda: calibration_frames(pool, recipe)),
        recipe, pool.to(device), held, folder, device, processes,
        checkpoint_seconds=checkpoint_seconds, clock=budget.clock,
    )  # fmt: skip

    def sampled(sample: Sample, of: IMFN = network) -> dict[int, list[np.ndarray]]:
        return sample_windows(of, pool, sample, seed=recipe.seed)

    channels, positions = network.config.channels, recipe.table_positions
    plan = TablePlan()
    if processes.is_first:
        plan = plan_tables(sampled, channels, positions, budget, has_tables=start.tables is not None)
    later = budget.part(after) + budget.part(_WRITING)
    if resume and has_checkpoint(folder):
        _go_on(trainer, stages)
    stages.keep(_BESIDE_STAGE, budget.spent - trainer.seconds)
    if budget.limit is not None:
        left = max(0.0, budget.left - plan.seconds - later)
        trainer.limit = trainer.seconds + processes.agree(left, device)
    evaluations: list[Validation] = []

    def keep(evaluation: Validation) -> None:
        evaluations.append(evaluation)
        report(evaluation)

    best = trainer.run(progress, keep)
    entropy = start.tables if plan.kept else None
    if plan.kept:
        notes.append(_KEPT)
    elif processes.is_first:
        sample = plan.sample(replace(WINDOW_SAMPLE, positions=positions), budget.left - later)
        of_best = functools.partial(sampled, of=best)
        entropy = fit_tables(of_best, channels, sample, stages, made_at=trainer.step, progress=progress)
    return TrainedNetwork(
        best.cpu(), entropy, network, len(sources), frames, trainer.step, trainer.seconds,
        tuple(evaluations), tuple(notes),
    )  # fmt: skip


def _go_on(trainer: Trainer[IMFN], stages: Stages) -> None:
    """Take over the run's checkpoint, and the time until then; what came after is lost, time and work."""
    trainer.resume()
    budget = stages.budget
    budget.before = max(budget.before, trainer.seconds + stages.get(_BESIDE_STAGE))


def _stages_of(recipe: Recipe, folder: Path, budget: Budget, processes: Processes, resume: bool) -> Stages:
    """The stages of the run in `folder`, begun or gone on with."""
    stages = Stages(folder, budget, writes=processes.is_first)
    about = {"recipe": recipe.to_toml(), "limit": budget.limit}
    if resume:
        stages.go_on(about)
    else:
        stages.begin(about)
    return stages


def _sources_of(recipe: Recipe, budget: Budget) -> list[Source]:
    """The training data, none of which may be test data."""
    sources = sources_of(recipe.train)
    disjoint(sources, sources_of(recipe.test))
    if budget.limit is not None:
        # What there is no time to read shall be a random part.
        np.random.default_rng(recipe.seed).shuffle(sources)
    return sources


def _start_of(
    recipe: Recipe,
    sources: Sequence[Source],
    stages: Stages,
    processes: Processes,
    progress: Progress,
) -> _Start:
    """What the recipe starts from: a model, or maps in closed form of as many levels as the data allows."""
    if recipe.start:
        model = load(recipe.start, device="cpu")
        return _Start(model.network, model.entropy, recipe)
    maps = fit_maps(
        sources,
        _shape(recipe),
        # Each process fits the same maps; a clock would make them differ.
        budget=stages.budget if processes.size == 1 else None,
        share=_MAPS,
        state=stages.get(_MAPS_STAGE),
        keep=lambda state: stages.keep(_MAPS_STAGE, state),
        progress=progress,
    )
    levels = maps.network.config.levels
    widths = recipe.widths[:levels]
    if recipe.widths and not any(widths):
        lowest = next(level for level, width in enumerate(recipe.widths, 1) if width)
        raise InputError(
            f"no clip has {1 << lowest} frames, which the lowest level with branches needs; add longer clips"
        )
    fitting = replace(recipe, levels=levels, widths=widths, level_weights=recipe.level_weights[:levels])
    return _Start(maps.network, None, fitting, levels_note(recipe.levels, levels))


def _reading(stages: Stages, budget: Budget) -> Callable[[], bool]:
    """When to stop reading: asked after each run of frames, as many as before where the run goes on."""
    before, over, counted = stages.get(_READING_STAGE), budget.over(_READING), itertools.count(1)
    if budget.limit is None:
        return never

    def asked() -> bool:
        runs = next(counted)
        if before is not None:
            return runs >= int(before)
        if over():
            stages.keep(_READING_STAGE, runs)
            return True
        return False

    return asked


def pools_of(
    recipe: Recipe,
    sources: Sequence[Source],
    config: IMFNConfig,
    processes: Processes,
    progress: Progress = lambda *_: None,
    over: Callable[[], bool] = never,
) -> tuple[Pool, Pool, int]:
    """What this process trains on, what the best weights are chosen by, and the frames seen in `sources`.

    over: as `read_pool` asks it. Raises `InputError` for data that cannot be read.
    """
    # Each process reads its own share of the clips, where there are enough for all.
    own = sources[processes.rank :: processes.size] if len(sources) >= 4 * processes.size else sources
    pool, frames = read_pool(
        own,
        config,
        shuffled=recipe.shuffled,
        memory=recipe.memory_gb,
        seed=recipe.seed + processes.rank,
        over=over,
        progress=progress,
    )
    # Never the test data: what is chosen by it is not measured by it.
    return (*pool.split(_HELD_OUT), frames)


def calibration_frames(pool: Pool, recipe: Recipe) -> torch.Tensor:
    """Frames (T, in_channels, H, W), whole windows of the largest ratio, to scale new branches by."""
    random = np.random.default_rng(recipe.seed)
    length = 1 << pool.config.levels
    pixels = pool.windows(_CALIBRATION_WINDOWS, length, _CALIBRATION_SIDE, random, flips=False)
    return frames_from_pixels(pixels, pool.config.in_channels)


def _shape(recipe: Recipe) -> IMFNConfig:
    channels = 1 if recipe.gray else 3
    size = recipe.patch**2 * channels
    return IMFNConfig(
        *(recipe.patch, recipe.patch, channels, recipe.channels or size, recipe.levels),
        independent=recipe.shuffled,
    )


def device_of(name: str) -> torch.device:
    """The device of this process: with several GPUs, its own. Raises `ModelError` if it is not there."""
    picked = pick_device(name)
    return torch.device(picked, local_rank()) if picked == "cuda" else torch.device(picked)
