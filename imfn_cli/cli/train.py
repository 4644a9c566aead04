"""`imfn train`: data or a recipe in, a model folder out."""

import os
import platform
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InputError, OutputError
from . import options
from .output import Output

if TYPE_CHECKING:
    import torch

    from ..training.recipe import Recipe
    from ..training.trainer import Validation

_MODEL_FILES = ("config.json", "model.safetensors", "README.md")


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
        str | None, typer.Option("--time-limit", metavar="TIME", help="Train for this long: 90s, 30m, 1h30m.")
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
    (recipe.toml of a model folder) makes that model again. With --linear the fit is in closed form. Under
    torchrun ('torchrun --nproc-per-node 2 -m imfn_cli train …') gradients are averaged over the processes.
    """
    out = Output(json, quiet or os.environ.get("RANK", "0") != "0")
    if linear:
        if output is None or not data:
            raise typer.BadParameter("--linear needs DATA and -o DIR", param_hint="imfn train")
        _check_free(output, force)
        return _fit(out, data, output, test or [], (levels, patch, channels, gray), seed or 0)
    recipe_file = Path(data[0]) if data and data[0].endswith(".toml") else None
    if recipe_file and data and len(data) > 1:
        raise typer.BadParameter("a recipe names its data; give no other", param_hint="imfn train")
    if output is None and recipe_file is not None:
        output = recipe_file.parent
    if output is None:
        raise typer.BadParameter("say where the model goes with -o DIR", param_hint="imfn train")
    limit = None if time_limit is None else options.parse_duration(time_limit)
    if not resume:
        if not data:
            raise typer.BadParameter("name sequences to train on, or a recipe", param_hint="imfn train")
        _check_free(output, force)

    from ..training.recipe import read_recipe
    from ..training.run import changed, recipe_for, resumed_recipe

    overrides = {"steps": steps, "seed": seed, "test": tuple(test) if test else None}
    if resume:
        recipe, remembered = resumed_recipe(output)
        limit = remembered if limit is None else limit
    elif recipe_file is not None:
        recipe = changed(read_recipe(recipe_file), start=start, **overrides)
    else:
        assert data
        from ..zoo import default_model

        given = {name: value for name, value in overrides.items() if value is not None}
        # With a time limit, time decides.
        if limit is not None and steps is None:
            given["steps"] = 1_000_000
        recipe = recipe_for(data, start or default_model(), **given)
    _train(out, recipe, output, limit, resume, device)


def _train(
    out: Output, recipe: "Recipe", output: Path, limit: float | None, resume: bool, device: options.DeviceName
) -> None:
    from dataclasses import asdict, replace

    import torch

    from .. import __version__, zoo
    from ..system.allocator import reuse_freed_memory
    from ..system.files import replacing, writing
    from ..training.places import short_names, sources_of
    from ..training.processes import joined
    from ..training.run import device_of, train_model
    from ..zoo import trained_card

    # Training takes and frees the same large arrays in every step.
    reuse_freed_memory()
    local = int(os.environ.get("LOCAL_RANK", "0"))
    place = device_of(device.value, local)
    with writing(output):
        output.mkdir(parents=True, exist_ok=True)
    out.note(f"checkpoints in {output}; after an interruption go on with 'imfn train --resume -o {output}'")
    with joined(place) as processes, out.stages("steps") as progress:
        trained = train_model(
            recipe,
            output,
            processes,
            device=place,
            limit=limit,
            resume=resume,
            progress=progress,
            report=lambda evaluation: out.note(validation_line(evaluation)),
        )
    if trained is None:
        return
    description: dict[str, Any] = {
        "name": output.resolve().name,
        "kind": "trained",
        "tool": f"imfn {__version__}",
        "command": _command(),
        "start": recipe.start or "closed form (Karhunen–Loève) on the same data",
        "data": {"name": short_names(recipe.train), "clips": trained.clips, "frames": trained.frames},
        "steps": trained.steps,
        "seconds": round(trained.seconds),
        "hardware": f"{hardware(place)}, torch {torch.__version__}",
    }
    zoo.save(output, trained.network, trained.entropy, description)
    if recipe.test and not recipe.shuffled:
        from ..evaluation.float_psnr import float_rows, mean_by_ratio

        held_out = sources_of(recipe.test)
        results: dict[str, Any] = {"data": short_names(recipe.test), "clips": len(held_out)}
        made = zoo.load(str(output))
        before = replace(made, network=trained.start.to(made.device))
        for key, measured in (("psnr_float", made), ("psnr_float_start", before)):
            with out.stages("clips") as progress:
                means = mean_by_ratio(float_rows(measured, held_out, progress=progress))
            results[key] = {str(ratio): round(value, 2) for ratio, value in means.items()}
        description["results"] = results
        zoo.save(output, trained.network, trained.entropy, description)
    for name, text in {
        "README.md": trained_card(description["name"], trained.network.config, description),
        "recipe.toml": recipe.to_toml(),
    }.items():
        with replacing(output / name, force=True) as path, writing(path):
            path.write_text(text, encoding="utf-8")
    last = trained.evaluations[-1] if trained.evaluations else None
    lines = [f"{output}: {trained.steps:,} steps in {description['seconds']} s on {trained.frames:,} frames"]
    if last is not None:
        lines.append(f"  {validation_line(last)}")
    rows = [asdict(evaluation) for evaluation in trained.evaluations]
    out.result({"path": str(output), **description, "evaluations": rows}, *lines)


def validation_line(evaluation: "Validation") -> str:
    """An evaluation as one line of a table that grows."""
    psnr = "  ".join(f"{ratio}:1 {value:5.2f}" for ratio, value in evaluation.psnr.items())
    minutes = f"{int(evaluation.seconds) // 60:3d}:{int(evaluation.seconds) % 60:02d}"
    return (
        f"step {evaluation.step:6d} {minutes} {evaluation.stage:10s} score {evaluation.score:8.4f}  dB {psnr}"
    )


def hardware(device: "torch.device") -> str:
    """This machine, as a model's card names it."""
    import torch

    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{os.cpu_count()} cores"
    return f"{name} ({platform.machine()})"


def _check_free(output: Path, force: bool) -> None:
    if any((output / name).exists() for name in _MODEL_FILES) and not force:
        raise OutputError(
            f"{output}: holds a model already; choose another folder with -o, or replace it with --force"
        )


def _fit(
    out: Output,
    data: list[str],
    output: Path,
    test: list[str],
    shape: tuple[int, int, int | None, bool],
    seed: int,
) -> None:
    from ..network import IMFNConfig
    from ..training.places import short_names, sources_of
    from ..training.run import disjoint

    levels, patch, channels, gray = shape
    sources, held_out = sources_of(data), sources_of(test)
    if not sources:
        raise InputError("no sequence found; name files or directories to fit to")
    disjoint(sources, held_out)
    in_channels = 1 if gray else 3
    size = patch * patch * in_channels
    if channels is not None and channels > size:
        raise typer.BadParameter(f"{channels}: a patch has only {size} numbers", param_hint="--channels")
    config = IMFNConfig(patch, patch, in_channels, channels or size, levels)

    import torch

    from .. import __version__, zoo
    from ..training.klt_fit import fit_linear
    from ..zoo import linear_card

    began = time.perf_counter()
    with out.stages("clips") as progress:
        fit = fit_linear(sources, config, seed=seed, progress=progress)
    description: dict[str, Any] = {
        "name": output.resolve().name,
        "kind": "linear",
        "tool": f"imfn {__version__}",
        "command": _command(),
        "data": {"name": short_names(data), "clips": fit.clips, "frames": fit.frames},
        "seconds": round(time.perf_counter() - began),
        "hardware": f"{hardware(torch.device('cpu'))}, torch {torch.__version__}",
    }
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{output}: cannot be created ({error.strerror}); choose another folder with -o"
        ) from error
    zoo.save(output, fit.network, fit.entropy, description)
    if held_out:
        from ..evaluation.float_psnr import float_rows, mean_by_ratio

        with out.stages("clips") as progress:
            means = mean_by_ratio(float_rows(zoo.load(str(output)), held_out, progress=progress))
        description["results"] = {
            "data": short_names(test),
            "clips": len(held_out),
            "psnr_float": {str(ratio): round(value, 2) for ratio, value in means.items()},
        }
        zoo.save(output, fit.network, fit.entropy, description)
    (output / "README.md").write_text(linear_card(description["name"], config, description), encoding="utf-8")
    lines = [
        f"{output}: fitted to {fit.clips} sequences, {fit.frames:,} frames, in {description['seconds']} s"
    ]
    if held_out:
        lines += [f"  PSNR at {ratio}:1 {value:.2f} dB (float memories)" for ratio, value in means.items()]
    out.result({"path": str(output), **description}, *lines)


def _command() -> str:
    """The command line as typed, with directories cut to their last two parts."""
    words = [word if word.startswith("-") else "/".join(Path(word).parts[-2:]) for word in sys.argv[1:]]
    return shlex.join(["imfn", *words])
