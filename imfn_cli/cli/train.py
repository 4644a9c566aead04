"""`imfn train`: data or a recipe in, a model folder out."""

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from .. import workflows
from ..reports import FitReport, TrainReport, Validation
from ..system.allocator import reuse_freed_memory
from . import options
from .output import Output


def train(
    data: Annotated[
        list[str] | None,
        typer.Argument(metavar="DATA|RECIPE.toml", help="Sequences, or directories of them; or a recipe."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="DIR", help="Model folder to write.", show_default="the recipe's"
        ),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="MODEL", help="Model to start from.", show_default="the best that ships"
        ),
    ] = None,
    time_limit: Annotated[
        str | None,
        typer.Option("--time-limit", metavar="TIME", help="For all of it: 90s, 30m, 1h30m."),
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Optimiser steps at most.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in -o DIR.")] = False,
    test: Annotated[
        list[str] | None,
        typer.Option("--test", metavar="DATA", help="Held-out sequences to measure the model on."),
    ] = None,
    linear: Annotated[
        bool, typer.Option("--linear", help="Fit in closed form (Karhunen–Loève), without gradients.")
    ] = False,
    levels: Annotated[
        int,
        typer.Option(min=1, max=12, help="With --linear: levels of merges; the largest ratio is 2^levels."),
    ] = 6,
    patch: Annotated[int, typer.Option(min=1, max=64, help="With --linear: side of a patch in pixels.")] = 8,
    channels: Annotated[
        int | None,
        typer.Option(min=1, help="With --linear: numbers per patch in every memory; all by default."),
    ] = None,
    gray: Annotated[bool, typer.Option("--gray", help="With --linear: one channel instead of RGB.")] = False,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random.", show_default="0")] = None,
    device: options.Device = options.DeviceName.auto,
    force: options.Force = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Train a model and write its folder: configuration, weights, recipe, model card.

    'imfn train FOOTAGE -o mycam --time-limit 30m' adapts the model that ships to your own footage. A recipe
    (recipe.toml of a model folder) makes that model again. With --linear the fit is in closed form; with
    --linear and -o model.safetensors, of arrays of any type and channels (.npy, .npz, TIFF, HDF5, Zarr).

    --time-limit is for the whole command: with less time fewer frames are read, fewer steps made and coding
    tables fitted to less, or taken from the start. A run that was interrupted, at whatever stage, goes on
    with --resume. Where no clip has as many frames as the largest ratio holds, the model has fewer levels.
    Under torchrun ('torchrun --nproc-per-node 2 -m imfn_cli train …') gradients are averaged over the
    processes.
    """
    # Of several processes the first one talks.
    talks = os.environ.get("RANK", "0") == "0"
    out = Output(json and talks, quiet or not talks)
    limit = None if time_limit is None else options.parse_duration(time_limit)
    if linear and not resume:
        if output is None or not data:
            raise typer.BadParameter("--linear needs DATA and -o DIR", param_hint="imfn train")
        if start is not None or steps is not None:
            raise typer.BadParameter(
                "--linear knows no start and no steps: leave out --from, --steps",
                param_hint="imfn train",
            )
        return _fit(out, data, output, test or [], (levels, patch, channels, gray), seed or 0, limit, force)
    recipe = data[0] if data and data[0].endswith(".toml") else None
    if recipe and data and len(data) > 1:
        raise typer.BadParameter("a recipe names its data; give no other", param_hint="imfn train")
    if output is None and recipe is not None:
        output = Path(recipe).parent
    if output is None:
        raise typer.BadParameter("say where the model goes with -o DIR", param_hint="imfn train")
    if not resume and not data:
        raise typer.BadParameter("name sequences to train on, or a recipe", param_hint="imfn train")
    # Training takes and frees the same large arrays in every step.
    reuse_freed_memory()
    go_on = f"after an interruption go on with 'imfn train --resume -o {output}'"
    with out.stages("steps") as steps_done:
        how: dict[str, Any] = {
            "time_limit": limit,
            "device": device.value,
            "progress": saying_first(out, f"checkpoints in {output}; {go_on}", steps_done),
            "report": lambda validation: out.note(validation_line(validation)),
            "command": _command(),
        }
        new: dict[str, Any] = {"start": start, "steps": steps, "test": test or (), "force": force}
        if resume:
            made = workflows.resume(output, **how)
        elif recipe is not None:
            made = workflows.train(recipe, output, seed=seed, **new, **how)
        else:
            made = workflows.adapt(data or [], output, seed=seed or 0, **new, **how)
    _tell(out, made)


def _tell(out: Output, made: TrainReport | FitReport) -> None:
    for note in made.notes:
        out.note(f"{made.path}: {note}")
    out.result(made.to_dict(), *(_lines(made) if isinstance(made, TrainReport) else _fit_lines(made)))


def saying_first(out: Output, message: str, progress: workflows.Progress) -> workflows.Progress:
    """`progress`, which says `message` when it is called first: when the work has begun."""
    messages = [message]

    def told(stage: str, done: int, total: int) -> None:
        if messages:
            out.note(messages.pop())
        progress(stage, done, total)

    return told


def _lines(made: TrainReport) -> list[str]:
    lines = [f"{made.path}: {made.steps:,} steps in {made.seconds} s on {made.data.frames:,} frames"]
    return lines + [f"  {validation_line(validation)}" for validation in made.evaluations[-1:]]


def validation_line(validation: Validation) -> str:
    """A validation as one line of a table that grows."""
    psnr = "  ".join(f"{ratio}:1 {value:5.2f}" for ratio, value in validation.psnr.items())
    minutes = f"{int(validation.seconds) // 60:3d}:{int(validation.seconds) % 60:02d}"
    return (
        f"step {validation.step:6d} {minutes} {validation.stage:10s} score {validation.score:8.4f}  dB {psnr}"
    )


def _fit(
    out: Output,
    data: Sequence[str],
    output: Path,
    test: Sequence[str],
    shape: tuple[int, int, int | None, bool],
    seed: int,
    limit: float | None,
    force: bool,
) -> None:
    levels, patch, channels, gray = shape
    size = patch * patch * (1 if gray else 3)
    if channels is not None and channels > size:
        raise typer.BadParameter(f"{channels}: a patch has only {size} numbers", param_hint="--channels")
    with out.stages("clips") as progress:
        made = workflows.fit(
            data, output, test=test, levels=levels, patch=patch, channels=channels, gray=gray, seed=seed,
            time_limit=limit, force=force, progress=progress, command=_command(),
        )  # fmt: skip
    _tell(out, made)


def _fit_lines(made: FitReport) -> list[str]:
    lines = [
        f"{made.path}: fitted to {made.data.clips} sequences, {made.data.frames:,} frames, "
        f"in {made.seconds} s"
    ]
    psnr = {} if made.results is None else made.results.psnr_float
    return lines + [f"  PSNR at {ratio}:1 {value:.2f} dB (float memories)" for ratio, value in psnr.items()]


def _command() -> str:
    """The command line as typed, with directories cut to their last two parts."""
    words = [word if word.startswith("-") else "/".join(Path(word).parts[-2:]) for word in sys.argv[1:]]
    return shlex.join(["imfn", *words])
