"""`imfn compress`: sequences in, latents out."""

import hashlib
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import api, codec, defaults, media, network, zoo
from ..corpus import films
from ..corpus.films import SEGMENT, Cut, PartDone
from ..corpus.items import Item, expanded
from ..corpus.ledger import Ledger
from ..errors import ImfnError, InputError
from ..limits import Limits
from ..media.elsewhere import source_in, staged
from ..reports import ArrayReport
from ..system.allocator import reuse_freed_memory
from ..system.pipes import STANDARD, check_stdout, is_standard
from ..system.remote import is_remote
from . import options
from .batch import Batch, Place, Places, output_folder
from .output import Output, Progress
from .process import settle_for

if TYPE_CHECKING:
    from ..reports import CompressReport, TargetReport
    from ..zoo import Model


def compress(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT",
            help="A video, animation, directory or pattern of images, .npy, .npz, TIFF, MNIST idx, "
            "HDF5 (file.h5::/data), Zarr; "
            "a directory of those; - for a video on standard input.",
        ),
    ],
    ratio: options.AnyRatio = None,
    quality: options.QualityOrTarget = None,
    target_psnr: options.TargetPsnr = None,
    target_kbps: options.TargetKbps = None,
    target_size: options.TargetSize = None,
    preset: options.Preset = None,
    gop: options.GopOfPreset = None,
    effort: options.Effort = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="File to write, - for standard output; for several inputs, or a folder, a folder.",
            show_default="INPUT.safetensors beside the input",
        ),
    ] = None,
    lossless: Annotated[
        bool, typer.Option("--lossless", help="Of an array, gray or RGB video, PNG: every bit comes back.")
    ] = False,
    max_error: options.MaxError = None,
    fit: options.Fit = False,
    student: Annotated[
        bool, typer.Option("--student", help="One recurrent update per frame instead of the tree.")
    ] = False,
    model: options.Model = None,
    frames: options.Frames = None,
    stream: Annotated[
        int | None,
        typer.Option(
            "--stream",
            metavar="N",
            min=0,
            help="Which of several video streams, counted from 0.",
            show_default="the film among them",
        ),
    ] = None,
    no_audio: options.NoAudio = False,
    embed_model: Annotated[
        bool,
        typer.Option(
            "--embed-model", help="Put the model into the file, which then needs none (2 to 14 MB)."
        ),
    ] = False,
    device: options.Device = options.DeviceName.auto,
    force: options.Force = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Decode what was written before it gets its name.")
    ] = False,
    skip_existing: options.SkipExisting = False,
    resume: options.Resume = False,
    update: options.Update = False,
    manifest: options.Manifest = None,
    jobs: options.InputsAtOnce = 1,
    ray: options.Ray = None,
    segment: options.Segment = SEGMENT,
    limit_memory: options.LimitMemory = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> int:
    """Compress sequences of frames into latents.

    clip.mp4 becomes clip.safetensors beside it; 'imfn decompress' gives the frames back. Of a folder, -o DIR
    gets the same folders and names, and a manifest, by which a second run knows what is done. Inputs and
    outputs may be addresses, s3://bucket/footage/ (pip install 'imfn[remote]').
    """
    out = Output(json, quiet, aside=is_standard(output))
    options.check_targets(quality, target_psnr, target_kbps, target_size)
    if verify and resume:
        raise typer.BadParameter("--verify and --resume exclude one another", param_hint="imfn compress")
    guaranteed = lossless or max_error is not None
    if guaranteed and embed_model:
        raise typer.BadParameter("no model makes an array latent", param_hint="--embed-model")
    if guaranteed:
        options.check_guarantee(
            lossless and max_error is not None, quality, target_psnr, target_kbps, target_size, model
        )
    if fit:
        options.check_fit(guaranteed, student, target_psnr, target_kbps, target_size, model)
    selection = options.parse_frames(frames)
    chosen = None if ratio is None else options.parse_ratio(ratio)
    if student and chosen == defaults.AUTO:
        raise typer.BadParameter("a student has one ratio; name it with -r", param_hint="--student")
    if chosen is None and preset is not None and not student:
        chosen = defaults.PRESETS[preset].ratio
    if effort == 0 and chosen in (None, defaults.RATIO):
        chosen, gop = defaults.RATIO, 0
    elif effort is not None and (effort == 0 or student or chosen not in (None, defaults.AUTO)):
        raise typer.BadParameter(
            "0 is a fixed 16:1 without GOPs; 1 to 3 go with -r auto", param_hint="--effort"
        )
    limits = options.limits_of(limit_memory)
    items = expanded(inputs)
    if not items:
        raise InputError("no input found; name a file or a directory")
    settings = {
        "ratio": chosen,
        "quality": quality,
        "target_psnr": target_psnr,
        "target_kbps": target_kbps,
        "target_size": target_size,
        "gop": gop,
        "effort": effort or None,
        "preset": preset,
        "student": student,
        "frames": selection,
        "stream": stream,
        "audio": not no_audio,
        "embed_model": embed_model,
        "lossless": lossless,
        "max_error": max_error,
        "fit": fit,
        "force": force,
        "verify": verify,
        "limits": limits,
        "resume": resume,
    }
    depends = {name: value for name, value in settings.items() if name not in _NOT_OF_THE_BYTES}
    folder = _folder(items, output)
    # Reading all weights takes a moment, and only a manifest tells of them.
    known = None if folder is None and manifest is None else _model_hash(model, guaranteed)
    ledger = Ledger.of(manifest, None if folder is None else str(folder), {**depends, "model": known})
    taken = Places(folder, force=force, skip_existing=skip_existing or resume, update=update, ledger=ledger)
    places = _places(items, output, folder, taken)
    loaded = None
    as_pictures = [
        isinstance(place, Path | str)
        and not guaranteed
        and (item.source is None or not api.goes_as_array(item.source, model, fit=fit))
        for item, place in zip(items, places, strict=True)
    ]
    apart = jobs > 1 or ray is not None
    if any(as_pictures) and (not apart or student):
        # A wrong model or ratio is wrong for all inputs.
        settle_for(model)
        loaded = zoo.load(model, device=device, limits=limits)
    elif not any(as_pictures):
        # Arrays are coded by one thread, pass after pass in arrays as large.
        reuse_freed_memory()
    if any(as_pictures) and isinstance(chosen, int):
        levels = _levels(model) if loaded is None else loaded.network.config.levels
        network.level_of_ratio(chosen, levels)
        if student:
            assert loaded is not None
            loaded.student(chosen)

    def task(index: int) -> _Task:
        place = places[index]
        assert isinstance(place, Path | str)
        given = settings | {"force": True} if place in taken.renewed else settings
        # Another process loads it by its name.
        named = loaded if not apart and as_pictures[index] else model
        parted = segment if apart else 0
        return _Task(items[index], str(place), named, device, given, parted)

    def tell(report: "CompressReport") -> int:
        for note in report.notes:
            out.note(f"{report.source}: {note}")
        if report.resumed:
            out.note(f"{report.source}: went on after frame {report.resumed - 1}")
        out.result(report.to_dict(), *human(report))
        return 0

    def values(report: "CompressReport") -> dict[str, Any]:
        found = report.target
        return {
            "bytes": report.bytes,
            "frames": report.frames,
            "psnr": found.reached if found is not None and found.of == "psnr" else None,
            "model": known,
            "seconds": round(report.seconds, 3),
        }

    batch: Batch[_Task, CompressReport] = Batch(out, _work, jobs, ray, ledger, values)
    return batch.run([item.name for item in items], places, task, tell)


# Settings that change nothing in the file.
_NOT_OF_THE_BYTES = ("force", "verify", "limits", "resume")


@dataclass(frozen=True)
class _Task:
    """One input and its output. settings: of `api.compress`.

    segment: frames of a part, where a long film may be cut; 0: it may not.   cut, part, join, spent: of a
    film that was: which part of it is to be done, or that all are there, and the seconds that they took.
    """

    item: Item
    place: str
    model: "Model | str | None"
    device: str
    settings: dict[str, Any]
    segment: int = 0
    cut: Cut | None = None
    part: int | None = None
    join: bool = False
    spent: float = 0.0


def _work(task: _Task, progress: Progress | None) -> "CompressReport | Cut | PartDone":
    with staged(task.item.files, task.item.name, task.place) as (copied, place):
        source = task.item.source if copied is None else source_in(copied, task.item.name)
        assert source is not None
        named, settings = task.model, task.settings
        guaranteed = settings["lossless"] or settings["max_error"] is not None
        model: Model | str | None = named
        film: films.Film | None = None
        if not guaranteed and not api.goes_as_array(source, named, fit=settings["fit"]):
            if named is None or isinstance(named, str):
                model = _loaded(named, task.device, settings["limits"])
            assert model is not None
            assert not isinstance(model, str)
            cut = task.cut
            if task.segment and cut is None:
                cut = films.cut_of(source, model, settings, task.segment)
                if cut is not None:
                    return cut
            if cut is not None:
                film = films.Film.at(task.place, task.item.stamp, source, model, settings, cut)
                if task.part is not None:
                    return film.code(task.part)
                report = film.join(place)
                report = replace(report, seconds=report.seconds + task.spent)
        if film is None:
            stage = None if progress is None else progress.stage
            how: dict[str, Any] = {"model": model, "progress": progress, "stage": stage}
            report = api.compress(source, place, **how, **settings)
    if film is not None:
        film.clear()
    # By the names that the user knows.
    copied_any = copied is not None or str(place) != task.place
    return replace(report, source=task.item.name, output=task.place) if copied_any else report


def _model_hash(model: str | None, guaranteed: bool) -> str | None:
    """The hash of the weights that are meant; the name where they must be fetched first."""
    if guaranteed or (model is not None and model.startswith("hf://")):
        return model
    if model is not None and zoo.is_array_model(model):
        return hashlib.sha256(Path(model).read_bytes()).hexdigest()
    return zoo.weights_sha256(zoo.find_model(model))


def _levels(model: str | None) -> int:
    """Levels of a model that is not loaded here."""
    return int(zoo.read_config(zoo.find_model(model))["network"]["levels"])


@cache
def _loaded(model: str | None, device: str, limits: Limits) -> "Model":
    """The model, once for all inputs of a process."""
    return zoo.load(model, device=device, limits=limits)


def human(report: "CompressReport") -> list[str]:
    """The report in three lines, and one of its target."""
    if isinstance(report, ArrayReport):
        return _human_of_array(report)
    before = fewer = ""
    numbers = report.ratio_of_numbers
    in_memories = f"{numbers:.1f} times fewer" if numbers >= 1 else f"{1 / numbers:.1f} times more"
    # Blocks of an adaptive forest that are skipped have no numbers at all.
    in_memories = "" if report.ratio == defaults.AUTO else f"{in_memories} numbers"
    # Of a part of a file nobody knows how many bytes it took.
    if (ratio := report.ratio_of_bytes) is not None:
        before = f"{report.source_bytes:,} → "
        fewer = f"{ratio:.2f} times fewer bytes" if ratio >= 1 else f"{1 / ratio:.2f} times more bytes"
    compared = ", ".join(filter(None, (in_memories, fewer)))
    settings = (
        f"model {report.model}{', student' if report.student else ''}, ratio {report.ratio}, "
        f"quality {report.quality}{f', gop {report.gop}' if report.gop else ''}"
    )
    return [
        f"{report.source} → {report.output}",
        f"  {report.frames} frames of {report.width}×{report.height}, {before}{report.bytes:,} bytes "
        f"({report.bits_per_pixel:.4f} bits per pixel), {report.frames_per_second:.0f} frames/s",
        f"  {compared} ({settings})" if compared else f"  {settings}",
        *_target_line(report.target),
    ]


def _human_of_array(report: ArrayReport) -> list[str]:
    if report.max_error is None:
        kept = f"memories of {report.ratio} frames, quality {report.quality}"
    else:
        kept = "lossless" if report.lossless else f"within {report.max_error:.6g}"
    size = "×".join(map(str, report.shape))
    coded = f"{report.bytes:,} bytes, {report.bits_per_sample:.3f} bits per sample"
    return [
        f"{report.source} → {report.output}",
        f"  {report.dtype} of {size}, {kept}: {coded}, "
        f"{report.ratio_of_bytes:.2f} times fewer, {report.megabytes_per_second:.1f} MB/s",
    ]


def _target_line(found: "TargetReport | None") -> list[str]:
    if found is None:
        return []
    target = codec.Target(found.of, found.wanted)
    sampled = f" and {found.sample_passes} over a sample" if found.sample_passes else ""
    passes = "1 pass" if found.passes == 1 else f"{found.passes} passes"
    return [f"  target {target.text()}: {target.text(found.reached)} in {passes}{sampled}"]


def _folder(items: list[Item], output: str | None) -> Path | str | None:
    """The folder that the latents go to; None where it is a file, or they go beside their sources."""
    if is_standard(output) and len(items) == 1:
        return None
    mirrored = any(item.root is not None for item in items)
    if len(items) == 1 and items[0].source is not None and items[0].source.paths == (items[0].root,):
        # A folder of images is one sequence, which may become a file.
        mirrored = not str(output).endswith(codec.LATENT_ENDING)
    return output_folder(output, len(items), mirrored=mirrored, endings=(codec.LATENT_ENDING,))


def _places(items: list[Item], output: str | None, folder: Path | str | None, taken: Places) -> list[Place]:
    """Where each source's latent goes, or why there will be none: known before any work is done."""
    if is_standard(output) and len(items) == 1:
        check_stdout()
        return [Path(STANDARD)]
    places: list[Place] = []
    for number, item in enumerate(items):
        try:
            wanted = item.output(codec.LATENT_ENDING, folder)
            if folder is None and output is not None:
                wanted = output if is_remote(output) else Path(output)
            source = item.source
            if source is not None:
                if source.kind == "missing":
                    media.open_sequence(source)  # says so
                if isinstance(wanted, Path):
                    codec.latent_path(source, wanted if output else None)
            told: dict[str, Any] = {"number": number, "name": item.name, "stamp": item.stamp}
            places.append(taken.take(wanted, item.key, **told))
        except ImfnError as error:
            places.append(error)
    return places
