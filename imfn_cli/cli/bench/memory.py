"""`imfn bench memory`: peak RSS of compressing and restoring, at two lengths."""

from dataclasses import asdict
from functools import partial
from pathlib import Path

from rich.table import Table

from ... import api, evaluation
from ...system.process import settle
from .. import options
from ..output import Output
from ..process import settle_for
from . import common

_RATIO = 16
# Seconds.
_LENGTHS, _QUICK_LENGTHS = (20, 1200), (20, 60)


def memory(
    model: options.Model = None,
    results: common.Results = Path("results"),
    quick: common.Quick = False,
    json: options.Json = False,
) -> None:
    """Peak RSS of compressing and restoring 320×240 clips of 20 seconds and 20 minutes."""
    out = Output(json)
    common.make_folder(results)
    with out.stages("clips") as progress:
        rows = evaluation.peak_rss_rows(
            partial(_compress, model=model),
            partial(_decompress, model=model),
            _QUICK_LENGTHS if quick else _LENGTHS,
            progress=progress,
        )
    evaluation.write_rows(results / f"memory-{common.model_name(model)}.csv", evaluation.PeakRssRow, rows)
    table = Table("clip", "frames", "compress (MB)", "restore (MB)", title="peak RSS")
    for row in rows:
        table.add_row(f"{row.seconds} s", f"{row.frames:,}", f"{row.compress:.0f}", f"{row.decompress:.0f}")
    out.result({"rows": [asdict(row) for row in rows]}, table)


def _compress(clip: Path, latent: Path, *, model: str | None) -> None:
    """What `imfn compress` does, in a process that is settled like the command's."""
    settle()
    settle_for(model)
    api.compress(clip, latent, ratio=_RATIO, model=model)


def _decompress(latent: Path, clip: Path, *, model: str | None) -> None:
    settle()
    settle_for(model)
    api.decompress(latent, clip, model=model)
