"""From data to a student: what `imfn distill` learns, and where it keeps an interrupted run."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ..defaults import CHECKPOINT_SECONDS
from ..errors import InputError
from ..network import IMFN, Update
from ..reports import LearnedFrom
from .budget import Budget, never
from .checkpoint import load_checkpoint
from .distiller import Distiller
from .places import sources_of
from .pool import read_pool

# One in so many runs of frames is held out, to choose the best update by.
_HELD_OUT = 10
# Share of a time limit that reading the data may take.
_READING = 0.25


@dataclass(frozen=True)
class Distillation:
    """What a distillation is asked for.

    data: sequences, or folders of them.   steps: of gradient descent.   limit: seconds for the whole run.
    width, blocks: of the update.   crop: side of the windows in pixels.   memory_gb: decoded frames held, in
    10^9 bytes.
    """

    data: tuple[str, ...]
    steps: int = 2000
    limit: float | None = None
    width: int = 96
    blocks: int = 2
    crop: int = 96
    memory_gb: float = 2.0
    seed: int = 0


@dataclass(frozen=True)
class Distilled:
    """A learned update, None where none betters the linear student, and what it was learned from."""

    update: Update | None
    source: LearnedFrom


def distil(
    network: IMFN,
    sha256: str,
    wanted: Distillation,
    checkpoint: Path,
    *,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    resume: bool = False,
    budget: Budget | None = None,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> Distilled:
    """Learn the update of `network`, whose weights have this SHA-256; the run's state lies in `checkpoint`.

    budget: time of the whole run, which may have begun before; `wanted.limit` seconds from now unless given.
    Raises `InputError` for data that cannot be read, and for a checkpoint of another network or none at all.
    """
    before = load_checkpoint(checkpoint) if resume else None
    if before is not None and before["about"]["model_sha256"] != sha256:
        raise InputError(f"{checkpoint}: the run was begun with other weights; name its model, or start anew")
    sources = sources_of(wanted.data)
    if not sources:
        raise InputError("no sequence found; name files or directories to distil on")
    budget = budget or Budget(wanted.limit)
    began = time.perf_counter()
    # A run that goes on has to read what it read before.
    over = budget.over(_READING) if before is None else never
    pool, frames = read_pool(
        sources, network.config, memory=wanted.memory_gb, seed=wanted.seed, over=over, progress=progress
    )
    train, held = pool.split(_HELD_OUT)
    distiller = Distiller(
        network,
        train,
        held,
        steps=wanted.steps,
        budget=budget,
        width=wanted.width,
        blocks=wanted.blocks,
        crop=wanted.crop,
        seed=wanted.seed,
        checkpoint=checkpoint,
        checkpoint_seconds=checkpoint_seconds,
        about={"model_sha256": sha256, "distillation": asdict(wanted)},
    )
    update, rows = distiller.run(progress, resume=resume)
    spent = time.perf_counter() - began + (before["seconds"] if before is not None else 0.0)
    steps = distiller.steps_done
    return Distilled(update, LearnedFrom(len(sources), frames, steps, round(spent, 1), tuple(rows)))


def resumed_distillation(checkpoint: Path, limit: float | None = None) -> Distillation:
    """What the run in `checkpoint` was asked for, with another limit if given. Raises `InputError`."""
    about: dict[str, Any] = load_checkpoint(checkpoint)["about"]
    wanted = Distillation(**about["distillation"])
    return wanted if limit is None else replace(wanted, limit=limit)
