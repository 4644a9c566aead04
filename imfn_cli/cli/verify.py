"""`imfn verify`: is a latent whole?"""

from typing import Annotated

import typer

from .. import api
from . import options
from .messages import say
from .output import Output

# Damaged nodes that are told one by one.
_NAMED = 20


def verify(
    latents: Annotated[
        list[str],
        typer.Argument(metavar="LATENT", help="A file that 'imfn compress' or 'imfn stream' wrote."),
    ],
    model: options.ModelOfLatent = None,
    limit_pixels: options.LimitPixels = None,
    limit_memory: options.LimitMemory = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> int:
    """Check that latents are whole.

    Compares every node's checksum, decodes it, and names each damaged node; exit code 1 if there is any.
    Without the model that wrote the latent only checksums are compared.
    """
    out = Output(json, quiet)
    limits = options.limits_of(limit_memory, limit_pixels)

    def one(index: int) -> int:
        latent = latents[index]
        with out.progress(f"{latent}:", "nodes") as progress:
            report = api.verify(latent, model, limits=limits, progress=progress)
        for note in report.notes:
            out.note(note)
        for node in report.damaged[:_NAMED]:
            say(node.problem)
        if (more := len(report.damaged) - _NAMED) > 0:
            say(f"{latent}: {more:,} more nodes are damaged; --json names them all")
        nodes = "1 node" if report.nodes == 1 else f"{report.nodes} nodes"
        state = f"{len(report.damaged)} of {nodes} damaged" if report.damaged else "whole"
        how = "checksums and decoding" if report.decoded else "checksums only"
        out.result(report.to_dict(), f"{latent}: {state} ({nodes}, {report.frames} frames, {how})")
        return 0 if report.ok else 1

    return out.each(latents, one)
