"""`imfn eval`: how good is it on these clips, and against the codecs of today?"""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from .. import codec, defaults, evaluation, zoo
from ..corpus.items import expanded
from ..errors import InputError, OutputError
from ..media.elsewhere import reachable
from ..system.files import check_output
from . import options, peer_options
from .eval_tables import tables
from .messages import say
from .output import Output


def evaluate(
    clips: Annotated[
        list[str],
        typer.Argument(
            metavar="CLIPS...",
            help="Videos, images, arrays; folders or patterns of those; addresses such as s3://bucket/folder/.",
        ),
    ],
    ratio: options.EvalRatios = None,
    quality: options.Qualities = options.EVAL_QUALITIES,
    in_float: Annotated[
        bool,
        typer.Option("--float", help="Also every ratio with memories in float: no file, no quantisation."),
    ] = False,
    gop: options.Gop = defaults.GOP,
    student: Annotated[
        bool, typer.Option("--student", help="Also the model's student, beside its tree.")
    ] = False,
    model: options.Model = None,
    against: peer_options.Against = None,
    preset: peer_options.Preset = None,
    crf: peer_options.Crf = None,
    frames: options.Frames = None,
    jobs: options.Jobs = options.JOBS,
    ray: options.Ray = None,
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
    """Measure quality, size, speed and peak RSS on clips, frame by frame.

    Every latent is written to disk and its whole size counts. With --against, other codecs encode the same
    frames, and BD-rate says how many bits more or less they need. SSIM, MS-SSIM and --plot need
    pip install 'imfn[eval]'; without it they are left out.
    With --cache a row is kept as soon as it is measured, and not measured again: run it again to go on.
    """
    out = Output(json, quiet)
    ratios = options.parse_ratios(ratio or options.EVAL_RATIOS)
    qualities = options.parse_qualities(quality)
    start, stop = options.parse_frames(frames)
    _check_outputs(csv, plot, report, force)
    # What is missing leaves its part out; the rest is worth as much.
    wanted = ("pytorch_msssim", *(("matplotlib",) if plot is not None else ()))
    if (lacking := evaluation.left_out(*wanted)) is not None:
        out.note(lacking)
    if not evaluation.installed("matplotlib"):
        plot = None
    loaded = zoo.load(model, device="cpu")
    if ratio is None and not codec.fits(loaded.network.config):
        ratios = [one for one in ratios if isinstance(one, int)]
    settings = evaluation.settings_of(
        ratios,
        qualities,
        in_float=in_float,
        student=student,
        gop=gop,
        against=peer_options.parse_peers(against, preset, crf),
    )
    items = expanded(clips)
    if not items:
        raise InputError("no input found; name a file or a directory")
    evaluation.check_settings(settings, loaded)
    with ExitStack() as stack:
        sources = [stack.enter_context(reachable(item.place)) for item in items]
        chosen = evaluation.clips_of(sources, start, stop)
        with out.progress("measuring", "rows") as progress:
            found = evaluation.evaluate(
                chosen,
                settings,
                model=model,
                device=device,
                jobs=jobs,
                ray=ray,
                cache=cache,
                progress=progress,
                failed=_tell,
            )
        shown = []
        if report is not None and found.rows:
            with out.progress("pictures", "clips") as progress:
                shown = evaluation.worst_pictures(chosen, found.rows, model, device=device, progress=progress)
    for clip in found.clips:
        for note in clip.notes:
            out.note(f"{clip.name}: {note}")
    if cache is not None:
        out.note(f"{len(found.rows) - found.computed} of {len(found.rows)} rows were in {cache}")
    document = evaluation.to_document(found, jobs=jobs, ray=ray)
    if csv is not None:
        evaluation.write_csv(csv, evaluation.COLUMNS, document["rows"], force=force)
    if plot is not None and found.rows:
        evaluation.write_plot(plot, document, force=force)
    if report is not None and found.rows:
        evaluation.write_report(report, document, shown, force=force)
    if found.rows or json:
        out.result(document, *tables(document))
    if found.failures and len(chosen) > 1:
        say(f"{len({failure.clip for failure in found.failures})} of {len(chosen)} clips failed")
    return 1 if found.failures else 0


def _tell(failure: "evaluation.Failure") -> None:
    """Say at once what failed, and of which clip."""
    say(failure.error if failure.clip in failure.error else f"{failure.clip}: {failure.error}")


def _check_outputs(csv: Path | None, plot: Path | None, report: Path | None, force: bool) -> None:
    """Raise `OutputError` for what could not be written: before the long work, not after it."""
    for path in filter(None, (csv, plot, report)):
        check_output(path, force=force)
    if plot is not None and plot.suffix.lower() not in evaluation.PLOT_ENDINGS:
        endings = ", ".join(evaluation.PLOT_ENDINGS)
        raise OutputError(f"{plot}: plots are written as {endings}; choose one of these endings")
