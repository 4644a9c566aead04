"""`imfn bench student`: the student against its tree."""

from collections.abc import Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from ... import evaluation, studies, zoo
from .. import options
from ..output import Output
from . import common

if TYPE_CHECKING:
    from ...media import Source
    from ...studies import AgeRow, LatencyRow
    from ...zoo import Model

_LATENCY_RATIOS = 64, 16


class StudentPart(StrEnum):
    """What can be measured without the rest."""

    fidelity = "fidelity"
    age = "age"
    latency = "latency"


def student(
    clips: common.Clips = None,
    model: options.Model = None,
    data: common.Data = None,
    results: common.Results = Path("results"),
    frames: Annotated[
        int, typer.Option(min=1, help="Frames that the student's peak RSS and time are watched for.")
    ] = 100_000,
    threads: Annotated[int, typer.Option(min=1, help="Compute threads for latency.")] = 2,
    only: Annotated[
        list[StudentPart] | None,
        typer.Option("--only", help="One part; repeat for others.", show_default="all three"),
    ] = None,
    quick: common.Quick = False,
    json: options.Json = False,
) -> None:
    """Tree against student at every ratio, latency and RSS, and PSNR against age of one endless memory."""
    evaluation.require("matplotlib")
    out = Output(json)
    parts = only or list(StudentPart)
    sources = [] if parts == [StudentPart.latency] else common.benchmark_sources(clips, data, quick=quick)
    common.make_folder(results)
    loaded = zoo.load(model, device="cpu")
    studies.set_compute_threads(threads)
    values: dict[str, Any] = {"model": loaded.name}
    tables: list[Table] = []
    # The one that a busy machine would spoil comes last: whoever waits can leave the machine to it by then.
    if StudentPart.fidelity in parts:
        values["fidelity"], table = _fidelity(out, loaded, sources, results, frames=64 if quick else 128)
        tables.append(table)
    if StudentPart.age in parts:
        values["age"], table = _age(out, loaded, sources, results)
        tables.append(table)
    if StudentPart.latency in parts:
        counts = (256, 1024) if quick else (2048, frames)
        values["latency"], table = _latency(out, loaded, results, *counts)
        tables.append(table)
    out.result(values, *tables)


def _fidelity(
    out: Output, model: "Model", sources: "Sequence[Source]", results: Path, *, frames: int
) -> tuple[list[dict[str, float]], Table]:
    with out.stages("clips") as progress:
        rows = studies.fidelity_rows(model, sources, frames=frames, progress=progress)
    evaluation.write_rows(results / f"student-{model.name}.csv", studies.FidelityRow, rows)
    studies.plot_fidelity(results / f"student-{model.name}.png", model.name, rows)
    means = studies.mean_fidelity(rows)
    table = Table(
        "ratio", "tree (dB)", "student (dB)", "distance", "tree (bytes)", "student (bytes)",
        title=f"{model.name}, {len(sources)} clips",
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


def _age(
    out: Output, model: "Model", sources: "Sequence[Source]", results: Path
) -> tuple[list[dict[str, Any]], Table]:
    with out.stages("clips") as progress:
        rows = studies.age_rows(model, sources, progress=progress)
    evaluation.write_rows(results / f"student-age-{model.name}.csv", studies.AgeRow, rows)
    studies.plot_ages(results / f"student-age-{model.name}.png", model.name, rows)
    return [asdict(row) for row in rows], _age_table(rows)


def _latency(
    out: Output, model: "Model", results: Path, frames: int, long: int
) -> tuple[list[dict[str, Any]], Table]:
    ratios = [ratio for ratio in _LATENCY_RATIOS if ratio in model.ratios] or [model.ratios[-1]]
    with out.stages("frames") as progress:
        rows = studies.latency_rows(model, ratios, frames=frames, long=long, progress=progress)
    evaluation.write_rows(results / "student-latency.csv", studies.LatencyRow, rows)
    studies.plot_latency(results / "student-latency.png", rows)
    return [asdict(row) for row in rows], _latency_table(rows)


def _latency_table(rows: "Sequence[LatencyRow]") -> Table:
    table = Table(
        "method", "ratio", "frames", "mean (ms)", "99 % (ms)", "worst (ms)", "RSS (MB)",
        title=f"latency at 320×240, threads: {rows[0].threads}",
    )  # fmt: skip
    for row in rows:
        resident = "–" if row.memory_mb is None else f"{row.memory_early_mb:.0f} → {row.memory_mb:.0f}"
        times = (f"{value:.2f}" for value in (row.mean_ms, row.p99_ms, row.worst_ms))
        table.add_row(row.method, f"{row.ratio}:1", f"{row.frames:,}", *times, resident)
    return table


def _age_table(rows: "Sequence[AgeRow]") -> Table:
    shown = [age for age in (0, 1, 3, 7, 15, 31, 63, 127) if any(row.age == age for row in rows)]
    table = Table(
        "age", *(str(age + 1) for age in shown), title="PSNR (dB) of one memory, by age of the frame"
    )
    for method in dict.fromkeys(row.method for row in rows):
        by_age = {row.age: row.psnr for row in rows if row.method == method}
        table.add_row(method, *(f"{by_age[age]:.2f}" if age in by_age else "–" for age in shown))
    return table
