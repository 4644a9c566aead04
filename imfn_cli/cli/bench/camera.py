"""`imfn bench camera`: what a model gains by training on the footage of one camera."""

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from ... import defaults, media, studies, zoo
from ...errors import InputError
from .. import options
from ..output import Output
from . import common

if TYPE_CHECKING:
    from ...studies import CameraResults


def camera(
    clip: Annotated[str, typer.Argument(help="Footage of a camera; a long clip.")],
    model: options.Model = None,
    ratio: Annotated[
        str, typer.Option("--ratio", "-r", metavar="R,…", help="Ratios, powers of two.")
    ] = "16,64",
    time_limit: Annotated[
        str, typer.Option("--time-limit", metavar="TIME", help="Training on the first half: 90s, 30m.")
    ] = "30m",
    gop: options.Gop = defaults.GOP,
    frames: Annotated[
        int | None, typer.Option(min=2, help="Use no more than the first frames.", show_default="all")
    ] = None,
    results: common.Results = Path("results"),
    cache: Annotated[
        Path | None,
        typer.Option("--cache", metavar="DIR", help="Trained models and finished rows stay here."),
    ] = None,
    jobs: options.Jobs = options.JOBS,
    json: options.Json = False,
) -> None:
    """Train on the first half of a clip, compress the second: before and after, and libx264 medium.

    Two models are made of the first half: the closed-form fit (imfn train --linear), and the model that went
    on training (imfn train --from).
    """
    out = Output(json)
    ratios, limit = options.parse_numbers(ratio, "--ratio"), options.parse_duration(time_limit)
    sources = media.expand_inputs([clip])
    if len(sources) != 1:
        raise InputError(f"{clip}: {len(sources)} sequences; name one clip")
    start = zoo.find_model(model)
    name = common.model_name(str(start))
    for folder in filter(None, (results, cache)):
        common.make_folder(folder)
    with ExitStack() as stack:
        place = cache or Path(stack.enter_context(TemporaryDirectory()))
        half = studies.first_half(sources[0], place, frames)
        with out.stages("steps") as progress:
            made = studies.camera_models(half, start, place, limit=limit, progress=progress)
        with out.stages("rows") as progress:
            found = studies.camera_results(
                sources[0],
                half.start,
                frames,
                {name: start} | {f"{name}, {what}": folder for what, folder in made.items()},
                ratios,
                gop=gop,
                jobs=jobs,
                cache=cache,
                progress=progress,
            )
    studies.write_camera(results, found)
    values = {"clip": clip, "rows": found.table(), "bd": [one.to_dict() for one in found.deltas]}
    out.result(values, *_tables(found))


def _tables(found: "CameraResults") -> list[Table]:
    points = Table("", "", "bits per pixel", "PSNR (dB)", title="second half of the clip")
    for name, rows in found.rows.items():
        for row in rows:
            how = f"crf {row.crf}" if row.crf is not None else f"{row.ratio}:1, quality {row.quality}"
            points.add_row(name, how, f"{row.bits_per_pixel:.4f}", f"{row.psnr_rgb:.2f}")
    anchors = list(dict.fromkeys(one.anchor for one in found.deltas))
    rates = Table("BD-rate of", *(f"against {anchor}" for anchor in anchors))
    for name in dict.fromkeys(one.codec for one in found.deltas):
        against = {one.anchor: one.bd_rate for one in found.deltas if one.codec == name}
        cells = (against.get(anchor) for anchor in anchors)
        rates.add_row(name, *("–" if rate is None else f"{rate:+.1f}%" for rate in cells))
    return [points, rates]
