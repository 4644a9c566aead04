"""`imfn train`: data in, a model folder out."""

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
    from ..frames import Source

_MODEL_FILES = ("config.json", "model.safetensors", "README.md")


def train(
    data: Annotated[
        list[str], typer.Argument(metavar="DATA", help="Sequences, or directories of them, to fit to.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Model folder to write.")],
    linear: Annotated[
        bool, typer.Option("--linear", help="Fit in closed form (Karhunen–Loève), without gradients.")
    ] = False,
    test: Annotated[
        list[str] | None,
        typer.Option("--test", metavar="DATA", help="Held-out sequences to measure the model on."),
    ] = None,
    levels: Annotated[
        int, typer.Option(min=1, max=12, help="Levels of merges; the largest ratio is 2^levels.")
    ] = 6,
    patch: Annotated[int, typer.Option(min=1, max=64, help="Side of a patch in pixels.")] = 8,
    channels: Annotated[
        int | None,
        typer.Option(min=1, help="Numbers per patch in every memory; as many as the patch has by default."),
    ] = None,
    gray: Annotated[bool, typer.Option("--gray", help="One channel instead of RGB.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of the sample that the entropy model is fitted to.")] = 0,
    force: options.Force = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Fit a model to sequences and write its folder: configuration, weights, model card."""
    out = Output(json, quiet)
    if not linear:
        raise typer.BadParameter(
            "say --linear: the closed-form fit is the one that this version has", param_hint="imfn train"
        )
    if any((output / name).exists() for name in _MODEL_FILES) and not force:
        raise OutputError(
            f"{output}: holds a model already; choose another folder with -o, or replace it with --force"
        )
    from ..frames import expand_inputs
    from ..network import IMFNConfig

    sources, held_out = expand_inputs(data), expand_inputs(test or [])
    if not sources:
        raise InputError("no sequence found; name files or directories to fit to")
    _disjoint(sources, held_out)
    in_channels = 1 if gray else 3
    size = patch * patch * in_channels
    if channels is not None and channels > size:
        raise typer.BadParameter(f"{channels}: a patch has only {size} numbers", param_hint="--channels")
    config = IMFNConfig(patch, patch, in_channels, channels or size, levels)

    import torch

    from .. import __version__, model
    from ..training.card import linear_card
    from ..training.linear import fit_linear

    began = time.perf_counter()
    with out.stages("clips") as progress:
        fit = fit_linear(sources, config, seed=seed, progress=progress)
    description: dict[str, Any] = {
        "name": output.resolve().name,
        "kind": "linear",
        "tool": f"imfn {__version__}",
        "command": _command(),
        "data": {"name": _names(data), "clips": fit.clips, "frames": fit.frames},
        "seconds": round(time.perf_counter() - began),
        "hardware": f"{os.cpu_count()} cores ({platform.machine()}), torch {torch.__version__}",
    }
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{output}: cannot be created ({error.strerror}); choose another folder with -o"
        ) from error
    model.save(output, fit.network, fit.entropy, description)
    if held_out:
        from ..evaluation.floats import float_rows, mean_by_ratio

        with out.stages("clips") as progress:
            means = mean_by_ratio(float_rows(model.load(str(output)), held_out, progress=progress))
        description["results"] = {
            "data": _names(test or []),
            "clips": len(held_out),
            "psnr_float": {str(ratio): round(value, 2) for ratio, value in means.items()},
        }
        model.save(output, fit.network, fit.entropy, description)
    (output / "README.md").write_text(linear_card(description["name"], config, description), encoding="utf-8")
    lines = [
        f"{output}: fitted to {fit.clips} sequences, {fit.frames:,} frames, in {description['seconds']} s"
    ]
    if held_out:
        lines += [f"  PSNR at {ratio}:1 {value:.2f} dB (float memories)" for ratio, value in means.items()]
    out.result({"path": str(output), **description}, *lines)


def _disjoint(training: "list[Source]", held_out: "list[Source]") -> None:
    """Refuse to measure a model on what it was fitted to."""
    seen = {path.resolve() for source in training for path in source.paths}
    for source in held_out:
        if any(path.resolve() in seen for path in source.paths):
            raise InputError(f"{source.name}: is in the training data too; --test must be held out")


def _names(paths: list[str]) -> str:
    # The last parts say which data it was; where it lay on this machine is nobody's business.
    return ", ".join("/".join(Path(path).resolve().parts[-2:]) for path in paths)


def _command() -> str:
    """The command line as typed, with directories cut to their last two parts."""
    words = [word if word.startswith("-") else "/".join(Path(word).parts[-2:]) for word in sys.argv[1:]]
    return shlex.join(["imfn", *words])
