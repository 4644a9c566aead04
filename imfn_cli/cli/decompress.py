"""`imfn decompress`: latents in, frames out."""

from pathlib import Path
from typing import Annotated

import typer

from .. import api, bitstream, zoo
from ..errors import ImfnError, OutputError
from ..system.pipes import is_standard
from . import options
from .messages import say
from .output import Output
from .process import settle_for


def decompress(
    latents: Annotated[
        list[str],
        typer.Argument(metavar="LATENT", help="A file of 'imfn compress'; - for standard input."),
    ],
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="File to write. Its ending says the format: .mp4 .mov (H.264), .mkv (FFV1, lossless), "
            ".webm (VP9), .gif, .y4m, .npy, .tif; none or a closing slash: a directory of PNG. "
            "- is standard output, which needs --format.",
            show_default="beside the latent, see above",
        ),
    ] = None,
    format: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="NAME",
            help="What to write, whatever the ending: mp4, mov, mkv, webm, gif, y4m, npy, tif.",
            show_default="by the ending",
        ),
    ] = None,
    frames: options.Frames = None,
    model: options.ModelOfLatent = None,
    device: options.Device = options.DeviceName.auto,
    skip_damaged: Annotated[
        bool, typer.Option("--skip-damaged", help="Go on past damaged nodes, repeating the last good frame.")
    ] = False,
    force: options.Force = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> int:
    """Restore the frames of latents.

    clip.safetensors becomes clip.restored.mp4 beside it, at the source's size, rate and times; what was
    an animation, an array or images becomes clip.restored.gif, .npy, or a directory clip.restored/ of PNG.
    """
    out = Output(json, quiet, aside=is_standard(output))
    selection = options.parse_frames(frames)
    if output is not None and len(latents) > 1:
        raise OutputError(
            f"{output}: there are {len(latents)} latents; leave -o out, or restore one at a time"
        )

    def one(index: int) -> int:
        latent = latents[index]
        settle_for(_writer(latent) if model is None else model)
        with out.progress(f"{latent}:") as progress:
            report = api.decompress(
                latent,
                output,
                model=model,
                frames=selection,
                format=format,
                device=device,
                force=force,
                skip_damaged=skip_damaged,
                progress=progress,
            )
        for first, last in report.damaged:
            say(f"{latent}: frames {first} to {last} are damaged; the last good frame stands in for them")
        out.result(
            report.to_dict(),
            f"{report.source} → {report.output}",
            f"  {report.frames} frames of {report.width}×{report.height}, "
            f"{report.frames_per_second:.0f} frames/s",
        )
        return 1 if report.damaged else 0

    return out.each(latents, one)


def _writer(latent: str) -> str | None:
    """The shipped model that a latent names; None where it names another, or cannot be read at all."""
    try:
        opened = bitstream.open_file(Path(latent))
    except ImfnError:
        # Restoring will say what is wrong with it.
        return None
    name = opened.header.model
    # A name in a file that came from somewhere may not make us read a folder.
    return name if name in zoo.model_folders() else None
