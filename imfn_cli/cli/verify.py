"""`imfn verify`: is a latent whole?"""

from typing import Annotated

import typer

from .. import api
from . import options
from .messages import say
from .output import Output


def verify(
    latents: Annotated[
        list[str],
        typer.Argument(metavar="LATENT", help="A file that 'imfn compress' or 'imfn stream' wrote."),
    ],
    model: options.ModelOfLatent = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--source",
            metavar="ARRAY",
            help="The array that an array latent was made of: compare every sample.",
            show_default="only the latent itself",
        ),
    ] = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> int:
    """Check that latents are whole.

    Compares every node's checksum, decodes it, and names each damaged node; exit code 1 if there is any.
    Without the model that wrote the latent only checksums are compared.
    """
    out = Output(json, quiet)

    def one(index: int) -> int:
        latent = latents[index]
        with out.progress(f"{latent}:", "nodes") as progress:
            report = api.verify(latent, model, source=source, progress=progress)
        for note in report.notes:
            out.note(note)
        for node in report.damaged:
            say(node.problem)
        nodes = "1 node" if report.nodes == 1 else f"{report.nodes} nodes"
        state = f"{len(report.damaged)} of {nodes} damaged" if report.damaged else "whole"
        how = "checksums and decoding" if report.decoded else "checksums only"
        out.result(report.to_dict(), f"{latent}: {state} ({nodes}, {report.frames} frames, {how})")
        return 0 if report.ok else 1

    return out.each(latents, one)
