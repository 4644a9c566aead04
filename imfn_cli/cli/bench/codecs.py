"""`imfn bench codecs`: BD-rates against the codecs of today."""

from dataclasses import fields
from pathlib import Path
from typing import Annotated

import typer

from ... import defaults, evaluation
from ...evaluation.peers import USUAL
from .. import options, peer_options
from ..eval_tables import tables
from ..output import Output
from . import common

# What differs from run to run; the tables are without.
_UNSTEADY = ("compress_fps", "restore_fps", "peak_memory_mb")


def codecs(
    clips: common.Clips = None,
    model: options.Model = None,
    beside: Annotated[
        str | None, typer.Option("--beside", metavar="MODEL", help="Also against another of our models.")
    ] = None,
    ratio: options.Ratios = options.RATIOS,
    quality: options.Qualities = options.QUALITIES,
    against: Annotated[
        str, typer.Option("--against", metavar="CODEC,…", help="Codecs to compare with.")
    ] = ",".join(USUAL),
    gop: options.Gop = defaults.GOP,
    data: common.Data = None,
    results: common.Results = Path("results"),
    jobs: options.Jobs = options.JOBS,
    cache: options.Cache = None,
    quick: common.Quick = False,
    json: options.Json = False,
) -> None:
    """Against other codecs on the UCF-101 test clips: all rows, and BD-rates."""
    out = Output(json)
    ratios, qualities = options.parse_ratios(ratio), options.parse_qualities(quality)
    peers = peer_options.parse_peers(against, None, None)
    common.make_folder(results)
    settings = evaluation.settings_of(ratios, qualities, gop=gop, against=peers)
    sources = evaluation.clips_of(common.benchmark_sources(clips, data, quick=quick))
    with out.progress("codecs", "rows") as progress:
        found = evaluation.evaluate(
            sources, settings, model=model, jobs=jobs, cache=cache, progress=progress
        ).whole()
    document = evaluation.to_document(found, jobs=jobs)
    shown = tables(document)
    if beside is not None:
        ours = evaluation.settings_of(ratios, qualities, gop=gop)
        with out.progress(f"codecs, {beside}", "rows") as progress:
            other = evaluation.evaluate(
                sources, ours, model=beside, jobs=jobs, cache=cache, progress=progress
            ).whole()
        gains = evaluation.against_model(found.rows, other.rows, beside)
        document["bd"] += [one.to_dict() for one in gains]
        for one in gains:
            if one.clip is None:
                rate = "–" if one.bd_rate is None else f"{one.bd_rate:+.1f}%"
                shown.append(f"{one.codec}, against {beside}: {rate} bits for the same PSNR")
    name = common.table_name(common.model_name(model), gop)
    if ratios == [defaults.AUTO]:
        name += f"-{defaults.AUTO}"
    steady = [column for column in evaluation.COLUMNS if column not in _UNSTEADY]
    deltas = [field.name for field in fields(evaluation.Delta)]
    evaluation.write_csv(results / f"codecs-{name}.csv", steady, document["rows"])
    evaluation.write_csv(results / f"codecs-bd-{name}.csv", deltas, document["bd"])
    out.result(document, *shown)
