"""`imfn bench student`: the student against its tree."""

from collections.abc import Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import options
from ..output import Output
from . import common
from .common import benchmark_sources, make_folder

if TYPE_CHECKING:
    from rich.table import Table

    from ...studies.student.study import AgeRow, FidelityRow, LatencyRow


class Part(StrEnum):
    """What can be measured alone."""

    fidelity = "fidelity"
    age = "age"
    latency = "latency"


def student(
    clips: common.Clips = None,
    model: options.Model = None,
    data: common.Data = None,
    results: common.Results = Path("results"),
    frames: Annotated[
        int, typer.Option(min=1, help="Frames that the student's memory and time are watched for.")
    ] = 100_000,
    threads: Annotated[int, typer.Option(min=1, help="Compute threads for latency.")] = 2,
    only: Annotated[
        list[Part] | None,
        typer.Option("--only", help="One part; repeat for others.", show_default="all three"),
    ] = None,
    quick: common.Quick = False,
    json: options.Json = False,
) -> None:
    """Tree against student at every ratio, latency and memory, and PSNR against age of one endless memory."""
    from ...evaluation.extra import require

    require("matplotlib")
    from ...evaluation.tables import write_rows
    from ...studies.student.plot import plot_ages, plot_fidelity, plot_latency
    from ...studies.student.study import (
        AgeRow,
        FidelityRow,
        LatencyRow,
        age_rows,
        fidelity_rows,
        latency_rows,
    )
    from ...zoo import load

    out = Output(json)
    parts = only or list(Part)
    sources = [] if parts == [Part.latency] else benchmark_sources(clips, data, quick=quick)
    make_folder(results)
    import torch

    loaded = load(model, device="cpu")
    torch.set_num_threads(threads)
    name = loaded.name
    values: dict[str, Any] = {"model": name}
    tables: list[Table] = []

    # The one that a busy machine would spoil comes last: whoever waits can leave the machine alone by then.
    if Part.fidelity in parts:
        with out.stages("clips") as progress:
            fidelity = fidelity_rows(loaded, sources, frames=64 if quick else 128, progress=progress)
        write_rows(results / f"student-{name}.csv", FidelityRow, fidelity)
        plot_fidelity(results / f"student-{name}.png", name, fidelity)
        values["fidelity"], table = _fidelity(name, len(sources), fidelity)
        tables.append(table)
    if Part.age in parts:
        with out.stages("clips") as progress:
            ages = age_rows(loaded, sources, progress=progress)
        write_rows(results / f"student-age-{name}.csv", AgeRow, ages)
        plot_ages(results / f"student-age-{name}.png", name, ages)
        values["age"] = [asdict(row) for row in ages]
        tables.append(_ages(ages))
    if Part.latency in parts:
        wanted: tuple[int, ...] = (64, 16)
        ratios = [ratio for ratio in wanted if ratio in loaded.ratios] or [loaded.ratios[-1]]
        with out.stages("frames") as progress:
            latency = latency_rows(
                loaded,
                ratios,
                frames=256 if quick else 2048,
                long=1024 if quick else frames,
                progress=progress,
            )
        write_rows(results / "student-latency.csv", LatencyRow, latency)
        plot_latency(results / "student-latency.png", latency)
        values["latency"] = [asdict(row) for row in latency]
        tables.append(_latency(latency))
    out.result(values, *tables)


def _fidelity(name: str, clips: int, rows: "Sequence[FidelityRow]") -> "tuple[list[dict[str, float]], Table]":
    from rich.table import Table

    from ...studies.student.study import mean_fidelity

    means = mean_fidelity(rows)
    table = Table(
        "ratio", "tree (dB)", "student (dB)", "distance", "tree (bytes)", "student (bytes)",
        title=f"{name}, {clips} clips",
    )  # fmt: skip
    for mean in means:
        table.add_row(
            f"{mean['ratio']:g}:1",
            f"{mean['psnr_tree']:.3f}",
            f"{mean['psnr_student']:.3f}",
            f"{mean['distance']:.2g}",
            f"{mean['bytes_tree']:,}",
            f"{mean['bytes_student']:,}",
        )
    return means, table


def _latency(rows: "Sequence[LatencyRow]") -> "Table":
    from rich.table import Table

    table = Table(
        "method", "ratio", "frames", "mean (ms)", "99 % (ms)", "worst (ms)", "memory (MB)",
        title=f"latency at 320×240, threads: {rows[0].threads}",
    )  # fmt: skip
    for row in rows:
        memory = "–" if row.memory_mb is None else f"{row.memory_early_mb:.0f} → {row.memory_mb:.0f}"
        times = (f"{value:.2f}" for value in (row.mean_ms, row.p99_ms, row.worst_ms))
        table.add_row(row.method, f"{row.ratio}:1", f"{row.frames:,}", *times, memory)
    return table


def _ages(rows: "Sequence[AgeRow]") -> "Table":
    from rich.table import Table

    shown = [age for age in (0, 1, 3, 7, 15, 31, 63, 127) if any(row.age == age for row in rows)]
    table = Table(
        "age", *(str(age + 1) for age in shown), title="PSNR (dB) of one memory, by age of the frame"
    )
    for method in dict.fromkeys(row.method for row in rows):
        by_age = {row.age: row.psnr for row in rows if row.method == method}
        table.add_row(method, *(f"{by_age[age]:.2f}" if age in by_age else "–" for age in shown))
    return table
