"""`imfn bench`: every table of the README, by name."""

from dataclasses import asdict, fields
from pathlib import Path
from typing import Annotated

import typer

from ... import defaults
from .. import options
from ..output import Output
from ..process import settle_for
from .camera import camera
from .common import benchmark_sources, make_folder, model_name
from .factorisation import factorisation
from .mnist import mnist
from .student import student

bench = typer.Typer(
    help="Reproduce the README's tables, as CSV files in a folder.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
bench.command()(factorisation)
bench.command()(mnist)
bench.command()(camera)
bench.command()(student)

_RATIOS, _QUALITIES = (4, 8, 16, 32), (20, 40, 60)
# What is the same in every run, so that a committed file only changes with the results.
_FLOAT_COLUMNS = ("clip", "ratio", "frames", "psnr")
_FILE_COLUMNS = (
    *("clip", "model", "ratio", "quality", "frames"),
    *("psnr_rgb", "psnr_yuv", "psnr_y", "ssim", "ms_ssim", "bytes", "bits_per_pixel"),
)
_UNSTEADY = ("compress_fps", "restore_fps", "peak_memory_mb")


@bench.command()
def ucf101(
    clips: options.TestClips = None,
    model: options.Model = None,
    gop: options.Gop = defaults.GOP,
    results: options.Results = Path("results"),
    jobs: options.Jobs = options.JOBS,
    cache: options.Cache = None,
    quick: options.Quick = False,
    json: options.Json = False,
) -> None:
    """PSNR with float memories at every ratio, PSNR and bits per pixel of files: UCF-101 test clips."""
    from rich.table import Table

    from ...evaluation.document import means
    from ...evaluation.engine import clips_of, evaluate, settings_of
    from ...evaluation.float_psnr import float_rows, mean_by_ratio
    from ...evaluation.tables import write_csv
    from ...zoo import load

    out = Output(json)
    sources = benchmark_sources(clips, quick)
    make_folder(results)
    loaded = load(model)
    with out.stages("clips") as progress:
        floats = float_rows(loaded, sources, progress=progress)
    with out.progress("PSNR and size of files", "rows") as rows_done:
        found = evaluate(
            clips_of(sources),
            settings_of(_RATIOS, _QUALITIES, gop=gop),
            model=model,
            jobs=jobs,
            cache=cache,
            progress=rows_done,
        ).whole()
    rows = [row.to_dict() for row in found.rows]
    write_csv(results / f"ucf101-float-{loaded.name}.csv", _FLOAT_COLUMNS, [vars(row) for row in floats])
    write_csv(results / f"ucf101-files-{_named(loaded.name, gop)}.csv", _FILE_COLUMNS, rows)
    by_ratio = mean_by_ratio(floats)
    first = Table(
        "ratio",
        *(f"{ratio}:1" for ratio in by_ratio),
        title=f"{loaded.name}, {len(sources)} clips, float memories",
    )
    first.add_row("PSNR (dB)", *(f"{value:.2f}" for value in by_ratio.values()))
    second = Table("ratio", "quality", "PSNR (dB)", "bits per pixel", title="files on disk")
    averages = means(found.rows)
    for mean in averages:
        psnr, bits = f"{mean['psnr_rgb']:.2f}", f"{mean['bits_per_pixel']:.4f}"
        second.add_row(f"{mean['ratio']}:1", str(mean["quality"]), psnr, bits)
    out.result(
        {"model": loaded.name, "clips": len(sources), "float": by_ratio, "files": averages}, first, second
    )


@bench.command()
def codecs(
    clips: options.TestClips = None,
    model: options.Model = None,
    beside: Annotated[
        str | None, typer.Option("--beside", metavar="MODEL", help="Also against another of our models.")
    ] = None,
    gop: options.Gop = defaults.GOP,
    results: options.Results = Path("results"),
    jobs: options.Jobs = options.JOBS,
    cache: options.Cache = None,
    quick: options.Quick = False,
    json: options.Json = False,
) -> None:
    """Against x264, x265, AV1 and VP9 on the UCF-101 test clips: all rows, and BD-rates."""
    from ...evaluation import bd, peers
    from ...evaluation.document import COLUMNS, document
    from ...evaluation.engine import clips_of, evaluate, settings_of
    from ...evaluation.tables import write_csv
    from ..eval import tables

    out = Output(json)
    make_folder(results)
    against = [setting for codec in peers.PEERS for setting in peers.sweep(codec)]
    settings = settings_of(_RATIOS, _QUALITIES, gop=gop, against=against)
    with out.progress("codecs", "rows") as progress:
        sources = clips_of(benchmark_sources(clips, quick))
        found = evaluate(sources, settings, model=model, jobs=jobs, cache=cache, progress=progress).whole()
    result = document(found, jobs=jobs)
    steady = [name for name in COLUMNS if name not in _UNSTEADY]
    shown = tables(result)
    if beside is not None:
        with out.progress(f"codecs, {beside}", "rows") as progress:
            ours = settings_of(_RATIOS, _QUALITIES, gop=gop)
            other = evaluate(sources, ours, model=beside, jobs=jobs, cache=cache, progress=progress).whole()
        gains = bd.against_model(found.rows, other.rows, beside)
        result["bd"] += [one.to_dict() for one in gains]
        for one in gains:
            if one.clip is None:
                rate = "–" if one.bd_rate is None else f"{one.bd_rate:+.1f}%"
                shown.append(f"{one.codec}, against {beside}: {rate} bits for the same PSNR")
    name = _named(model_name(model), gop)
    write_csv(results / f"codecs-{name}.csv", steady, result["rows"])
    write_csv(results / f"codecs-bd-{name}.csv", [field.name for field in fields(bd.Delta)], result["bd"])
    out.result(result, *shown)


def _named(model: str, gop: int) -> str:
    """What a table is called after: the model, and that its memories stand alone where they do."""
    return model if gop else f"{model}-alone"


@bench.command()
def speed(
    clip: Annotated[
        str | None, typer.Argument(help="A clip; the first UCF-101 test clip by default.")
    ] = None,
    model: options.Model = None,
    results: options.Results = Path("results"),
    runs: Annotated[int, typer.Option(min=1, help="Runs of each; the best counts.")] = 5,
    quick: options.Quick = False,
    json: options.Json = False,
) -> None:
    """Frames a second of whole files, compressing and restoring, beside libx264 medium in the same run."""
    from rich.table import Table

    from ...evaluation.speed import SpeedRow, speed_rows
    from ...evaluation.tables import write_rows

    out = Output(json)
    make_folder(results)
    source = benchmark_sources([clip] if clip else None, True)[0]
    settle_for(model)
    with out.stages("runs") as progress:
        rows = speed_rows(model, source, (4, 16, 64), runs=1 if quick else runs, progress=progress)
    write_rows(results / f"speed-{model_name(model)}.csv", SpeedRow, rows)
    table = Table("codec", "compress (frames/s)", "restore (frames/s)", "bytes", title=f"{source.name}")
    for row in rows:
        table.add_row(row.codec, f"{row.compress:.0f}", f"{row.decompress:.0f}", f"{row.bytes:,}")
    out.result({"clip": source.name, "rows": [asdict(row) for row in rows]}, table)


@bench.command()
def memory(
    model: options.Model = None,
    results: options.Results = Path("results"),
    quick: options.Quick = False,
    json: options.Json = False,
) -> None:
    """Peak memory of compressing and restoring 320×240 clips of 20 seconds and 20 minutes."""
    from rich.table import Table

    from ...evaluation.peak_memory import MemoryRow, memory_rows
    from ...evaluation.tables import write_rows

    out = Output(json)
    make_folder(results)
    with out.stages("clips") as progress:
        rows = memory_rows(model, (20, 60) if quick else (20, 1200), progress=progress)
    write_rows(results / f"memory-{model_name(model)}.csv", MemoryRow, rows)
    table = Table("clip", "frames", "compress (MB)", "restore (MB)", title="peak memory")
    for row in rows:
        table.add_row(f"{row.seconds} s", f"{row.frames:,}", f"{row.compress:.0f}", f"{row.decompress:.0f}")
    out.result({"rows": [asdict(row) for row in rows]}, table)
