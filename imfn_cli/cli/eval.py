"""`imfn eval`: how good is it on these clips, and against the codecs of today?"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import defaults
from ..errors import InputError, OutputError
from ..system.files import check_output
from . import options
from .output import Output, say

if TYPE_CHECKING:
    from rich.table import Table

    from ..evaluation.rows import Setting


def evaluate(
    clips: Annotated[
        list[str],
        typer.Argument(metavar="CLIPS...", help="Videos, images, arrays; folders or patterns of those."),
    ],
    ratio: Annotated[
        str, typer.Option("--ratio", "-r", metavar="R,…", help="Ratios, powers of two from 1 to 64.")
    ] = "4,8,16,32",
    quality: Annotated[
        str, typer.Option("--quality", "-q", metavar="Q,…", help="Qualities, 0 to 100.")
    ] = "20,40,60",
    in_float: Annotated[
        bool,
        typer.Option("--float", help="Also every ratio with memories in float: no file, no quantisation."),
    ] = False,
    gop: options.Gop = defaults.GOP,
    student: Annotated[
        bool, typer.Option("--student", help="Also the model's student, beside its tree.")
    ] = False,
    model: options.Model = None,
    against: Annotated[
        str | None,
        typer.Option(
            "--against",
            metavar="CODEC,…",
            help="Encode the same frames with x264, x265, av1, vp9.",
            show_default="none",
        ),
    ] = None,
    preset: Annotated[
        list[str] | None,
        typer.Option(
            "--preset",
            metavar="CODEC=P",
            help="Preset of a codec; of vp9 its cpu-used. Repeat for others.",
            show_default="x264=medium, x265=medium, av1=6, vp9=2",
        ),
    ] = None,
    crf: Annotated[
        list[str] | None,
        typer.Option(
            "--crf",
            metavar="CODEC=N,…",
            help="Rate factors of a codec. Repeat for others.",
            show_default="four that span 30 to 41 dB",
        ),
    ] = None,
    frames: options.Frames = None,
    jobs: options.Jobs = options.JOBS,
    cache: options.Cache = None,
    csv: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write the rows as CSV.")] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="Draw the curves: .png, .svg or .pdf.")
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="FILE", help="Write a page, .html, with curves and pictures."),
    ] = None,
    device: options.Device = options.DeviceName.cpu,
    force: options.Force = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> int:
    """Measure quality, size, speed and memory on clips, frame by frame.

    Every latent is written to disk and its whole size counts. With --against, other codecs encode the same
    frames, and BD-rate says how many bits more or less they need. Needs pip install 'imfn[eval]'.
    """
    out = Output(json, quiet)
    ratios = _numbers(ratio, "--ratio")
    qualities = _numbers(quality, "--quality")
    for value in qualities:
        if not 0 <= value <= 100:
            raise typer.BadParameter(f"{value} is not in 0 … 100", param_hint="--quality")
    selection = options.parse_frames(frames)
    for path in filter(None, (csv, plot, report)):
        check_output(path, force=force)
    from ..evaluation.extra import require

    require(
        "pytorch_msssim",
        *(("bjontegaard",) if against else ()),
        *(("matplotlib",) if against or plot else ()),
    )
    from ..evaluation.plot import ENDINGS

    if plot is not None and plot.suffix.lower() not in ENDINGS:
        raise OutputError(f"{plot}: plots are written as {', '.join(ENDINGS)}; choose one of these endings")
    from ..evaluation import engine

    peers = _peers(against, preset, crf)
    settings = engine.settings_of(
        ratios, qualities, in_float=in_float, student=student, gop=gop, against=peers
    )
    from ..media import expand_inputs

    sources = expand_inputs(clips)
    if not sources:
        raise InputError("no input found; name a file or a directory")
    from ..evaluation.document import COLUMNS, document
    from ..evaluation.tables import write_csv
    from ..zoo import load

    engine.check_settings(settings, load(model, device="cpu"))
    chosen = engine.clips_of(sources, *selection)
    with out.progress("measuring", "rows") as progress:
        found = engine.evaluate(
            chosen,
            settings,
            model=model,
            device=device,
            jobs=jobs,
            cache=cache,
            progress=progress,
        )
    for clip in found.clips:
        for note in clip.notes:
            out.note(f"{clip.name}: {note}")
    if cache is not None:
        out.note(f"{len(found.rows) - found.computed} of {len(found.rows)} rows were in {cache}")
    result = document(found, jobs=jobs)
    if csv is not None:
        write_csv(csv, COLUMNS, result["rows"], force=force)
    if plot is not None and found.rows:
        from ..evaluation.plot import write_plot

        write_plot(plot, result, force=force)
    if report is not None and found.rows:
        from ..evaluation.pictures import pictures
        from ..evaluation.report import write_report

        with out.progress("pictures", "clips") as progress:
            shown = pictures(chosen, found.rows, model, device=device, progress=progress)
        write_report(report, result, shown, force=force)
    if found.rows or json:
        out.result(result, *tables(result))
    for failure in found.failures:
        say(failure.error if failure.codec is None else f"{failure.clip}: {failure.error}")
    if found.failures and len(chosen) > 1:
        say(f"{len({failure.clip for failure in found.failures})} of {len(chosen)} clips failed")
    return 1 if found.failures else 0


def _numbers(text: str, option: str) -> list[int]:
    """'4,8' → [4, 8]. Raises a usage error."""
    try:
        return list(dict.fromkeys(int(part) for part in text.split(",")))
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is not a list of numbers such as 4,8,16", param_hint=option
        ) from None


def _peers(against: str | None, presets: Sequence[str] | None, crfs: Sequence[str] | None) -> "list[Setting]":
    """The settings of all peers. Raises usage errors that name what is known."""
    from ..evaluation.peers import PEERS, sweep

    def known(name: str, option: str) -> str:
        if name not in PEERS:
            raise typer.BadParameter(f"no codec {name!r}; known: {', '.join(PEERS)}", param_hint=option)
        return name

    def pairs(texts: Sequence[str] | None, option: str) -> dict[str, str]:
        found = {}
        for text in texts or ():
            name, equals, value = text.partition("=")
            if not equals or not value:
                raise typer.BadParameter(f"{text!r}: write CODEC=VALUE", param_hint=option)
            found[known(name, option)] = value
        return found

    chosen = list(
        dict.fromkeys(known(name.strip(), "--against") for name in (against or "").split(",") if name.strip())
    )
    by_preset, by_crf = pairs(presets, "--preset"), pairs(crfs, "--crf")
    for option, named in (("--preset", by_preset), ("--crf", by_crf)):
        for name in named:
            if name not in chosen:
                raise typer.BadParameter(f"{name} is not among --against", param_hint=option)
    settings = []
    for name in chosen:
        numbers = _numbers(by_crf[name], "--crf") if name in by_crf else None
        try:
            settings += sweep(name, numbers, by_preset.get(name))
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--preset or --crf") from None
    return settings


# -- tables for people ---------------------------------------------------------------------------------


def tables(document: dict[str, Any]) -> "list[Table | str]":
    """The means, and the Bjøntegaard deltas where there are any."""
    from rich.table import Table

    clips, jobs = len({row["clip"] for row in document["rows"]}), document["environment"]["jobs"]
    model = next((row["model"] for row in document["rows"] if row["model"]), "")
    names = ("PSNR RGB", "YUV", "Y", "SSIM", "MS-SSIM", "bits/pixel", "compress/s", "restore/s", "MB")
    first = Table("codec", "", title=f"mean over {clips} clip{'s' if clips != 1 else ''}, model {model}")
    for name in names:
        first.add_column(name, justify="right")
    for mean in document["means"]:
        knob = f"crf {mean['crf']}" if mean["crf"] is not None else ""
        knob = f"q{mean['quality']}" if mean["quality"] is not None else knob
        digits = {"psnr_rgb": 2, "psnr_yuv": 2, "psnr_y": 2, "ssim": 4, "ms_ssim": 4, "bits_per_pixel": 4}
        digits |= {"compress_fps": 0, "restore_fps": 0, "peak_memory_mb": 0}
        cells = ["–" if mean[name] is None else f"{mean[name]:.{places}f}" for name, places in digits.items()]
        first.add_row(mean["label"], knob, *cells)
    notes = [
        "PSNR in dB; Y and YUV (6 Y + U + V) / 8 of BT.601 8-bit 4:4:4, SSIM of that Y. "
        f"Frames a second on one compute thread, {jobs} rows at a time; MB: peak above the idle process."
    ]
    return [first, *notes, *_bd_tables(document)]


def _bd_tables(document: dict[str, Any]) -> "list[Table | str]":
    from rich.table import Table

    deltas = document["bd"]
    if not deltas:
        return []
    anchors = list(dict.fromkeys(delta["anchor"] for delta in deltas))
    found = {(delta["clip"], delta["anchor"], delta["codec"]): delta for delta in deltas}
    codecs = list(dict.fromkeys(delta["codec"] for delta in deltas))
    clips = list(dict.fromkeys(delta["clip"] for delta in deltas if delta["clip"] is not None))
    overview = Table("codec", *anchors, title="BD-rate, BD-PSNR against each codec, mean over clips")
    for codec in codecs:
        overview.add_row(codec, *(_cell(found[None, anchor, codec]) for anchor in anchors))
    each = Table("clip", *anchors, title=f"{codecs[-1]}, clip by clip")
    for clip in clips:
        each.add_row(clip, *(_cell(found[clip, anchor, codecs[-1]]) for anchor in anchors))
    used = _options([mean for mean in document["means"] if mean["codec"] in anchors])
    reasons = dict.fromkeys(
        f"{delta['clip']}, {delta['codec']} against {delta['anchor']}: {delta['note']}"
        for delta in deltas
        if delta["note"] and delta["clip"] is not None and (delta["codec"] == codecs[-1] or len(clips) == 1)
    )
    method = (
        "Bits more (+) or fewer (−) for the same PSNR RGB; dB more or less for the same bits. By the package "
    )
    return [
        overview,
        *([each] if len(clips) > 1 else []),
        f"{method}{document['bd_method']}.",
        *reasons,
        *used,
    ]


def _options(means: Sequence[dict[str, Any]]) -> list[str]:
    """The exact options of each peer, one line for all its CRFs."""
    lines = []
    for label in dict.fromkeys(mean["label"] for mean in means):
        here = [mean for mean in means if mean["label"] == label]
        crfs = ",".join(str(mean["crf"]) for mean in here)
        lines.append(f"{label}: " + here[0]["options"].replace(f"-crf {here[0]['crf']}", f"-crf {crfs}"))
    return lines


def _cell(delta: dict[str, Any]) -> str:
    rate = "no overlap" if delta["bd_rate"] is None else f"{delta['bd_rate']:+.1f} %"
    return rate + ("" if delta["bd_psnr"] is None else f", {delta['bd_psnr']:+.2f} dB")
