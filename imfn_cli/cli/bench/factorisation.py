"""`imfn bench factorisation`: the tree's merges of two against one network that merges all at once."""

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from ... import evaluation, studies, training, zoo
from ...system.allocator import reuse_freed_memory
from .. import options
from ..output import Output
from ..train import validation_line
from . import common

if TYPE_CHECKING:
    from ...studies import FactorisationResults
    from ...zoo import Model

# Training of the one-step network in a first look.
_QUICK_SECONDS = 60.0


def factorisation(
    clips: common.Clips = None,
    model: options.Model = None,
    data: common.Data = None,
    results: common.Results = Path("results"),
    cache: Annotated[
        Path | None,
        typer.Option(
            "--cache",
            metavar="DIR",
            help="Train the one-step network here: go on where it is, use it again when it is done.",
        ),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            min=0.01,
            help="Training of the one-step network.",
            show_default="as long as the model was trained",
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Seed of the one-step network.", show_default="the recipe's")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="A first look: fewer clips, a minute of training.")
    ] = False,
    json: options.Json = False,
) -> None:
    """PSNR at every ratio and growth of the error: linear tree, trained tree, and no tree.

    The one-step network merges r frames into one memory in one step and restores them in one step. It starts
    at the same linear maps as the tree, has at every ratio as many trained numbers as the tree, and is
    trained by the recipe in the model's folder, on the same data for the same time. Time in which the model's
    leaves were trained to be refined does not count.
    """
    out = Output(json)
    # Before the long work, not after it.
    evaluation.require("matplotlib")
    loaded = zoo.load(model)
    recipe = studies.tree_recipe(loaded)
    seconds = studies.one_step_seconds(loaded, recipe, minutes)
    if quick and minutes is None:
        seconds = min(seconds, _QUICK_SECONDS)
    sources = common.benchmark_sources(clips, data, quick=quick)
    studies.check_unseen(recipe, sources, data)
    for folder in filter(None, (results, cache)):
        common.make_folder(folder)
    if minutes is None:
        _compare_hardware(out, loaded)
    # Training takes and frees the same large arrays in every step.
    reuse_freed_memory()
    with ExitStack() as stack:
        progress = stack.enter_context(out.stages("seconds"))
        one_step = studies.train_one_step(
            loaded.network,
            studies.one_step_recipe(recipe, loaded.network.config, seed),
            limit=seconds,
            folder=cache or Path(stack.enter_context(TemporaryDirectory())),
            device=loaded.device,
            data=data,
            progress=progress,
            report=lambda validation: out.note(validation_line(validation)),
        )
    description, share = loaded.description, studies.tree_share(loaded, recipe)
    contenders = studies.contenders_of(
        loaded.network,
        one_step,
        steps=round(share * (description.get("steps") or 0)),
        seconds=share * (description.get("seconds") or 0),
    )
    with out.stages("clips") as progress:
        found = studies.compare_networks(contenders, sources, progress=progress)
    studies.write_factorisation(results, loaded.name, found)
    out.result(
        {"model": loaded.name, "clips": len(sources), **found.to_dict()},
        _table(loaded.name, len(sources), found),
    )


def _compare_hardware(out: Output, model: "Model") -> None:
    """Minutes are only the same budget on the same machine."""
    trained_on = str(model.description.get("hardware", "an unknown machine")).split(", torch ")[0]
    here = training.hardware(model.device)
    if trained_on != here:
        out.note(
            f"{model.name} was trained on {trained_on}, its one-step network is on {here}: as long is not as "
            "much; run this where the model was trained, or choose --minutes"
        )


def _table(model: str, clips: int, found: "FactorisationResults") -> Table:
    ratios = sorted({row.ratio for row in found.ratios})
    table = Table(
        "",
        *(f"{ratio}:1" for ratio in ratios),
        f"numbers at {ratios[-1]}:1",
        "trained (min)",
        "steps",
        "k of MSE ~ r^k",
        f"from {ratios[-1] // 2}:1",
        title=f"PSNR (dB), {model}, {clips} clips, float memories",
    )
    for growth in found.growth:
        rows = {row.ratio: row for row in found.ratios if row.network == growth.network}
        table.add_row(
            growth.network,
            *(f"{rows[ratio].psnr:.2f}" for ratio in ratios),
            f"{rows[ratios[-1]].parameters:,}",
            f"{growth.seconds / 60:.1f}" if growth.seconds else "–",
            f"{growth.steps:,}" if growth.steps else "–",
            *("–" if k is None else f"{k:.2f}" for k in (growth.exponent, growth.last)),
        )
    return table
