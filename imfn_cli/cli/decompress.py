"""`imfn decompress`: latents in, frames out."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from .. import api, bitstream, codec, media, zoo
from ..corpus.found import Found, latents_in
from ..corpus.ledger import Ledger
from ..errors import ImfnError, InputError, OutputError
from ..media.elsewhere import staged
from ..system.pipes import is_standard
from ..system.remote import RemotePath, is_remote, place_of
from ..system.work_file import unfinished
from . import options
from .batch import Batch, Existing, Place, Places, output_folder
from .messages import say
from .output import Output
from .process import settle_for

if TYPE_CHECKING:
    from ..reports import DecompressReport


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
            "Of an array latent: .npy, .npz, .tif, .h5, .zarr; of images .mkv and PNG too. "
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
    update: options.Update = False,
    manifest: options.Manifest = None,
    jobs: options.InputsAtOnce = 1,
    ray: options.Ray = None,
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
    found = latents_in(latents)
    if not found:
        raise InputError(f"{', '.join(latents)}: no latent found; name a file, or a folder with some")
    settings: dict[str, Any] = {"frames": selection, "format": format, "audio": not no_audio}
    depends = {**settings, "skip_damaged": skip_damaged, "model": model}
    folder = _folder(found, output)
    ledger = Ledger.of(manifest, None if folder is None else str(folder), depends)
    taken = Places(folder, force=force, skip_existing=skip_existing or resume, update=update, ledger=ledger)
    outputs, places = _places(found, output, folder, format, skip_existing or resume, taken)
    settings |= {"force": force, "skip_damaged": skip_damaged, "limits": limits, "resume": resume}
    settings |= {"model": model, "device": device}

    def task(index: int) -> _Task:
        given = settings | {"force": True} if places[index] in taken.renewed else settings
        return _Task(found[index].name, outputs[index], given)

    def values(report: "DecompressReport") -> dict[str, Any]:
        return {"frames": report.frames, "model": report.model, "seconds": round(report.seconds, 3)}

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

    batch: Batch[_Task, DecompressReport] = Batch(out, _work, jobs, ray, ledger, values)
    return batch.run([latent.name for latent in found], places, task, tell)


class _Task(NamedTuple):
    """One latent, and where its frames go. settings: of `api.decompress`."""

    latent: str
    output: str | None
    settings: dict[str, Any]


def _work(task: _Task, progress: api.Progress | None) -> "DecompressReport":
    model = task.settings["model"]
    settle_for(_writer(task.latent) if model is None else model)
    if task.output is None or not is_remote(task.output):
        # A latent elsewhere is read by range requests: what its frames need.
        return api.decompress(task.latent, task.output, progress=progress, **task.settings)
    if task.output.endswith("/"):
        raise OutputError(f"{task.output}: images go to this machine alone; say --format npy")
    with staged((), task.latent, task.output) as (_, place):
        report = api.decompress(task.latent, place, progress=progress, **task.settings)
    return replace(report, output=task.output)


def _folder(found: list[Found], output: str | None) -> Path | str | None:
    """The folder that several outputs go to; None where there is one, or they go beside their latents."""
    mirrored = any(latent.root is not None for latent in found)
    if len(found) == 1 and not mirrored:
        return None
    return output_folder(output, len(found), mirrored=mirrored, endings=media.OUTPUT_ENDINGS)


def _places(
    found: list[Found],
    output: str | None,
    folder: Path | str | None,
    format: str | None,
    skip_existing: bool,
    taken: Places,
) -> tuple[list[str | None], list[Place]]:
    """What each latent is restored to, as `api.decompress` takes it, and its place in the batch."""
    mirrored = any(latent.root is not None for latent in found)
    if len(found) == 1 and not mirrored and (output is not None or not skip_existing):
        # A folder is one of PNG images here; who writes it checks it.
        exists = skip_existing and output is not None and Path(output).exists()
        exists = exists and not unfinished(Path(str(output)))
        return [output], [Existing(Path(str(output))) if exists else Path(output or "")]
    outputs: list[str | None] = []
    places: list[Place] = []
    for number, latent in enumerate(found):
        if (done := taken.done_from(latent.name, latent.stamp)) is not None:
            places.append(done)
            outputs.append(None)
            continue
        images = False
        place: Place
        try:
            wanted, images = _wanted(place_of(latent.name), format)
            target: Path | str = wanted
            if folder is not None:
                # No source is there that it could be mistaken for.
                named = wanted.with_name(wanted.name.replace(".restored", "", 1))
                target = latent.in_folder(folder, named.name)
            told: dict[str, Any] = {"number": number, "name": latent.name, "stamp": latent.stamp}
            key = latent.name if is_remote(latent.name) else Path(latent.name)
            place = taken.take(target, key, folder=images, **told)
        except ImfnError as error:
            place = error
        places.append(place)
        outputs.append(f"{place}/" if images else str(place))
    return outputs, places


def _wanted(place: Path | RemotePath, format: str | None) -> tuple[Path, bool]:
    """Where the frames of a latent go by default, and whether that is a folder of images."""
    opened = bitstream.open_file(place)
    latent = place if isinstance(place, Path) else Path(place.name)
    if isinstance(opened, bitstream.ArrayFile):
        found = str(codec.array_place(latent, None, opened.header.source_kind, format))
        return Path(found), found.endswith("/")
    kind = "video" if isinstance(opened, bitstream.FadingMemoryFile) else opened.header.source_kind
    beside = str(codec.restored_place(latent, None, kind))
    if format is None:
        return Path(beside), beside.endswith("/")
    stem = beside.rstrip("/") if beside.endswith("/") else str(Path(beside).with_suffix(""))
    return Path(f"{stem}.{format}"), False


def _writer(latent: str) -> str | None:
    """The shipped model that a latent names; None where it names another, or cannot be read at all."""
    try:
        opened = bitstream.open_file(place_of(latent))
    except ImfnError:
        # Restoring will say what is wrong with it.
        return None
    if isinstance(opened, bitstream.ArrayFile):
        return None
    name = opened.header.model
    # A name in a file that came from somewhere may not make us read a folder.
    return name if zoo.installed_folder(name) is not None else None
