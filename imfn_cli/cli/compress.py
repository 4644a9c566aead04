"""`imfn compress`: sequences in, latents out."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import api, codec, defaults, media, network, zoo
from ..errors import ImfnError, InputError
from ..limits import Limits
from ..reports import ArrayReport
from ..system.pipes import STANDARD, check_stdout, is_standard
from . import options
from .batch import Batch, Place, Places, below, output_folder
from .output import Output, Progress
from .process import settle_for

if TYPE_CHECKING:
    from ..media import Source
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
        bool, typer.Option("--lossless", help="Of an array: every bit comes back, on every machine.")
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
    device: options.Device = options.DeviceName.auto,
    force: options.Force = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Decode what was written before it gets its name.")
    ] = False,
    skip_existing: options.SkipExisting = False,
    resume: options.Resume = False,
    jobs: options.InputsAtOnce = 1,
    limit_memory: options.LimitMemory = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> int:
    """Compress sequences of frames into latents.

    clip.mp4 becomes clip.safetensors beside it; 'imfn decompress' gives the frames back. Of a folder, -o DIR
    gets the same folders and names.
    """
    out = Output(json, quiet, aside=is_standard(output))
    options.check_targets(quality, target_psnr, target_kbps, target_size)
    if verify and resume:
        raise typer.BadParameter("--verify and --resume exclude one another", param_hint="imfn compress")
    guaranteed = lossless or max_error is not None
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
    sources = media.expand_inputs(inputs)
    if not sources:
        raise InputError("no input found; name a file or a directory")
    places = _places(sources, output, force, skip_existing or resume)
    loaded = None
    as_pictures = [
        isinstance(place, Path) and not guaranteed and not api.goes_as_array(source, model, fit=fit)
        for source, place in zip(sources, places, strict=True)
    ]
    if any(as_pictures):
        # A wrong model or ratio is wrong for all inputs.
        settle_for(model)
        loaded = zoo.load(model, device=device, limits=limits)
        if isinstance(chosen, int):
            network.level_of_ratio(chosen, loaded.network.config.levels)
            if student:
                loaded.student(chosen)

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
        "lossless": lossless,
        "max_error": max_error,
        "fit": fit,
        "force": force,
        "verify": verify,
        "limits": limits,
        "resume": resume,
    }

    def task(index: int) -> _Task:
        place = places[index]
        assert isinstance(place, Path)
        # Another process loads it by its name.
        given = loaded if jobs == 1 and as_pictures[index] else model
        return _Task(sources[index], place, given, device, settings)

    def tell(report: "CompressReport") -> int:
        for note in report.notes:
            out.note(f"{report.source}: {note}")
        if report.resumed:
            out.note(f"{report.source}: went on after frame {report.resumed - 1}")
        out.result(report.to_dict(), *human(report))
        return 0

    return Batch(out, _work, jobs).run([source.name for source in sources], places, task, tell)


@dataclass(frozen=True)
class _Task:
    """One input and its output. settings: of `api.compress`."""

    source: "Source"
    place: Path
    model: "Model | str | None"
    device: str
    settings: dict[str, Any]


def _work(task: _Task, progress: Progress | None) -> "CompressReport":
    named, guaranteed = task.model, task.settings["lossless"] or task.settings["max_error"] is not None
    model = named
    if not guaranteed and not api.goes_as_array(task.source, named, fit=task.settings["fit"]):
        model = (
            _loaded(named, task.device, task.settings["limits"])
            if named is None or isinstance(named, str)
            else named
        )
    stage = None if progress is None else progress.stage
    return api.compress(task.source, task.place, model=model, progress=progress, stage=stage, **task.settings)


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


def _places(sources: "list[Source]", output: str | None, force: bool, skip_existing: bool) -> list[Place]:
    """Where each source's latent goes, or why there will be none: known before any work is done."""
    mirrored = any(source.root is not None for source in sources)
    if is_standard(output) and len(sources) == 1:
        check_stdout()
        return [Path(STANDARD)]
    folder = output_folder(output, len(sources), mirrored=mirrored, endings=(codec.LATENT_ENDING,))
    taken = Places(folder, force=force, skip_existing=skip_existing)
    places: list[Place] = []
    for source in sources:
        wanted = source.default_output(codec.LATENT_ENDING)
        if folder is not None:
            wanted = folder / below(wanted, source.root)
        elif output is not None:
            wanted = Path(output)
        try:
            if source.kind == "missing":
                media.open_sequence(source)  # says so
            codec.latent_path(source, wanted if output else None)
            places.append(taken.take(wanted, source.paths[0] if source.paths else Path("stdin")))
        except ImfnError as error:
            places.append(error)
    return places
