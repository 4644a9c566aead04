"""`imfn distill`: a model in, its student out."""

import time
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import defaults
from ..errors import InputError, ModelError
from ..system.files import check_output
from . import options
from .output import Output

if TYPE_CHECKING:
    from ..network import Update
    from ..zoo import Model


class Format(StrEnum):
    """What a student can be written as."""

    safetensors = "safetensors"
    onnx = "onnx"
    torch = "torch"


_BY_ENDING = {".onnx": Format.onnx, ".pt2": Format.torch}


def distill(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Model: a name, a folder, or hf://org/name.")],
    data: Annotated[
        list[str] | None,
        typer.Argument(metavar="[DATA]...", help="Sequences to distil on; a linear model needs none."),
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="File to write.")] = Path(
        "student.safetensors"
    ),
    form: Annotated[
        Format | None,
        typer.Option(
            "--format",
            help="safetensors: to lie in the model's folder. onnx, torch: one step as a program.",
            show_default="by the ending: .onnx, .pt2, else safetensors",
        ),
    ] = None,
    ratio: Annotated[
        int, typer.Option("--ratio", "-r", metavar="R", help="Ratio of a program, or of a linear student.")
    ] = defaults.RATIO,
    steps: Annotated[int, typer.Option(min=1, help="Steps of gradient descent.")] = 2000,
    time_limit: Annotated[
        str | None, typer.Option("--time-limit", metavar="TIME", help="End after this long: 90s, 30m, 1h30m.")
    ] = None,
    width: Annotated[int, typer.Option(min=1, help="Hidden channels of the learned update.")] = 96,
    blocks: Annotated[int, typer.Option(min=1, max=64, help="Blocks of the learned update.")] = 2,
    crop: Annotated[int, typer.Option(min=1, help="Side in pixels of what a step sees.")] = 96,
    memory: Annotated[float, typer.Option(min=0.01, metavar="GB", help="Memory for decoded frames.")] = 2.0,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    device: options.Device = options.DeviceName.auto,
    force: options.Force = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Distil a model's tree into its student: one update per frame, one memory.

    A linear model's student is exact and follows from its weights. What a learned model's merges do beyond
    is learned from DATA; put the file into the model's folder as student.safetensors.
    """
    out = Output(json, quiet)
    form = form or _BY_ENDING.get(output.suffix.lower(), Format.safetensors)
    check_output(output, force=force)
    limit = None if time_limit is None else options.parse_duration(time_limit)
    if form is not Format.safetensors:
        from ..training.export import require_packages

        require_packages(form.value)
    from ..network import Student, level_of_ratio
    from ..zoo import load

    # Programs are made on the CPU; they run anywhere.
    loaded = load(model, device=device if form is Format.safetensors or data else "cpu")
    config = loaded.network.config
    level = level_of_ratio(ratio, config.levels)
    exact = Student.is_exact(config)
    update: Update | None = None
    about: dict[str, Any] = {}
    if exact:
        if form is Format.safetensors and not config.is_linear:
            raise ModelError(
                f"model {loaded.name!r}: its student follows from the weights, so it needs no file; "
                "for other programs write one step with -o student.onnx"
            )
        if data:
            out.note(f"{loaded.name}: its student follows from the weights; the data is not looked at")
    elif data:
        update, about = _learned(loaded, data, out, steps, limit, width, blocks, crop, memory, seed)
    elif form is Format.safetensors:
        raise ModelError(
            f"model {loaded.name!r} has branches: its student is learned; name DATA to learn from"
        )
    if form is Format.safetensors:
        from ..zoo import write_student

        linear = {ratio: loaded.student(ratio)} if exact else None
        write_student(
            output, loaded.name, loaded.sha256, update=update, linear=linear, about=about, force=force
        )
        made = f"exact, ratio {ratio}" if linear else f"{about['steps']} steps"
        if not exact and update is None:
            made = "linear, which no update was found to better"
    else:
        from ..training.export import export_step

        known = exact or not data
        student = loaded.student(ratio) if known else Student(loaded.network, level, update).cpu()
        difference = export_step(student, output, form.value, force=force)
        about |= {"ratio": ratio, "difference": difference}
        made = f"one step at ratio {ratio}, the same to {difference:.1g} of the memories' deviation"
    size = output.stat().st_size
    values = {"path": str(output), "format": form.value, "model": loaded.name, "bytes": size, **about}
    out.result(values, f"{output}: student of {loaded.name}, {made}, {size:,} bytes", *_tables(about))


def _learned(
    model: "Model",
    data: list[str],
    out: Output,
    steps: int,
    limit: float | None,
    width: int,
    blocks: int,
    crop: int,
    memory: float,
    seed: int,
) -> "tuple[Update | None, dict[str, Any]]":
    from ..system.allocator import reuse_freed_memory
    from ..training.distiller import Distiller
    from ..training.places import sources_of
    from ..training.pool import read_pool

    # Training takes and frees the same large arrays in every step.
    reuse_freed_memory()
    sources = sources_of(data)
    if not sources:
        raise InputError("no sequence found; name files or directories to distil on")
    config = model.network.config
    began = time.perf_counter()
    with out.stages("clips") as progress:
        pool, frames = read_pool(sources, config, memory=memory, seed=seed, progress=progress)
    train, held = pool.split(10)
    distiller = Distiller(
        model.network,
        train,
        held,
        steps=steps,
        limit=limit,
        width=width,
        blocks=blocks,
        crop=crop,
        seed=seed,
    )
    with out.stages("steps") as progress:
        update, rows = distiller.run(progress)
    about: dict[str, Any] = {
        "clips": len(sources),
        "frames": frames,
        "steps": distiller.steps_done,
        "seconds": round(time.perf_counter() - began, 1),
        "held_out": [asdict(row) for row in rows],
    }
    return update, about


def _tables(about: dict[str, Any]) -> list[Any]:
    if "held_out" not in about:
        return []
    from rich.table import Table

    table = Table(
        "ratio", "tree (dB)", "student (dB)", "untrained (dB)", "distance", "untrained",
        title="held-out windows; distance of memories over their deviation",
    )  # fmt: skip
    for row in about["held_out"]:
        decibels = (f"{row[name]:.2f}" for name in ("psnr_tree", "psnr_student", "psnr_linear"))
        distances = (f"{row[name]:.4f}" for name in ("distance", "distance_linear"))
        table.add_row(f"{row['ratio']}:1", *decibels, *distances)
    return [table]
