"""`imfn memories`: the memories of sequences as arrays, for programs that take them as features."""

from pathlib import Path
from typing import Annotated

import typer

from .. import api, defaults
from . import options
from .output import Output
from .process import settle_for


def memories(
    source: Annotated[
        str, typer.Argument(metavar="INPUT", help="A video, images, an animation or an array.")
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE.npy", help="File to write.", show_default="INPUT.memories.npy"
        ),
    ] = None,
    ratio: options.Ratio = defaults.RATIO,
    student: Annotated[
        bool, typer.Option("--student", help="One recurrent update per frame instead of the tree.")
    ] = False,
    model: options.Model = None,
    fit: options.Fit = False,
    frames: options.Frames = None,
    device: options.Device = options.DeviceName.auto,
    force: options.Force = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Write a sequence's memories as .npy, (N, C, h, w) float32: features of R frames each.

    They are as the tree makes them, not quantised. Frames at the end that fill no whole tree are in smaller
    ones, the last of the N.
    """
    out = Output(json, quiet)
    settle_for(model)
    with out.progress(f"{source}:") as progress:
        report = api.write_memories(
            source,
            output,
            ratio=ratio,
            model=model,
            student=student,
            fit=fit,
            frames=options.parse_frames(frames),
            device=device,
            force=force,
            progress=progress,
        )
    count, *shape = report.shape
    numbers = "×".join(map(str, shape))
    out.result(
        report.to_dict(),
        f"{report.source} → {report.output}",
        f"  {count} memories of {numbers} numbers, {report.frames} frames, ratio {report.ratio}",
    )
