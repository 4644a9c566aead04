"""`imfn bench mnist`: eight numbers an image, against Transformer, Mamba and MLP."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...errors import ModelError
from .. import options
from ..output import Output
from . import common

if TYPE_CHECKING:
    from rich.table import Table

    from ...studies.mnist.study import Study

_SHIPPED = "mnist"


def mnist(
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            "-m",
            metavar="NAME|PATH",
            help="Our model; several, each trained from another seed, are measured one for each of --seeds.",
            show_default=_SHIPPED,
        ),
    ] = None,
    results: common.Results = Path("results"),
    cache: Annotated[
        Path | None,
        typer.Option(
            "--cache",
            metavar="DIR",
            help="Keep trained baselines and classifier here, and go on where they are.",
        ),
    ] = None,
    seeds: Annotated[
        int, typer.Option(min=1, max=99, help="Seeds of baselines, test sequences and probes.")
    ] = 1,
    minutes: Annotated[
        float | None,
        typer.Option(
            min=0.01,
            help="Training of each baseline.",
            show_default="as long as our model was trained",
        ),
    ] = None,
    learning_rates: Annotated[
        str,
        typer.Option(
            "--learning-rates",
            metavar="RATES",
            help="Of baselines, with commas. For the first seed each kind is trained at each, --minutes "
            "long, and the one of least training error is taken. With --quick only the first.",
        ),
    ] = "1e-3",
    against: Annotated[
        str | None,
        typer.Option(metavar="NAMES", help="Baselines, with commas.", show_default="transformer,mamba,mlp"),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="A first look in three minutes: short training, fewer sequences.")
    ] = False,
    json: options.Json = False,
) -> None:
    """MNIST digits from one memory of many, against PCA, Transformer, Mamba, MLP; probes; long sequences."""
    out = Output(json)
    from ...zoo import load, model_folders

    if not model and _SHIPPED not in model_folders():
        raise ModelError(
            f"no model {_SHIPPED!r} ships with this installation; name one with -m, made by "
            "'imfn train RECIPE.toml -o DIR'"
        )
    from ...evaluation.extra import require
    from ...studies.mnist.baselines import KINDS, require_mamba
    from ...system.allocator import reuse_freed_memory

    asked = KINDS if against is None else tuple(name.strip().lower() for name in against.split(","))
    kinds = tuple(kind for kind in KINDS if kind in asked)
    if set(asked) - set(kinds):
        raise typer.BadParameter(f"{against!r}; choose among {', '.join(KINDS)}", param_hint="--against")
    rates = _rates(learning_rates)
    # Before the long work, not after it.
    require("matplotlib")
    if "mamba" in kinds:
        require_mamba()
    # Training takes and frees the same large arrays in every step.
    reuse_freed_memory()
    from dataclasses import replace

    from ...studies.mnist.study import Settings, run_study

    settings = Settings(seeds=seeds, kinds=kinds, learning_rates=rates)
    if quick:
        settings = settings.quick()
    if minutes is not None:
        settings = replace(settings, minutes=minutes)
    # Sizes are those of vectors: the processor is the place for them, and for what must repeat.
    loaded = [load(name, device="cpu") for name in model or [_SHIPPED]]
    with out.stages("") as progress:
        study = run_study(loaded, settings, results, cache=cache, progress=progress)
    for row in study.times:
        if row["outcome"] == "diverged":
            out.note(f"{row['model']} diverged at learning rate {row['learning_rate']:g}; another was chosen")
    out.result({"model": loaded[0].name, **study.to_dict()}, *_tables(study))


def _rates(text: str) -> tuple[float, ...]:
    """'3e-4,1e-3' → (0.0003, 0.001), each once. Raises a usage error."""
    try:
        rates = tuple(dict.fromkeys(float(part) for part in text.split(",")))
    except ValueError:
        rates = ()
    if not rates or not all(0 < rate < math.inf for rate in rates):
        raise typer.BadParameter(
            f"{text!r}; write numbers above 0 with commas, such as 3e-4,1e-3", param_hint="--learning-rates"
        )
    return rates


def _tables(study: "Study") -> "list[Table | str]":
    from rich.table import Table

    names = [row["model"] for row in study.models]
    lengths = sorted({row.length for row in study.restorations})
    longest = lengths[-1]
    main = Table(
        *("model", "parameters", "trained (min)", "learning rate"),
        *("MSE", "PSNR (dB)", "digits recognised", "on originals"),
        title=f"{longest} test images in one memory, float",
    )
    by_length = Table(
        "model", *(f"N = {length}" for length in lengths), title="MSE, then digits recognised (%)"
    )
    for name in names:
        rows = [row for row in study.restorations if row.model == name]
        top = [row for row in rows if row.length == longest]
        described = next(row for row in study.models if row["model"] == name)
        rate = described["learning_rate"]
        seconds = [row["seconds"] for row in study.times if row["model"] == name and row["outcome"] == "used"]
        main.add_row(
            name,
            f"{described['parameters']:,}",
            f"{_mean(seconds) / 60:.1f}" if seconds else "closed form",
            "–" if rate is None else f"{rate:g}",
            _spread([row.mse for row in top], 5),
            _spread([row.psnr for row in top], 2),
            _spread([100 * row.accuracy for row in top], 2, " %"),
            _spread([100 * row.on_originals for row in top], 2, " %"),
        )
        cells = [[row for row in rows if row.length == length] for length in lengths]
        by_length.add_row(
            name,
            *(
                f"{_mean(row.mse for row in c):.4f}, {_mean(100 * row.accuracy for row in c):.1f}"
                for c in cells
            ),
        )
    files = Table("quality", "bytes/image", "MSE", "PSNR (dB)", "digits recognised", title="files on disk")
    for row in study.files:
        recognised = f"{100 * row.accuracy:.2f} %"
        files.add_row(
            str(row.quality), f"{row.bytes_per_image:.2f}", f"{row.mse:.5f}", f"{row.psnr:.2f}", recognised
        )
    sweep = [_sweep_table(study)] if any(row["outcome"] != "used" for row in study.times) else []
    return [main, by_length, *sweep, files, _probe_table(study, names), _long_table(study)]


def _sweep_table(study: "Study") -> "Table":
    from rich.table import Table

    table = Table(
        "model", "learning rate", "training MSE", "", title="learning rates of baselines, first seed"
    )
    for row in study.times:
        if row["learning_rate"] is not None and row["seed"] == 0:
            error = "–" if row["training_mse"] is None else f"{row['training_mse']:.5f}"
            table.add_row(row["model"], f"{row['learning_rate']:g}", error, row["outcome"])
    return table


def _probe_table(study: "Study", names: Sequence[str]) -> "Table":
    from rich.table import Table

    tasks = list(dict.fromkeys(result.task for _, result in study.probes))
    units = {"digit at position": "accuracy", "count of a digit": "mean error", "next frame": "MSE"}
    table = Table(
        "model", *(f"{task} ({units[task]})" for task in tasks), title="read from the memory by a probe"
    )
    for name in names:
        found = [[r for _, r in study.probes if (r.model, r.task) == (name, task)] for task in tasks]
        table.add_row(name, *(_spread([result.value for result in each], 4) for each in found))
    chances = [[result.chance for _, result in study.probes if result.task == task] for task in tasks]
    table.add_row("without memory", *(f"{_mean(each):.4f}" for each in chances))
    return table


def _long_table(study: "Study") -> "Table":
    from rich.table import Table

    table = Table(
        *("", "images", "memories", "waiting", "MSE", "of mean image", "merge (s)"),
        *("split (s)", "peak memory (MB)"),
        title="long sequences",
    )
    for row in study.long:
        peak = "–" if row.peak_memory_mb is None else f"{row.peak_memory_mb:.1f}"
        counts = f"{row.images:,}", f"{row.memories:,}", str(row.waiting)
        times = f"{row.merge_seconds:.2f}", f"{row.split_seconds:.2f}"
        table.add_row(row.kind, *counts, f"{row.mse:.4f}", f"{row.mean_image_mse:.4f}", *times, peak)
    return table


def _mean(values: Any) -> float:
    held = list(values)
    return sum(held) / len(held)


def _spread(values: Sequence[float], digits: int, unit: str = "") -> str:
    """The mean, and how far the farthest seed is from it."""
    mean = _mean(values)
    far = max(abs(value - mean) for value in values)
    return f"{mean:.{digits}f}" + (f" ± {far:.{digits}f}" if len(values) > 1 else "") + unit
