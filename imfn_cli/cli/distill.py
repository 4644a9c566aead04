"""`imfn distill`: a model in, its student out."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from .. import defaults, workflows
from ..reports import DistillReport
from ..system.allocator import reuse_freed_memory
from . import options
from .output import Output
from .train import saying_first


class StudentFormat(StrEnum):
    """What a student can be written as."""

    safetensors = "safetensors"
    onnx = "onnx"
    torch = "torch"


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
        StudentFormat | None,
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
        str | None,
        typer.Option("--time-limit", metavar="TIME", help="For the whole command: 90s, 30m, 1h30m."),
    ] = None,
    width: Annotated[int, typer.Option(min=1, help="Hidden channels of the learned update.")] = 96,
    blocks: Annotated[int, typer.Option(min=1, max=64, help="Blocks of the learned update.")] = 2,
    crop: Annotated[int, typer.Option(min=1, help="Side in pixels of what a step sees.")] = 96,
    memory: Annotated[float, typer.Option(min=0.01, metavar="GB", help="Memory for decoded frames.")] = 2.0,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on with the run for -o FILE, with its data and options."),
    ] = False,
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
    limit = None if time_limit is None else options.parse_duration(time_limit)
    if data or resume:
        # Training takes and frees the same large arrays in every step.
        reuse_freed_memory()
    go_on = f"after an interruption go on with 'imfn distill {model} --resume -o {output}'"
    with out.stages("steps") as steps_done:
        made = workflows.distill(
            model,
            data or (),
            output,
            kind=None if form is None else form.value,
            ratio=ratio,
            steps=steps,
            time_limit=limit,
            width=width,
            blocks=blocks,
            crop=crop,
            memory_gb=memory,
            seed=seed,
            resume=resume,
            device=device.value,
            force=force,
            progress=saying_first(out, go_on, steps_done),
        )
    if data and made.held_out is None:
        out.note(f"{made.model}: its student follows from the weights; the data was not looked at")
    what = f"{made.path}: student of {made.model}, {_how(made, ratio)}, {made.bytes:,} bytes"
    out.result(made.to_dict(), what, *_tables(made))


def _how(made: DistillReport, ratio: int) -> str:
    if made.difference is not None:
        return f"one step at ratio {ratio}, the same to {made.difference:.1g} of the memories' deviation"
    if made.held_out is None:
        return f"exact, ratio {ratio}"
    return f"{made.steps} steps" if made.learned else "linear, which no update was found to better"


def _tables(made: DistillReport) -> list[Table]:
    if made.held_out is None:
        return []
    table = Table(
        "ratio", "tree (dB)", "student (dB)", "untrained (dB)", "distance", "untrained",
        title="held-out windows; distance of memories over their deviation",
    )  # fmt: skip
    for row in made.held_out:
        decibels = (f"{value:.2f}" for value in (row.psnr_tree, row.psnr_student, row.psnr_linear))
        distances = (f"{value:.4f}" for value in (row.distance, row.distance_linear))
        table.add_row(f"{row.ratio}:1", *decibels, *distances)
    return [table]
