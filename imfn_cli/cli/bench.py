"""`imfn bench`: every table of the README, by name."""

import os
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import InputError
from ..files import writing
from . import options
from .bench_camera import camera
from .bench_factorisation import factorisation
from .bench_mnist import mnist
from .bench_student import student
from .output import Output
from .process import settle_for

if TYPE_CHECKING:
    from ..evaluation.engine import Evaluation
    from ..frames import Source

bench = typer.Typer(help="Reproduce the README's tables, as CSV files in a folder.", no_args_is_help=True)
bench.command()(factorisation)
bench.command()(mnist)
bench.command()(camera)
bench.command()(student)

Results = Annotated[Path, typer.Option("--results", metavar="DIR", help="Folder for the CSV files.")]
Cache = Annotated[Path | None, typer.Option("--cache", metavar="DIR", help="Keep finished rows here.")]
Jobs = Annotated[int, typer.Option(min=1, help="Rows at a time.")]
Quick = Annotated[bool, typer.Option("--quick", help="A first look: fewer clips, shorter runs.")]
Clips = Annotated[
    list[str] | None,
    typer.Argument(metavar="[CLIPS]...", help="Default: ucf101/test under $IMFN_DATA or ../shared/data."),
]

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
    clips: Clips = None,
    model: options.Model = None,
    results: Results = Path("results"),
    jobs: Jobs = os.cpu_count() or 1,
    cache: Cache = None,
    quick: Quick = False,
    json: options.Json = False,
) -> None:
    """PSNR with float memories at every ratio, PSNR and bits per pixel of files: UCF-101 test clips."""
    from rich.table import Table

    from ..evaluation.document import means
    from ..evaluation.engine import clips_of, evaluate, settings_of
    from ..evaluation.floats import float_rows, mean_by_ratio
    from ..evaluation.tables import write_csv
    from ..model import load

    out = Output(json)
    sources = _sources(clips, quick)
    _make(results)
    loaded = load(model)
    with out.stages("clips") as progress:
        floats = float_rows(loaded, sources, progress=progress)
    with out.progress("PSNR and size of files", "rows") as rows_done:
        found = _whole(
            evaluate(
                clips_of(sources),
                settings_of(_RATIOS, _QUALITIES),
                model=model,
                jobs=jobs,
                cache=cache,
                progress=rows_done,
            )
        )
    rows = [row.to_dict() for row in found.rows]
    write_csv(results / f"ucf101-float-{loaded.name}.csv", _FLOAT_COLUMNS, [vars(row) for row in floats])
    write_csv(results / f"ucf101-files-{loaded.name}.csv", _FILE_COLUMNS, rows)
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
    clips: Clips = None,
    model: options.Model = None,
    beside: Annotated[
        str | None, typer.Option("--beside", metavar="MODEL", help="Also against another of our models.")
    ] = None,
    results: Results = Path("results"),
    jobs: Jobs = os.cpu_count() or 1,
    cache: Cache = None,
    quick: Quick = False,
    json: options.Json = False,
) -> None:
    """Against x264, x265, AV1 and VP9 on the UCF-101 test clips: all rows, and BD-rates."""
    from ..evaluation import bd, peers
    from ..evaluation.document import COLUMNS, document
    from ..evaluation.engine import clips_of, evaluate, settings_of
    from ..evaluation.tables import write_csv
    from .eval import tables

    out = Output(json)
    _make(results)
    against = [setting for codec in peers.PEERS for setting in peers.sweep(codec)]
    settings = settings_of(_RATIOS, _QUALITIES, against=against)
    with out.progress("codecs", "rows") as progress:
        sources = clips_of(_sources(clips, quick))
        found = _whole(evaluate(sources, settings, model=model, jobs=jobs, cache=cache, progress=progress))
    result = document(found, jobs=jobs)
    steady = [name for name in COLUMNS if name not in _UNSTEADY]
    shown = tables(result)
    if beside is not None:
        with out.progress(f"codecs, {beside}", "rows") as progress:
            ours = settings_of(_RATIOS, _QUALITIES)
            other = _whole(evaluate(sources, ours, model=beside, jobs=jobs, cache=cache, progress=progress))
        gains = bd.against_model(found.rows, other.rows, beside)
        result["bd"] += [one.to_dict() for one in gains]
        for one in gains:
            if one.clip is None:
                rate = "–" if one.bd_rate is None else f"{one.bd_rate:+.1f}%"
                shown.append(f"{one.codec}, against {beside}: {rate} bits for the same PSNR")
    name = _name(model)
    write_csv(results / f"codecs-{name}.csv", steady, result["rows"])
    write_csv(results / f"codecs-bd-{name}.csv", [field.name for field in fields(bd.Delta)], result["bd"])
    out.result(result, *shown)


@bench.command()
def speed(
    clip: Annotated[
        str | None, typer.Argument(help="A clip; the first UCF-101 test clip by default.")
    ] = None,
    model: options.Model = None,
    results: Results = Path("results"),
    runs: Annotated[int, typer.Option(min=1, help="Runs of each; the best counts.")] = 5,
    quick: Quick = False,
    json: options.Json = False,
) -> None:
    """Frames a second of whole files, compressing and restoring, beside libx264 medium in the same run."""
    from rich.table import Table

    from ..evaluation.speed import SpeedRow, speed_rows
    from ..evaluation.tables import write_csv

    out = Output(json)
    _make(results)
    source = _sources([clip] if clip else None, True)[0]
    settle_for(model)
    with out.stages("runs") as progress:
        rows = speed_rows(model, source, (4, 16, 64), runs=1 if quick else runs, progress=progress)
    columns = [field.name for field in fields(SpeedRow)]
    write_csv(results / f"speed-{_name(model)}.csv", columns, [asdict(row) for row in rows])
    table = Table("codec", "compress (frames/s)", "restore (frames/s)", "bytes", title=f"{source.name}")
    for row in rows:
        table.add_row(row.codec, f"{row.compress:.0f}", f"{row.decompress:.0f}", f"{row.bytes:,}")
    out.result({"clip": source.name, "rows": [asdict(row) for row in rows]}, table)


@bench.command()
def memory(
    model: options.Model = None,
    results: Results = Path("results"),
    quick: Quick = False,
    json: options.Json = False,
) -> None:
    """Peak memory of compressing and restoring 320×240 clips of 20 seconds and 20 minutes."""
    from rich.table import Table

    from ..evaluation.memory import MemoryRow, memory_rows
    from ..evaluation.tables import write_csv

    out = Output(json)
    _make(results)
    with out.stages("clips") as progress:
        rows = memory_rows(model, (20, 60) if quick else (20, 1200), progress=progress)
    columns = [field.name for field in fields(MemoryRow)]
    write_csv(results / f"memory-{_name(model)}.csv", columns, [asdict(row) for row in rows])
    table = Table("clip", "frames", "compress (MB)", "restore (MB)", title="peak memory")
    for row in rows:
        table.add_row(f"{row.seconds} s", f"{row.frames:,}", f"{row.compress:.0f}", f"{row.decompress:.0f}")
    out.result({"rows": [asdict(row) for row in rows]}, table)


def _whole(found: "Evaluation") -> "Evaluation":
    """A table with holes is none: raise what failed first."""
    if found.failures:
        raise InputError(f"{found.failures[0].clip}: {found.failures[0].error}")
    return found


def _sources(clips: Sequence[str] | None, quick: bool) -> "list[Source]":
    from ..frames import expand_inputs

    if not clips:
        from ..training.places import data_folders

        places = [place / "ucf101/test" for place in data_folders()]
        found = next((place for place in places if place.is_dir()), None)
        if found is None:
            raise InputError(
                "no UCF-101 test clips here; name clips, or set IMFN_DATA to a folder with ucf101/test"
            )
        clips = [str(found)]
    sources = expand_inputs(clips)
    return sources[:4] if quick else sources


def _make(folder: Path) -> None:
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)


def _name(model: str | None) -> str:
    """What results of a model are filed under."""
    from ..model import find_model, read_config

    folder = find_model(model)
    return str(read_config(folder).get("name", folder.name))
