"""`imfn bench windows`: windows a second for training, latents beside video files."""

import tempfile
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from ... import evaluation, media
from ...errors import InputError
from ...studies import windows as study
from .. import options
from ..output import Output
from . import common


def windows(
    clips: Annotated[
        list[str] | None,
        typer.Argument(metavar="[CLIPS]...", help="Default: ucf101/train in the data folder."),
    ] = None,
    data: common.Data = None,
    results: common.Results = Path("results"),
    work: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Keep the coded clips here, and take those that are there."),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="TEXT", help="Only codings whose names have TEXT; several times."),
    ] = None,
    runs: Annotated[int, typer.Option(min=1, help="Runs of each reader; the best counts.")] = 3,
    each: Annotated[int, typer.Option(min=1, help="Random windows of each clip.")] = 3,
    json: options.Json = False,
) -> None:
    """Windows of 16 frames a second, at random places: latents beside torchcodec and PyAV on x264."""
    out = Output(json)
    common.make_folder(results)
    chosen = [coding for coding in study.CODINGS if not only or any(text in coding.name for text in only)]
    if not chosen:
        names = ", ".join(repr(coding.name) for coding in study.CODINGS)
        raise InputError(f"--only {only}: no coding has such a name; there are {names}")
    if not clips:
        folder = None if data is None else data / "ucf101/train"
        if folder is None or not folder.is_dir():
            raise InputError(
                "no UCF-101 clips here; name clips, or say with --data a folder with ucf101/train"
            )
        clips = [str(folder)]
    with ExitStack() as stack:
        place = work or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        with out.stages("runs") as progress:
            rows = study.window_rows(
                media.expand_inputs(clips), place, codings=chosen, each=each, runs=runs, progress=progress
            )
    evaluation.write_rows(results / "windows.csv", study.WindowRow, rows)
    table = Table(
        "coding",
        "reader",
        "windows/s",
        "by threads",
        "CPU ms",
        "bytes",
        "PSNR (dB)",
        title="windows of 16 frames",
    )
    for row in rows:
        quality = "" if row.psnr is None else f"{row.psnr:.2f}"
        rates = f"{row.windows_per_second:.1f}", f"{row.by_threads:.1f}", f"{row.cpu_ms:.1f}"
        table.add_row(row.coding, row.reader, *rates, f"{row.bytes:,}", quality)
    out.result({"rows": [asdict(row) for row in rows]}, table)
