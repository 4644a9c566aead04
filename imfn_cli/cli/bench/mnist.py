"""`imfn bench mnist`: eight numbers an image, against Transformer, Mamba and MLP."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from ... import evaluation, studies, zoo
from ...system.allocator import reuse_freed_memory
from .. import options
from ..output import Output
from . import common

if TYPE_CHECKING:
    from ...studies import MnistResults
    from ...studies.vectors.baselines import Kind

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
    data: common.Data = None,
    results: common.Results = Path("results"),
    cache: Annotated[
        Path | None,
        typer.Option(
            "--cache",
            metavar="DIR",
            help="Trained baselines and classifier go here; a later run goes on where they are.",
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
    if not model:
        # Where it is not installed that says how to.
        zoo.find_model(_SHIPPED)
    kinds, rates = _kinds(against), _rates(learning_rates)
    # Before the long work, not after it.
    evaluation.require("matplotlib")
    if "mamba" in kinds:
        studies.require_mamba()
    # Training takes and frees the same large arrays in every step.
    reuse_freed_memory()
    settings = studies.MnistSettings(seeds=seeds, kinds=kinds, learning_rates=rates)
    if quick:
        settings = settings.quick()
    if minutes is not None:
        settings = replace(settings, minutes=minutes)
    # Sizes are those of vectors: the processor is the place for them, and for what must repeat.
    loaded = [zoo.load(name, device="cpu") for name in model or [_SHIPPED]]
    with out.stages("") as progress:
        found = studies.run_mnist(loaded, settings, results, data=data, cache=cache, progress=progress)
    for row in found.times:
        if row["outcome"] == "diverged":
            out.note(f"{row['model']} diverged at learning rate {row['learning_rate']:g}; another was chosen")
    out.result({"model": loaded[0].name, **found.to_dict()}, *_tables(found))


def _kinds(against: str | None) -> "tuple[Kind, ...]":
    """'mamba,MLP' → the baselines of these names, all for None. Raises a usage error."""
    known = studies.KINDS
    asked = known if against is None else tuple(name.strip().lower() for name in against.split(","))
    kinds = tuple(kind for kind in known if kind in asked)
    if set(asked) - set(kinds):
        raise typer.BadParameter(f"{against!r}; choose among {', '.join(known)}", param_hint="--against")
    return kinds


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


def _tables(found: "MnistResults") -> list[Table]:
    names = [row["model"] for row in found.models]
    lengths = sorted({row.length for row in found.restorations})
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
        rows = [row for row in found.restorations if row.model == name]
        top = [row for row in rows if row.length == longest]
        described = next(row for row in found.models if row["model"] == name)
        rate = described["learning_rate"]
        seconds = [row["seconds"] for row in found.times if row["model"] == name and row["outcome"] == "used"]
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
    for row in found.files:
        recognised = f"{100 * row.accuracy:.2f} %"
        files.add_row(
            str(row.quality), f"{row.bytes_per_image:.2f}", f"{row.mse:.5f}", f"{row.psnr:.2f}", recognised
        )
    sweep = [_sweep_table(found)] if any(row["outcome"] != "used" for row in found.times) else []
    return [main, by_length, *sweep, files, _probe_table(found, names), _long_table(found)]


def _sweep_table(found: "MnistResults") -> Table:
    table = Table(
        "model", "learning rate", "training MSE", "", title="learning rates of baselines, first seed"
    )
    for row in found.times:
        if row["learning_rate"] is not None and row["seed"] == 0:
            error = "–" if row["training_mse"] is None else f"{row['training_mse']:.5f}"
            table.add_row(row["model"], f"{row['learning_rate']:g}", error, row["outcome"])
    return table


def _probe_table(found: "MnistResults", names: Sequence[str]) -> Table:
    tasks = list(dict.fromkeys(result.task for _, result in found.probes))
    units = {"digit at position": "accuracy", "count of a digit": "mean error", "next frame": "MSE"}
    table = Table(
        "model", *(f"{task} ({units[task]})" for task in tasks), title="read from the memory by a probe"
    )
    for name in names:
        probed = [[r for _, r in found.probes if (r.model, r.task) == (name, task)] for task in tasks]
        table.add_row(name, *(_spread([result.value for result in each], 4) for each in probed))
    chances = [[result.chance for _, result in found.probes if result.task == task] for task in tasks]
    table.add_row("without memory", *(f"{_mean(each):.4f}" for each in chances))
    return table


def _long_table(found: "MnistResults") -> Table:
    table = Table(
        *("", "images", "memories", "waiting", "MSE", "of mean image", "merge (s)"),
        *("split (s)", "peak RSS (MB)"),
        title="long sequences",
    )
    for row in found.long:
        peak = "–" if row.peak_memory_mb is None else f"{row.peak_memory_mb:.1f}"
        counts = f"{row.images:,}", f"{row.memories:,}", str(row.waiting)
        times = f"{row.merge_seconds:.2f}", f"{row.split_seconds:.2f}"
        table.add_row(row.kind, *counts, f"{row.mse:.4f}", f"{row.mean_image_mse:.4f}", *times, peak)
    return table


def _mean(values: Iterable[float]) -> float:
    numbers = list(values)
    return sum(numbers) / len(numbers)


def _spread(values: Sequence[float], digits: int, unit: str = "") -> str:
    """The mean, and how far the farthest seed is from it."""
    mean = _mean(values)
    far = max(abs(value - mean) for value in values)
    return f"{mean:.{digits}f}" + (f" ± {far:.{digits}f}" if len(values) > 1 else "") + unit
