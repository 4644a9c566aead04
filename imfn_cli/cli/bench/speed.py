"""`imfn bench speed`: frames a second, beside libx264 in the same run."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from ... import evaluation
from .. import options
from ..output import Output
from ..process import settle_for
from . import common


def speed(
    clip: Annotated[
        str | None, typer.Argument(help="A clip; the first UCF-101 test clip by default.")
    ] = None,
    model: options.Model = None,
    ratio: options.Ratios = "auto,4,16,64",
    data: common.Data = None,
    results: common.Results = Path("results"),
    runs: Annotated[int, typer.Option(min=1, help="Runs of each; the best counts.")] = 5,
    quick: common.Quick = False,
    json: options.Json = False,
) -> None:
    """Frames a second of whole files, compressing and restoring, beside libx264 medium in the same run."""
    out, ratios = Output(json), options.parse_ratios(ratio)
    common.make_folder(results)
    source = common.benchmark_sources([clip] if clip else None, data)[0]
    settle_for(model)
    with out.stages("runs") as progress:
        rows = evaluation.speed_rows(model, source, ratios, runs=1 if quick else runs, progress=progress)
    evaluation.write_rows(results / f"speed-{common.model_name(model)}.csv", evaluation.SpeedRow, rows)
    table = Table("codec", "compress (frames/s)", "restore (frames/s)", "bytes", title=f"{source.name}")
    for row in rows:
        table.add_row(row.codec, f"{row.compress:.0f}", f"{row.decompress:.0f}", f"{row.bytes:,}")
    out.result({"clip": source.name, "rows": [asdict(row) for row in rows]}, table)
