"""`imfn verify`: is a latent whole?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from .. import api
from ..corpus.found import latents_in
from ..corpus.ledger import Ledger
from ..errors import InputError
from . import options
from .batch import Batch, Existing, Place
from .messages import say
from .output import Output

if TYPE_CHECKING:
    from ..reports import SourceReport, VerifyReport

# Damaged nodes that are told one by one.
_NAMED = 20


def verify(
    latents: Annotated[
        list[str],
        typer.Argument(metavar="LATENT", help="A file that 'imfn compress' or 'imfn stream' wrote; folders."),
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
    manifest: options.Manifest = None,
    jobs: options.InputsAtOnce = 1,
    ray: options.Ray = None,
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
    With --manifest those that were found whole before, and are of the same size and time, are passed by.
    """
    out = Output(json, quiet)
    limits = options.limits_of(limit_memory, limit_pixels, limit_frames)
    if source is not None and len(latents) > 1:
        raise typer.BadParameter("is of one latent", param_hint="--source")
    if frames is not None and source is None:
        raise typer.BadParameter("are of a source; name it with --source", param_hint="--frames")
    selection = options.parse_frames(frames)

    found = latents_in(latents)
    if not found:
        raise InputError(f"{', '.join(latents)}: no latent found; name a file, or a folder with some")
    names = [latent.name for latent in found]
    ledger = Ledger.of(manifest, None, {"model": model, "source": source, "frames": selection})
    places: list[Place] = [Path(name) for name in names]
    for number, latent in enumerate(found):
        if ledger is not None and latent.stamp is not None:
            target = ledger.name_of(latent.name)
            ledger.inputs[number] = (target, latent.name, latent.stamp)
            if ledger.manifest.state(target, latent.stamp) == "done":
                places[number] = Existing(latent.name)

    def task(index: int) -> _Task:
        settings = {"model": model, "source": source, "frames": selection, "limits": limits}
        return _Task(names[index], settings)

    def tell(report: "VerifyReport") -> int:
        for note in report.notes:
            out.note(note)
        for node in report.damaged[:_NAMED]:
            say(node.problem)
        if (more := len(report.damaged) - _NAMED) > 0:
            say(f"{report.source}: {more:,} more nodes are damaged; --json names them all")
        nodes = "1 node" if report.nodes == 1 else f"{report.nodes} nodes"
        state = f"{len(report.damaged)} of {nodes} damaged" if report.damaged else "whole"
        how = "checksums and decoding" if report.decoded else "checksums only"
        told = [f"{report.source}: {state} ({nodes}, {report.frames} frames, {how})"]
        if report.lost:
            told.append(f"  lost: {_frames(report.lost)}")
        if report.compared is not None:
            told.append(f"  {_compared(report.compared)}")
        out.result(report.to_dict(), *told)
        return 0 if report.ok else 1

    def values(report: "VerifyReport") -> dict[str, Any]:
        compared = report.compared
        return {
            # A file that is damaged is looked at again.
            **({} if report.ok else {"state": "failed", "error": f"{len(report.damaged)} nodes are damaged"}),
            "frames": report.frames,
            "psnr": None if compared is None else compared.psnr,
        }

    batch: Batch[_Task, VerifyReport] = Batch(out, _work, jobs, ray, ledger, values, "nodes")
    return batch.run(names, places, task, tell)


class _Task(NamedTuple):
    """One latent. settings: of `api.verify`."""

    latent: str
    settings: dict[str, Any]


def _work(task: _Task, progress: api.Progress | None) -> "VerifyReport":
    return api.verify(task.latent, progress=progress, **task.settings)


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
