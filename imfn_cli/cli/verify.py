"""`imfn verify`: is a latent whole?"""

from typing import TYPE_CHECKING, Annotated

import typer

from .. import api
from . import options
from .messages import say
from .output import Output

if TYPE_CHECKING:
    from ..reports import SourceReport

# Damaged nodes that are told one by one.
_NAMED = 20


def verify(
    latents: Annotated[
        list[str],
        typer.Argument(metavar="LATENT", help="A file that 'imfn compress' or 'imfn stream' wrote."),
    ],
    source: Annotated[
        str | None,
        typer.Option(
            "--source",
            metavar="INPUT",
            help="What was compressed: restore every frame and compare it with its own.",
        ),
    ] = None,
    frames: Annotated[
        str | None,
        typer.Option(
            "--frames",
            metavar="A:B",
            help="Only frames A to B-1 of the source were compressed.",
            show_default="all",
        ),
    ] = None,
    model: options.ModelOfLatent = None,
    limit_pixels: options.LimitPixels = None,
    limit_frames: options.LimitFrames = None,
    limit_memory: options.LimitMemory = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> int:
    """Check that latents are whole.

    Compares every node's checksum, decodes it, and names each damaged node; exit code 1 if there is any.
    Without the model that wrote the latent only checksums are compared. With --source the frames too are
    compared with those that they were made of: PSNR, and the worst frame.
    """
    out = Output(json, quiet)
    limits = options.limits_of(limit_memory, limit_pixels, limit_frames)
    if source is not None and len(latents) > 1:
        raise typer.BadParameter("is of one latent", param_hint="--source")
    if frames is not None and source is None:
        raise typer.BadParameter("are of a source; name it with --source", param_hint="--frames")
    selection = options.parse_frames(frames)

    def one(index: int) -> int:
        latent = latents[index]
        with out.progress(f"{latent}:", "nodes") as progress:
            report = api.verify(
                latent, model, source=source, frames=selection, limits=limits, progress=progress
            )
        for note in report.notes:
            out.note(note)
        for node in report.damaged[:_NAMED]:
            say(node.problem)
        if (more := len(report.damaged) - _NAMED) > 0:
            say(f"{latent}: {more:,} more nodes are damaged; --json names them all")
        nodes = "1 node" if report.nodes == 1 else f"{report.nodes} nodes"
        state = f"{len(report.damaged)} of {nodes} damaged" if report.damaged else "whole"
        how = "checksums and decoding" if report.decoded else "checksums only"
        told = [f"{latent}: {state} ({nodes}, {report.frames} frames, {how})"]
        if report.lost:
            told.append(f"  lost: {_frames(report.lost)}")
        if report.compared is not None:
            told.append(f"  {_compared(report.compared)}")
        out.result(report.to_dict(), *told)
        return 0 if report.ok else 1

    return out.each(latents, one)


def _frames(runs: tuple[tuple[int, int], ...]) -> str:
    """Runs of frames as 'frames 4 to 7, frame 12', the first ones of very many."""
    shown = [f"frame {low}" if low == high else f"frames {low} to {high}" for low, high in runs[:_NAMED]]
    more = [f"{len(runs) - _NAMED:,} more runs"] if len(runs) > _NAMED else []
    return ", ".join(shown + more)


def _compared(report: "SourceReport") -> str:
    if report.psnr is None:
        return f"{report.source}: no frame could be compared"
    return (
        f"{report.source}: PSNR {report.psnr:.2f} dB over {report.frames} frames, "
        f"the worst is frame {report.worst_frame} with {report.worst_psnr:.2f} dB"
    )
