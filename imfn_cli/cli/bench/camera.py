"""`imfn bench camera`: what a model gains by training on the footage of one camera."""

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from ... import defaults
from ...errors import InputError
from .. import options
from ..output import Output
from . import common
from .common import make_folder, model_name

if TYPE_CHECKING:
    from rich.table import Table

    from ...evaluation.bd import Delta
    from ...evaluation.rows import Row

_RATIOS, _QUALITIES = (16, 64), (10, 25, 40, 60)
_COLUMNS = (
    "clip",
    "model",
    "codec",
    "ratio",
    "quality",
    "crf",
    "frames",
    "psnr_rgb",
    "bytes",
    "bits_per_pixel",
)


def camera(
    clip: Annotated[str, typer.Argument(help="Footage of a camera; a long clip.")],
    model: options.Model = None,
    time_limit: Annotated[
        str, typer.Option("--time-limit", metavar="TIME", help="Training on the first half: 90s, 30m.")
    ] = "30m",
    gop: options.Gop = defaults.GOP,
    frames: Annotated[
        int | None, typer.Option(min=2, help="Use the first frames alone.", show_default="all")
    ] = None,
    results: common.Results = Path("results"),
    cache: Annotated[
        Path | None,
        typer.Option("--cache", metavar="DIR", help="Keep the trained models and finished rows here."),
    ] = None,
    jobs: options.Jobs = options.JOBS,
    json: options.Json = False,
) -> None:
    """Train on the first half of a clip, compress the second: before and after, and libx264 medium.

    Two models are made of the first half: the closed-form fit (imfn train --linear), and the model that went
    on training (imfn train --from).
    """
    out = Output(json)
    limit = options.parse_duration(time_limit)
    from ...evaluation.bd import Delta
    from ...evaluation.extra import require
    from ...evaluation.tables import write_csv, write_rows
    from ...media import expand_inputs
    from ...network import IMFNConfig
    from ...studies import camera as bench
    from ...zoo import find_model, read_config

    for package in ("pytorch_msssim", "bjontegaard", "matplotlib"):
        require(package)
    sources = expand_inputs([clip])
    if len(sources) != 1:
        raise InputError(f"{clip}: {len(sources)} sequences; name one clip")
    start = find_model(model)
    name, shape = model_name(str(start)), IMFNConfig.from_dict(read_config(start)["network"])
    same = ["--levels", str(shape.levels), "--patch", str(shape.patch_height)]
    same += ["--channels", str(shape.channels), *(["--gray"] if shape.in_channels == 1 else [])]
    for folder in filter(None, (results, cache)):
        make_folder(folder)
    with ExitStack() as stack:
        place = cache or Path(stack.enter_context(TemporaryDirectory()))
        half = bench.first_half(sources[0], place, frames)
        made = {
            "closed form": (place / "closed-form", ["--linear", *same]),
            "trained": (place / "trained", ["--from", str(start), "--time-limit", f"{limit:.0f}s"]),
        }
        for folder, how in made.values():
            if not (folder / "config.json").is_file():
                bench.train([str(half.path), "-o", str(folder), *how])
        with out.stages("rows"):
            rows = bench.second_half(
                sources[0],
                half.start,
                frames,
                [str(start), *(str(folder) for folder, _ in made.values())],
                _RATIOS,
                _QUALITIES,
                gop=gop,
                jobs=jobs,
                cache=cache,
            )
    names = {str(start): name} | {str(folder): f"{name}, {what}" for what, (folder, _) in made.items()}
    rows = {names.get(key, key): found for key, found in rows.items()}
    deltas = bench.compared(rows, (name, "x264"))
    table = [{**row.to_dict(), "model": key} for key, found in rows.items() for row in found]
    write_csv(results / "camera.csv", _COLUMNS, table)
    write_rows(results / "camera-bd.csv", Delta, deltas)
    out.result({"clip": clip, "rows": table, "bd": [one.to_dict() for one in deltas]}, *_tables(rows, deltas))


def _tables(rows: "dict[str, list[Row]]", deltas: "list[Delta]") -> "list[Table]":
    from rich.table import Table

    points = Table("", "", "bits per pixel", "PSNR (dB)", title="second half of the clip")
    for name, found in rows.items():
        for row in found:
            how = f"crf {row.crf}" if row.crf is not None else f"{row.ratio}:1, quality {row.quality}"
            points.add_row(name, how, f"{row.bits_per_pixel:.4f}", f"{row.psnr_rgb:.2f}")
    anchors = list(dict.fromkeys(one.anchor for one in deltas))
    rates = Table("BD-rate of", *(f"against {anchor}" for anchor in anchors))
    for name in dict.fromkeys(one.codec for one in deltas):
        against = {one.anchor: one.bd_rate for one in deltas if one.codec == name}
        cells = (against.get(anchor) for anchor in anchors)
        rates.add_row(name, *("–" if rate is None else f"{rate:+.1f}%" for rate in cells))
    return [points, rates]
