"""`imfn compress`: sequences in, latents out."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import ImfnError, InputError, OutputError
from . import options
from .output import Output, say

if TYPE_CHECKING:
    from ..codec import CompressReport
    from ..frames import Source

ENDING = ".safetensors"


def compress(
    inputs: Annotated[
        list[str], typer.Argument(metavar="INPUT...", help="Videos, image folders, GIF, TIFF, .npy, idx; or directories.")
    ],
    ratio: Annotated[int, typer.Option("--ratio", "-r", help="Frames per memory: a power of two, 1 to 64.")] = 16,
    quality: Annotated[
        int, typer.Option("--quality", "-q", min=0, max=100, help="0 to 100; higher is better and larger.")
    ] = 50,
    output: Annotated[
        str | None, typer.Option("--output", "-o", help="File to write, or directory for several inputs.")
    ] = None,
    model: options.Model = None,
    frames: options.Frames = None,
    device: options.Device = "auto",
    force: options.Force = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> int:
    """Compress sequences into latents: clip.mp4 becomes clip.safetensors beside it."""
    out = Output(json, quiet)
    start, stop = options.parse_frames(frames)
    from ..frames import expand_inputs

    sources = expand_inputs(inputs)
    options.several([source.name for source in sources])
    places = _places(sources, output)
    from ..codec import compress_sequence
    from ..frames import open_sequence
    from ..model import load
    from ..network import level_of_ratio

    loaded = load(model, device=device)
    level_of_ratio(ratio, loaded.network.config.levels)
    failures = 0
    for source, place in zip(sources, places, strict=True):
        try:
            if isinstance(place, ImfnError):
                raise place
            # Checked before minutes of work, not after.
            from ..files import check_output

            check_output(place, force=force)
            with open_sequence(source, start=start, stop=stop) as sequence:
                for note in sequence.info.notes:
                    out.note(f"{source.name}: {note}")
                with out.progress(f"{source.name}:", sequence.info.frame_count) as progress:
                    report = compress_sequence(
                        sequence, place, loaded, ratio=ratio, quality=quality, force=force, progress=progress
                    )
                for warning in sequence.warnings:
                    out.note(f"{source.name}: {warning}")
            out.result(report.to_dict(), *human(report))
        except ImfnError as error:
            if len(sources) == 1:
                raise
            say(str(error))
            failures += 1
    if failures:
        say(f"{failures} of {len(sources)} inputs failed")
    return 1 if failures else 0


def human(report: "CompressReport") -> list[str]:
    """The report in three lines."""
    return [
        f"{report.source} → {report.output}",
        f"  {report.frames} frames of {report.width}×{report.height}, {report.source_bytes:,} → {report.bytes:,} bytes "
        f"({report.bits_per_pixel:.4f} bits per pixel), {report.frames_per_second:.0f} frames/s",
        f"  {report.ratio_of_numbers:.1f} times fewer numbers, {report.ratio_of_bytes:.2f} times fewer bytes "
        f"(model {report.model}, ratio {report.ratio}, quality {report.quality})",
    ]


def _places(sources: "list[Source]", output: str | None) -> list[Path | ImfnError]:
    """Where each source's latent goes; an error in place of a path that another input has taken already."""
    folder = Path(output) if output is not None and (output.endswith("/") or Path(output).is_dir()) else None
    if output is not None and folder is None and len(sources) > 1:
        raise OutputError(f"{output}: there are {len(sources)} inputs, so -o must be a directory; create it first")
    if folder is not None and not folder.is_dir():
        raise OutputError(f"{output}: no such directory; create it first")
    places: list[Path | ImfnError] = []
    taken: dict[Path, str] = {}
    for source in sources:
        place = source.default_output(ENDING)
        if folder is not None:
            place = folder / place.name
        elif output is not None:
            place = Path(output)
        if place in taken:
            places.append(InputError(f"{source.name}: {place} is taken by {taken[place]}; compress it alone with -o"))
        elif any(place == path for path in source.paths):
            places.append(OutputError(f"{place}: is the input itself; choose another output with -o"))
        else:
            taken[place] = source.name
            places.append(place)
    return places
