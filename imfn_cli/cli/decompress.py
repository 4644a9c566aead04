"""`imfn decompress`: latents in, frames out."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from .. import api, bitstream, codec, media, zoo
from ..errors import ImfnError, InputError
from ..system.pipes import is_standard
from ..system.work_file import unfinished
from . import options
from .batch import Batch, Existing, Place, Places, below, output_folder
from .messages import say
from .output import Output
from .process import settle_for

if TYPE_CHECKING:
    from ..reports import DecompressReport

# What a folder is searched for.
_RESTORED = ("latent", "growing latent", "fading memory", "array latent")


def decompress(
    latents: Annotated[
        list[str],
        typer.Argument(metavar="LATENT", help="A latent, or a folder of them; - for standard input."),
    ],
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="File to write; of several latents, or a folder, a folder. "
            "Its ending says the format: .mp4 .mov (H.264), .mkv (FFV1, lossless), "
            ".webm (VP9), .gif, .y4m, .npy, .tif; none or a closing slash: a directory of PNG. "
            "Of an array latent: .npy, .npz, .tif, .h5, .zarr. "
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
    no_audio: options.NoAudio = False,
    model: options.ModelOfLatent = None,
    device: options.Device = options.DeviceName.auto,
    skip_damaged: Annotated[
        bool, typer.Option("--skip-damaged", help="Go on past damaged nodes, repeating the last good frame.")
    ] = False,
    force: options.Force = False,
    skip_existing: options.SkipExisting = False,
    resume: options.Resume = False,
    jobs: options.InputsAtOnce = 1,
    limit_pixels: options.LimitPixels = None,
    limit_frames: options.LimitFrames = None,
    limit_memory: options.LimitMemory = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> int:
    """Restore the frames of latents.

    clip.safetensors becomes clip.restored.mp4 beside it, at the source's size, rate and times; what was
    an animation, an array or images becomes clip.restored.gif, .npy, or a directory clip.restored/ of PNG.
    """
    out = Output(json, quiet, aside=is_standard(output))
    selection = options.parse_frames(frames)
    limits = options.limits_of(limit_memory, limit_pixels, limit_frames)
    found = _expanded(latents)
    if not found:
        raise InputError(f"{', '.join(latents)}: no latent found; name a file, or a folder with some")
    outputs, places = _places(found, output, format, force, skip_existing or resume)

    def task(index: int) -> _Task:
        settings: dict[str, Any] = {"frames": selection, "format": format, "audio": not no_audio}
        settings |= {"force": force, "skip_damaged": skip_damaged, "limits": limits, "resume": resume}
        return _Task(found[index].name, outputs[index], {**settings, "model": model, "device": device})

    def tell(report: "DecompressReport") -> int:
        for first, last in report.damaged:
            problem = f"frames {first} to {last} are damaged; the last good frame stands in for them"
            say(f"{report.source}: {problem}")
        for note in report.notes:
            out.note(f"{report.source}: {note}")
        if report.resumed:
            out.note(f"{report.source}: went on after frame {report.resumed - 1}")
        out.result(
            report.to_dict(),
            f"{report.source} → {report.output}",
            f"  {report.frames} frames of {report.width}×{report.height}, "
            f"{report.frames_per_second:.0f} frames/s",
        )
        return 1 if report.damaged else 0

    return Batch(out, _work, jobs).run([latent.name for latent in found], places, task, tell)


class _Found(NamedTuple):
    """A latent, and the folder that the user named, where it was found in it."""

    name: str
    root: Path | None


class _Task(NamedTuple):
    """One latent, and where its frames go. settings: of `api.decompress`."""

    latent: str
    output: str | None
    settings: dict[str, Any]


def _work(task: _Task, progress: api.Progress | None) -> "DecompressReport":
    model = task.settings["model"]
    settle_for(_writer(task.latent) if model is None else model)
    return api.decompress(task.latent, task.output, progress=progress, **task.settings)


def _expanded(names: list[str]) -> list[_Found]:
    """The latents that are named, and those in folders that are named."""
    found = []
    for name in names:
        if is_standard(name) or not Path(name).is_dir():
            found.append(_Found(name, None))
            continue
        for path in sorted(Path(name).rglob(f"*{codec.LATENT_ENDING}")):
            hidden = any(part.startswith(".") for part in path.relative_to(name).parts)
            if not hidden and bitstream.kind_of(path) in _RESTORED:
                found.append(_Found(str(path), Path(name)))
    return found


def _places(
    found: list[_Found], output: str | None, format: str | None, force: bool, skip_existing: bool
) -> tuple[list[str | None], list[Place]]:
    """What each latent is restored to, as `api.decompress` takes it, and its place in the batch."""
    mirrored = any(latent.root is not None for latent in found)
    if len(found) == 1 and not mirrored and (output is not None or not skip_existing):
        # A folder is one of PNG images here; who writes it checks it.
        exists = skip_existing and output is not None and Path(output).exists()
        exists = exists and not unfinished(Path(str(output)))
        return [output], [Existing(Path(str(output))) if exists else Path(output or "")]
    folder = output_folder(output, len(found), mirrored=mirrored, endings=media.OUTPUT_ENDINGS)
    taken = Places(folder, force=force, skip_existing=skip_existing)
    outputs: list[str | None] = []
    places: list[Place] = []
    for latent in found:
        images, place = False, None
        try:
            wanted, images = _wanted(Path(latent.name), format)
            if folder is not None:
                # No source is there that it could be mistaken for.
                named = wanted.with_name(wanted.name.replace(".restored", "", 1))
                wanted = folder / below(named, latent.root)
            place = taken.take(wanted, Path(latent.name), folder=images)
        except ImfnError as error:
            place = error
        places.append(place)
        outputs.append(f"{place}/" if images else str(place))
    return outputs, places


def _wanted(latent: Path, format: str | None) -> tuple[Path, bool]:
    """Where the frames of a latent go by default, and whether that is a folder of images."""
    opened = bitstream.open_file(latent)
    if isinstance(opened, bitstream.ArrayFile):
        return Path(codec.array_place(latent, None, opened.header.source_kind, format)), False
    kind = "video" if isinstance(opened, bitstream.FadingMemoryFile) else opened.header.source_kind
    beside = str(codec.restored_place(latent, None, kind))
    if format is None:
        return Path(beside), beside.endswith("/")
    stem = beside.rstrip("/") if beside.endswith("/") else str(Path(beside).with_suffix(""))
    return Path(f"{stem}.{format}"), False


def _writer(latent: str) -> str | None:
    """The shipped model that a latent names; None where it names another, or cannot be read at all."""
    try:
        opened = bitstream.open_file(Path(latent))
    except ImfnError:
        # Restoring will say what is wrong with it.
        return None
    if isinstance(opened, bitstream.ArrayFile):
        return None
    name = opened.header.model
    # A name in a file that came from somewhere may not make us read a folder.
    return name if name in zoo.model_folders() else None
