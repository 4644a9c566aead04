"""`imfn bench factorisation`: the tree's merges of two against one network that merges all at once."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from ...errors import ModelError
from .. import options
from ..output import Output
from ..train import hardware, validation_line
from . import common
from .common import benchmark_sources, make_folder

if TYPE_CHECKING:
    from rich.table import Table

    from ...studies.factorisation.study import Study
    from ...training.recipe import Recipe
    from ...zoo import Model

# Training of the rival in a first look.
_QUICK_SECONDS = 60.0


def factorisation(
    clips: common.Clips = None,
    model: options.Model = None,
    data: common.Data = None,
    results: common.Results = Path("results"),
    cache: Annotated[
        Path | None,
        typer.Option(
            "--cache", metavar="DIR", help="Train the rival here: go on where it is, keep it when it is done."
        ),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            min=0.01, help="Training of the rival.", show_default="as long as the model was trained"
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the rival.", show_default="the recipe's")] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="A first look: fewer clips, a minute of training.")
    ] = False,
    json: options.Json = False,
) -> None:
    """PSNR at every ratio and growth of the error: linear tree, trained tree, and no tree.

    The rival merges r frames into one memory in one step and restores them in one step. It starts at the
    same linear maps as the tree, has at every ratio as many trained numbers as the tree, and is trained by
    the recipe that the model's folder keeps, on the same data for the same time. Time in which the model's
    leaves were trained to be refined does not count.
    """
    out = Output(json)
    from ...evaluation.extra import require

    # Before the long work, not after it.
    require("matplotlib")
    from ...studies.factorisation.rival import rival_recipe, train_rival
    from ...studies.factorisation.study import contenders_of, measure, write_study
    from ...system.allocator import reuse_freed_memory
    from ...training.places import sources_of
    from ...training.run import disjoint
    from ...zoo import load

    loaded = load(model)
    recipe = _recipe(loaded)
    seconds = _budget(loaded, recipe, minutes)
    if quick and minutes is None:
        seconds = min(seconds, _QUICK_SECONDS)
    sources = benchmark_sources(clips, data, quick=quick)
    disjoint(sources_of(recipe.train), sources)
    make_folder(results)
    if minutes is None:
        _compare_hardware(out, loaded)
    # Training takes and frees the same large arrays in every step.
    reuse_freed_memory()
    if cache is not None:
        make_folder(cache)
    with TemporaryDirectory() as temporary, out.stages("seconds") as progress:
        rival = train_rival(
            loaded.network,
            rival_recipe(recipe, loaded.network.config, seed),
            limit=seconds,
            folder=cache or Path(temporary),
            device=loaded.device,
            progress=progress,
            report=lambda evaluation: out.note(validation_line(evaluation)),
        )
    description, share = loaded.description, _tree_share(loaded, recipe)
    contenders = contenders_of(
        loaded.network,
        rival,
        steps=round(share * (description.get("steps") or 0)),
        seconds=share * (description.get("seconds") or 0),
    )
    with out.stages("clips") as progress:
        study = measure(contenders, sources, progress=progress)
    write_study(results, loaded.name, study)
    out.result(
        {"model": loaded.name, "clips": len(sources), **study.to_dict()},
        _table(loaded.name, len(sources), study),
    )


def _recipe(model: "Model") -> "Recipe":
    """How the model was trained. Raises `ModelError` where it was not, or does not say how."""
    from ...training.recipe import RECIPE_FILE, read_recipe

    if model.network.config.is_linear:
        raise ModelError(
            f"model {model.name}: is linear, there is no training to repeat; with -m name one that "
            "'imfn train' made"
        )
    path = model.path / RECIPE_FILE
    if not path.is_file():
        raise ModelError(
            f"{model.path}: has no {RECIPE_FILE}, by which the rival would be trained; copy the one that the "
            "model was made by there"
        )
    return read_recipe(path)


def _budget(model: "Model", recipe: "Recipe", minutes: float | None) -> float:
    """Seconds of training for the rival. Raises `ModelError` where the model's are not all that it took."""
    from ...network import IMFNConfig
    from ...zoo import find_model, read_config

    if minutes is not None:
        return 60 * minutes
    if recipe.start:
        start = IMFNConfig.from_dict(read_config(find_model(recipe.start))["network"])
        if not start.is_linear:
            raise ModelError(
                f"model {model.name}: goes on from {recipe.start}, whose training counts too; say with "
                "--minutes how long the rival is trained"
            )
    seconds = model.description.get("seconds")
    if not isinstance(seconds, int | float) or seconds <= 0:
        raise ModelError(
            f"{model.path / 'config.json'}: does not say how long the training took; say it with --minutes"
        )
    return float(seconds) * _tree_share(model, recipe)


def _tree_share(model: "Model", recipe: "Recipe") -> float:
    """Part of the training that went into the tree; the rest refined leaves, which a rival has not."""
    return 1 - recipe.leaf_share if model.network.config.leaf_width else 1.0


def _compare_hardware(out: Output, model: "Model") -> None:
    """Minutes are only the same budget on the same machine."""
    trained_on = str(model.description.get("hardware", "an unknown machine")).split(", torch ")[0]
    here = hardware(model.device)
    if trained_on != here:
        out.note(
            f"{model.name} was trained on {trained_on}, its rival is on {here}: as long is not as much; "
            "run this where the model was trained, or choose --minutes"
        )


def _table(model: str, clips: int, study: "Study") -> "Table":
    from rich.table import Table

    ratios = sorted({row.ratio for row in study.ratios})
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
    for growth in study.growth:
        rows = {row.ratio: row for row in study.ratios if row.network == growth.network}
        table.add_row(
            growth.network,
            *(f"{rows[ratio].psnr:.2f}" for ratio in ratios),
            f"{rows[ratios[-1]].parameters:,}",
            f"{growth.seconds / 60:.1f}" if growth.seconds else "–",
            f"{growth.steps:,}" if growth.steps else "–",
            *("–" if k is None else f"{k:.2f}" for k in (growth.exponent, growth.last)),
        )
    return table
