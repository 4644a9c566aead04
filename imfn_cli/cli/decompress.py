"""`imfn decompress`: latents in, frames out."""

from pathlib import Path
from typing import Annotated

import typer

from ..errors import ImfnError, InputError, OutputError
from . import options
from .output import Output, say


def decompress(
    inputs: Annotated[list[Path], typer.Argument(metavar="LATENT...", help="Files that 'imfn compress' wrote.")],
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            help="File to write; its ending says the format: .mp4 .mkv (lossless) .webm .gif .npy .tif; "
            "none or a closing slash: a directory of PNG.",
        ),
    ] = None,
    frames: options.Frames = None,
    model: options.Model = None,
    device: options.Device = "auto",
    skip_damaged: Annotated[
        bool, typer.Option("--skip-damaged", help="Go on past damaged nodes, repeating the last good frame.")
    ] = False,
    force: options.Force = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> int:
    """Restore the frames of latents: clip.safetensors becomes clip.restored.mp4 beside it."""
    out = Output(json, quiet)
    start, stop = options.parse_frames(frames)
    if output is not None and len(inputs) > 1:
        raise OutputError(f"{output}: there are {len(inputs)} latents; leave -o out, or restore one at a time")
    failures = 0
    for path in inputs:
        try:
            failures += _restore(path, output, start, stop, model, device, skip_damaged, force, out)
        except ImfnError as error:
            if len(inputs) == 1:
                raise
            say(str(error))
            failures += 1
    return 1 if failures else 0


def _restore(
    path: Path,
    output: str | None,
    start: int,
    stop: int | None,
    model: str | None,
    device: str,
    skip_damaged: bool,
    force: bool,
    out: Output,
) -> bool:
    """Restore one latent; whether some of it was damaged."""
    from ..codec import decompress_latent, default_restored, model_of
    from ..latent.container import LatentReader

    reader = LatentReader(path)
    header = reader.header
    if start >= header.frames:
        raise InputError(f"{path}: has {header.frames} frames, so there is no frame {start}")
    place = output if output is not None else default_restored(path, header.source_kind)
    if Path(place).resolve() == path.resolve():
        raise OutputError(f"{place}: is the input itself; choose another output with -o")
    loaded = model_of(reader, model, device)
    total = min(stop or header.frames, header.frames) - start
    with out.progress(f"{path}:", total) as progress:
        report = decompress_latent(
            reader,
            place,
            loaded,
            start=start,
            stop=stop,
            force=force,
            skip_damaged=skip_damaged,
            progress=progress,
        )
    for first, last in report.damaged:
        say(f"{path}: frames {first} to {last} are damaged; the last good frame stands in for them")
    out.result(
        report.to_dict(),
        f"{report.source} → {report.output}",
        f"  {report.frames} frames of {report.width}×{report.height}, {report.frames_per_second:.0f} frames/s",
    )
    return bool(report.damaged)
