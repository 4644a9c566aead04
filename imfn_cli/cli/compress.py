"""`imfn compress`: sequences in, latents out."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import api, codec, defaults, media, network, zoo
from ..errors import ImfnError, InputError, OutputError
from ..system.pipes import STANDARD, check_stdout, is_standard
from . import options
from .output import Output
from .process import settle_for

if TYPE_CHECKING:
    from ..media import Source
    from ..reports import CompressReport


def compress(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT",
            help="A video, animation, directory or pattern of images, .npy, .npz, TIFF, MNIST idx; "
            "a directory of those; - for a video on standard input.",
        ),
    ],
    ratio: options.RatioOrAuto = str(defaults.RATIO),
    quality: options.Quality = defaults.QUALITY,
    gop: options.Gop = defaults.GOP,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="File to write, - for standard output; for several inputs a directory.",
            show_default="INPUT.safetensors beside the input",
        ),
    ] = None,
    student: Annotated[
        bool, typer.Option("--student", help="One recurrent update per frame instead of the tree.")
    ] = False,
    model: options.Model = None,
    frames: options.Frames = None,
    device: options.Device = options.DeviceName.auto,
    force: options.Force = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> int:
    """Compress sequences of frames into latents.

    clip.mp4 becomes clip.safetensors beside it; 'imfn decompress' gives the frames back.
    """
    out = Output(json, quiet, aside=is_standard(output))
    selection, chosen = options.parse_frames(frames), options.parse_ratio(ratio)
    if student and chosen == defaults.AUTO:
        raise typer.BadParameter("a student has one ratio; name it with -r", param_hint="--student")
    sources = media.expand_inputs(inputs)
    if not sources:
        raise InputError("no input found; name a file or a directory")
    places = _places(sources, output, force)
    loaded = None
    if not all(isinstance(place, ImfnError) for place in places):
        # Once for all inputs; a wrong model or ratio is wrong for all of them.
        settle_for(model)
        loaded = zoo.load(model, device=device)
        if isinstance(chosen, int):
            network.level_of_ratio(chosen, loaded.network.config.levels)
            if student:
                loaded.student(chosen)

    def one(index: int) -> int:
        source, place = sources[index], places[index]
        if isinstance(place, ImfnError):
            raise place
        with out.progress(f"{source.name}:") as progress:
            report = api.compress(
                source,
                place,
                model=loaded,
                ratio=chosen,
                quality=quality,
                gop=gop,
                student=student,
                frames=selection,
                force=force,
                progress=progress,
            )
        for note in report.notes:
            out.note(f"{source.name}: {note}")
        out.result(report.to_dict(), *human(report))
        return 0

    return out.each([source.name for source in sources], one)


def human(report: "CompressReport") -> list[str]:
    """The report in three lines."""
    before = fewer = ""
    numbers = report.ratio_of_numbers
    in_memories = f"{numbers:.1f} times fewer" if numbers >= 1 else f"{1 / numbers:.1f} times more"
    # Of a part of a file nobody knows how many bytes it took.
    if (ratio := report.ratio_of_bytes) is not None:
        before = f"{report.source_bytes:,} → "
        fewer = f", {ratio:.2f} times fewer bytes" if ratio >= 1 else f", {1 / ratio:.2f} times more bytes"
    return [
        f"{report.source} → {report.output}",
        f"  {report.frames} frames of {report.width}×{report.height}, {before}{report.bytes:,} bytes "
        f"({report.bits_per_pixel:.4f} bits per pixel), {report.frames_per_second:.0f} frames/s",
        f"  {in_memories} numbers{fewer} "
        f"(model {report.model}{', student' if report.student else ''}, ratio {report.ratio}, "
        f"quality {report.quality}{f', gop {report.gop}' if report.gop else ''})",
    ]


def _places(sources: "list[Source]", output: str | None, force: bool) -> list[Path | ImfnError]:
    """Where each source's latent goes, or why there will be none: known before any work is done."""
    folder = Path(output) if output is not None and (output.endswith("/") or Path(output).is_dir()) else None
    if folder is not None and not folder.is_dir():
        raise OutputError(f"{output}: no such directory; create it first")
    if output is not None and folder is None and len(sources) > 1:
        raise OutputError(
            f"{output}: there are {len(sources)} inputs; create a directory {output}/ and name it"
        )
    if is_standard(output):
        check_stdout()
        return [Path(STANDARD)]
    places: list[Path | ImfnError] = []
    taken: set[Path] = set()
    for source in sources:
        wanted = output if folder is None else folder / source.default_output(codec.LATENT_ENDING).name
        try:
            if source.kind == "missing":
                media.open_sequence(source)  # says so
            place = codec.latent_place(source, wanted, force=force)
            if place.resolve() in taken:
                raise OutputError(
                    f"{source.name}: {place} is for another of the inputs; compress it alone with -o"
                )
            taken.add(place.resolve())
            places.append(place)
        except ImfnError as error:
            places.append(error)
    return places
