"""`imfn bench language`: hidden states of a language model in memories, and what it still predicts."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from ... import evaluation, studies
from ...system.allocator import reuse_freed_memory
from .. import options
from ..output import Output
from . import common

if TYPE_CHECKING:
    from ...studies import LanguageResults


def language(
    results: common.Results = Path("results"),
    cache: Annotated[
        Path | None,
        typer.Option(
            "--cache", metavar="DIR", help="What is trained goes here; a later run goes on where it is."
        ),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            min=0.01,
            help="Processor time to train the tree, the student and each baseline.",
            show_default="2",
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="A first look in a minute: a tiny language model.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Hidden states of a small language model in memories: what it still predicts, against other networks.

    The language model is trained here, on docstrings of Python and NumPy; modules are held out to measure.
    """
    out = Output(json)
    # Before the long work, not after it.
    evaluation.require("matplotlib")
    studies.require_mamba()
    # Training takes and frees the same large arrays in every step.
    reuse_freed_memory()
    settings = studies.LanguageSettings()
    if quick:
        settings = settings.quick()
    if minutes is not None:
        settings = replace(settings, minutes=minutes)
    with out.stages("") as progress:
        found = studies.run_language(settings, results, cache=cache, progress=progress)
    out.result(found.to_dict(), *_tables(found))


def _tables(found: "LanguageResults") -> list[Table]:
    model = found.language_model
    names = [row["model"] for row in found.models]
    ratios = [row.ratio for row in found.without]
    made = Table(
        *("model", "parameters", "trained (min)", "steps"),
        title=f"compressors; the language model: perplexity {model['perplexity']:.3f}, "
        f"{100 * model['accuracy']:.2f}% right",
    )
    for row in found.models:
        seconds, steps = row["seconds"], row["steps"]
        spent = "closed form" if seconds is None else f"{seconds / 60:.1f}"
        made.add_row(row["model"], f"{row['parameters']:,}", spent, "–" if steps is None else f"{steps:,}")

    def table(title: str, field: str, digits: int, scale: float = 1) -> Table:
        some = Table("model", *(f"{ratio}:1" for ratio in ratios), title=title)
        for name in names:
            values = [getattr(row, field) for row in found.rows if row.model == name]
            cells = ("–" if value is None else f"{scale * value:.{digits}f}" for value in values)
            some.add_row(name, *cells)
        return some

    after = table("perplexity, past windows restored", "after_perplexity", 3)
    after.add_row("no past", *(f"{row.perplexity:.3f}" for row in found.without))
    right = table("right (%), past windows restored", "after_accuracy", 2, 100)
    right.add_row("no past", *(f"{100 * row.accuracy:.2f}" for row in found.without))
    long = Table(
        *("model", "states per memory", "memories", "MSE / variance", "perplexity", "right (%)"),
        *("merge (s)", "split (s)"),
        title="one memory of many, all states restored in place",
    )
    for each in found.long:
        long.add_row(
            *(each.model, f"{each.states_per_memory:,}", str(each.memories), f"{each.mse:.4f}"),
            *(f"{each.perplexity:.3f}", f"{100 * each.accuracy:.2f}"),
            *(f"{each.merge_seconds:.2f}", f"{each.split_seconds:.2f}"),
        )
    return [
        made,
        after,
        right,
        table("kept of the past's worth (%)", "kept", 1, 100),
        table("MSE of states / variance", "mse", 4),
        table("perplexity, all in place (knows later bytes)", "in_place_perplexity", 3),
        long,
    ]
