"""`imfn bench arrays`: array latents beside other compressors, at the same largest error or PSNR."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from ... import evaluation
from .. import options
from ..output import Output
from . import common


def arrays(
    inputs: Annotated[
        list[str],
        typer.Argument(metavar="INPUT", help="Arrays (.npy, .npz, .tif, .h5, .zarr), or films, as RGB."),
    ],
    against: Annotated[
        str, typer.Option("--against", metavar="NAME,…", help="zstd, zfp, sz3, jxl, j2k, ffv1, png, x265.")
    ] = "zstd,zfp,sz3,jxl,j2k,ffv1,png,x265",
    max_error: Annotated[
        str, typer.Option("--max-error", metavar="E,…", help="Errors; 0: lossless, 1%: of the range.")
    ] = "0,0.1%,1%",
    psnr: Annotated[
        str, typer.Option("--psnr", metavar="DB,…", help="Rows at the same PSNR of the range, besides.")
    ] = "",
    frames: Annotated[
        int | None, typer.Option("--first", metavar="N", min=1, help="Only the first N frames of each.")
    ] = None,
    results: common.Results = Path("results"),
    json: options.Json = False,
) -> None:
    """Size and speed of arrays within errors, of zstd, ZFP, SZ3, JPEG XL, JPEG 2000, FFV1, PNG and x265.

    A compressor whose library is not installed is left out; `pip install 'imfn[array-peers]'` has them.
    """
    out, errors = Output(json), [options.checked_error(error) for error in max_error.split(",")]
    psnrs = [_decibels(one) for one in psnr.split(",") if one]
    names = [name for name in against.split(",") if name]
    missing = evaluation.missing_peers(names)
    if missing:
        out.note(f"left out, not installed: {', '.join(missing)}; pip install 'imfn[array-peers]'")
    names = [name for name in names if name not in missing]
    common.make_folder(results)
    rows: list[evaluation.ArrayRow] = []
    with out.stages("errors") as progress:
        for name in inputs:
            rows += evaluation.array_rows(name, errors, names, psnrs=psnrs, frames=frames, progress=progress)
    evaluation.write_rows(results / "arrays.csv", evaluation.ArrayRow, rows)
    table = Table("array", "asked", "codec", "bytes", "bits/sample", "dB", "MB/s", "MB/s back")
    for row in rows:
        table.add_row(
            *(row.array, row.asked, row.codec, f"{row.bytes:,}", f"{row.bits_per_sample:.3f}"),
            "∞" if row.psnr is None else f"{row.psnr:.2f}",
            *(f"{row.encode:.1f}", f"{row.decode:.1f}"),
        )
    out.result({"rows": [asdict(row) for row in rows]}, table)


def _decibels(text: str) -> float:
    """A PSNR. Raises a usage error where it is none."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 150:
        raise typer.BadParameter(f"{text!r} is no PSNR; write 40 or 35,50", param_hint="--psnr")
    return value
