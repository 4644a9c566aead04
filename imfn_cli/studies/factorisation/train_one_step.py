"""Training the one-step network: the tree's data, loss, batches and time, by the tree's own trainer."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from ...defaults import CHECKPOINT_SECONDS
from ...network import IMFN, IMFNConfig
from ...reports import Validation
from ...training.checkpoint import has_checkpoint, remove_checkpoint
from ...training.places import sources_of
from ...training.processes import Processes
from ...training.recipe import Recipe, changed
from ...training.run import calibration_frames, pools_of
from ...training.trainer import Trainer
from ..trained_cache import load_trained, save_trained
from .one_step import OneStepNetwork, start_at_linear
from .size import equal_widths

#: Called with (what is done, how far, in all): clips while they are read, seconds or steps while it trains.
Progress = Callable[[str, int, int], None]

# More than any run makes: time decides.
_NO_END = 1_000_000_000
_NAME = "unfactorised.pt"


@dataclass(frozen=True)
class TrainedOneStep:
    """The one-step network with its best averaged weights.

    steps, seconds: of training, evaluations on the held-out tenth included, as a model's card counts them.
    """

    network: OneStepNetwork
    steps: int
    seconds: float


def one_step_recipe(recipe: Recipe, config: IMFNConfig, seed: int | None = None) -> Recipe:
    """The recipe of a tree of `config` for its one-step network, trained against the clock.

    All steps are end to end: a merge of two cannot be trained alone where there is none. A step serves all
    ratios that it does in the tree; those where the tree has nothing to train cost no time.
    """
    weights = recipe.level_weights or (1.0,) * config.levels
    learned = tuple(weight if width else 0.0 for weight, width in zip(weights, config.widths, strict=True))
    return changed(recipe, local_share=0.0, steps=_NO_END, level_weights=learned, seed=seed)


def train_one_step(
    tree: IMFN,
    recipe: Recipe,
    *,
    limit: float | None,
    folder: Path,
    device: torch.device,
    data: Path | None = None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    progress: Progress = lambda *_: None,
    report: Callable[[Validation], None] = lambda _: None,
) -> TrainedOneStep:
    """Train the one-step network of `tree` by `recipe` (see `one_step_recipe`).

    limit: seconds of training; None: the recipe's steps.   folder: for runs of this command, each below a
    name of its own; one that was stopped goes on, and a finished one is not trained again.
    data: as `sources_of` takes it. Raises `InputError` for data that cannot be read, `OutputError` where the
    folder cannot be written, `ImfnError` where what it holds is damaged.
    """
    widths = equal_widths(tree)
    run = folder / _run_name(tree, recipe, limit)
    path = run / _NAME
    if path.is_file():
        network = OneStepNetwork(tree.config, widths)
        with load_trained(path) as state:
            network.load_state_dict(state["network"])
            steps, seconds = int(state["steps"]), float(state["seconds"])
        return TrainedOneStep(network.requires_grad_(False).eval().to(device), steps, seconds)
    pool, held, _ = pools_of(recipe, sources_of(recipe.train, data), tree.config, Processes(), progress)
    network = start_at_linear(tree, widths, calibration_frames(pool, recipe), recipe.seed)
    trainer = Trainer(
        network,
        recipe,
        pool.to(device),
        held,
        run,
        device,
        limit=limit,
        checkpoint_seconds=checkpoint_seconds,
    )
    if has_checkpoint(run):
        trainer.resume()

    def passed(stage: str, step: int, steps: int) -> None:
        what = "training the one-step network"
        if limit is None:
            progress(what, step, steps)
        else:
            progress(what, round(min(trainer.seconds, limit)), round(limit))

    best = trainer.run(passed, report)
    save_trained(path, {"network": best.state_dict(), "steps": trainer.step, "seconds": trainer.seconds})
    remove_checkpoint(run)
    return TrainedOneStep(best.requires_grad_(False).eval(), trainer.step, trainer.seconds)


def _run_name(tree: IMFN, recipe: Recipe, limit: float | None) -> str:
    """By all that the result depends on: shape and maps of the tree, not its branches."""
    maps = hashlib.sha256()
    for name, value in sorted(tree.linear_part().state_dict().items()):
        maps.update(name.encode() + value.cpu().numpy().tobytes())
    key = json.dumps([tree.config.to_dict(), recipe.to_toml(), limit, maps.hexdigest()], sort_keys=True)
    return f"unfactorised-{recipe.seed}-{hashlib.sha256(key.encode()).hexdigest()[:12]}"
