"""`imfn bench`: every table of the README, by name."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InputError
from . import options
from .output import Output

if TYPE_CHECKING:
    from ..frames import Source

bench = typer.Typer(help="Reproduce the README's tables, as CSV files in a folder.", no_args_is_help=True)

Results = Annotated[Path, typer.Option("--results", metavar="DIR", help="Folder for the CSV files.")]
Quick = Annotated[bool, typer.Option("--quick", help="A first look: fewer clips, shorter runs.")]
Clips = Annotated[
    list[str] | None,
    typer.Argument(metavar="[CLIPS]...", help="Default: ucf101/test under $IMFN_DATA or ../shared/data."),
]

_RATIOS, _QUALITIES = (4, 8, 16, 32), (20, 40, 60)


@bench.command()
def ucf101(
    clips: Clips = None,
    model: options.Model = None,
    results: Results = Path("results"),
    jobs: Annotated[int, typer.Option(min=1, help="Clips at a time.")] = os.cpu_count() or 1,
    quick: Quick = False,
    json: options.Json = False,
) -> None:
    """PSNR with float memories at every ratio, and PSNR and bits per pixel of files, on the UCF-101 test clips."""
    from rich.table import Table

    from ..evaluation.files import file_rows
    from ..evaluation.floats import float_rows, mean_by_ratio
    from ..evaluation.tables import write_csv
    from ..model import load

    out = Output(json)
    sources = _sources(clips, quick)
    loaded = load(model)
    with out.stages("clips") as progress:
        floats = float_rows(loaded, sources, progress=progress)
        files = list(file_rows(model, sources, _RATIOS, _QUALITIES, jobs=jobs, progress=progress))
    write_csv(results / f"ucf101-float-{loaded.name}.csv", floats)
    write_csv(results / f"ucf101-files-{loaded.name}.csv", files)
    means = mean_by_ratio(floats)
    first = Table(
        "ratio", *(f"{ratio}:1" for ratio in means), title=f"{loaded.name}, {len(sources)} clips, float memories"
    )
    first.add_row("PSNR (dB)", *(f"{value:.2f}" for value in means.values()))
    second = Table("ratio", "quality", "PSNR (dB)", "bits per pixel", title="files on disk")
    averages: list[dict[str, Any]] = []
    for ratio in _RATIOS:
        for quality in _QUALITIES:
            here = [row for row in files if (row.ratio, row.quality) == (ratio, quality)]
            psnr, bits = (sum(getattr(r, name) for r in here) / len(here) for name in ("psnr", "bits_per_pixel"))
            averages.append({"ratio": ratio, "quality": quality, "psnr": psnr, "bits_per_pixel": bits})
            second.add_row(f"{ratio}:1", str(quality), f"{psnr:.2f}", f"{bits:.4f}")
    out.result({"model": loaded.name, "clips": len(sources), "float": means, "files": averages}, first, second)


@bench.command()
def speed(
    clip: Annotated[str | None, typer.Argument(help="A clip; the first UCF-101 test clip by default.")] = None,
    model: options.Model = None,
    results: Results = Path("results"),
    runs: Annotated[int, typer.Option(min=1, help="Runs of each; the best counts.")] = 5,
    quick: Quick = False,
    json: options.Json = False,
) -> None:
    """Frames a second of whole files, compressing and restoring, beside libx264 medium in the same run."""
    from dataclasses import asdict

    from rich.table import Table

    from ..evaluation.speed import speed_rows
    from ..evaluation.tables import write_csv

    out = Output(json)
    source = _sources([clip] if clip else None, True)[0]
    with out.stages("runs") as progress:
        rows = speed_rows(model, source, (4, 16, 64), runs=1 if quick else runs, progress=progress)
    write_csv(results / "speed.csv", rows)
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
    from dataclasses import asdict

    from rich.table import Table

    from ..evaluation.memory import memory_rows
    from ..evaluation.tables import write_csv

    out = Output(json)
    with out.stages("clips") as progress:
        rows = memory_rows(model, (20, 60) if quick else (20, 1200), progress=progress)
    write_csv(results / "memory.csv", rows)
    table = Table("clip", "frames", "compress (MB)", "restore (MB)", title="peak memory")
    for row in rows:
        table.add_row(f"{row.seconds} s", f"{row.frames:,}", f"{row.compress:.0f}", f"{row.decompress:.0f}")
    out.result({"rows": [asdict(row) for row in rows]}, table)


def _sources(clips: Sequence[str] | None, quick: bool) -> "list[Source]":
    from ..frames import expand_inputs

    if not clips:
        places = [Path(os.environ[name]) for name in ("IMFN_DATA",) if name in os.environ] + [Path("../shared/data")]
        found = next((place / "ucf101/test" for place in places if (place / "ucf101/test").is_dir()), None)
        if found is None:
            raise InputError("no UCF-101 test clips here; name clips, or set IMFN_DATA to a folder with ucf101/test")
        clips = [str(found)]
    sources = expand_inputs(clips)
    return sources[:4] if quick else sources
