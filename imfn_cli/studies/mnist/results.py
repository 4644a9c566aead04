"""What the comparison on MNIST found, and its tables."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ...evaluation.tables import write_csv
from ..vectors.baselines import SequenceAutoencoder
from ..vectors.compressors import Compressor
from ..vectors.tuning import Tried
from .long import LongRow
from .probes import ProbeResult
from .restoration import FileRow, RestorationRow


@dataclass
class MnistResults:
    """All results.

    models: name, parameters, layers, width, learning rate (of baselines, as chosen) of each model.
    times: one row for each training run, also at learning rates that were not chosen (outcome "worse" or
    "diverged", the others are "used").   curves: of the same, one row a point; nan where a run diverged.
    """

    models: list[dict[str, Any]] = field(default_factory=list)
    times: list[dict[str, Any]] = field(default_factory=list)
    curves: list[dict[str, Any]] = field(default_factory=list)
    restorations: list[RestorationRow] = field(default_factory=list)
    files: list[FileRow] = field(default_factory=list)
    probes: list[tuple[int, ProbeResult]] = field(default_factory=list)
    long: list[LongRow] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """The results as JSON values."""
        return {
            "models": self.models,
            "times": self.times,
            "restorations": [asdict(row) for row in self.restorations],
            "files": [asdict(row) for row in self.files],
            "probes": [{"seed": seed, **asdict(row)} for seed, row in self.probes],
            "long": [asdict(row) for row in self.long],
        }

    def note_model(self, compressor: Compressor, learning_rate: float | None = None) -> None:
        """What a model is, after those before."""
        shape = compressor.shape if isinstance(compressor, SequenceAutoencoder) else None
        self.models.append(
            {
                "model": compressor.name,
                "parameters": compressor.parameters_count,
                "memory": compressor.memory_size,
                "width": shape.width if shape else None,
                "layers_each_way": shape.layers if shape else None,
                "learning_rate": learning_rate,
            }
        )

    def note_runs(self, best: Tried, tried: Sequence[Tried]) -> None:
        """Times and curves of all runs of one baseline; for the first seed, what it is."""
        network = best.run.network
        for each in tried:
            rate, run = each.plan.learning_rate, each.run
            named = {"model": network.name, "seed": each.plan.seed, "learning_rate": rate}
            self.times.append(
                {
                    **named,
                    "outcome": "diverged" if each.diverged else "used" if each is best else "worse",
                    # JSON knows no infinity.
                    "training_mse": each.error if math.isfinite(each.error) else None,
                    "seconds": run.seconds,
                    "steps": run.steps,
                    "images": run.vectors,
                }
            )
            points = [*run.curve, *([(run.steps, run.vectors, math.nan)] if each.diverged else [])]
            self.curves += [
                {**named, "step": step, "images": images, "mse": error} for step, images, error in points
            ]
        if best.plan.seed == 0:
            self.note_model(network, best.plan.learning_rate)


def write_mnist(folder: Path, results: MnistResults) -> None:
    """One table each; what changes from run to run (times, peak RSS) in tables of its own.

    Raises `OutputError` where `folder` cannot be written.
    """

    def table(name: str, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
        write_csv(folder / f"{name}.csv", columns, [_precise(row) for row in rows])

    models = ("model", "parameters", "memory", "width", "layers_each_way", "learning_rate")
    restored = ("model", "seed", "length", "numbers", "mse", "psnr", "accuracy", "on_originals")
    files = ("model", "ratio", "quality", "images", "bytes_per_image", "mse", "psnr", "accuracy")
    table("mnist-models", models, results.models)
    table("mnist", restored, [asdict(row) for row in results.restorations])
    table("mnist-files", files, [asdict(row) for row in results.files])
    table("mnist-curves", ("model", "seed", "learning_rate", "step", "images", "mse"), results.curves)
    probes = [{"seed": seed, **asdict(row)} for seed, row in results.probes]
    table("mnist-probes", ("model", "seed", "task", "value", "chance"), probes)
    positions = [
        {**row, "position": position, "accuracy": accuracy}
        for row in probes
        for position, accuracy in enumerate(row["by_position"])
    ]
    table("mnist-positions", ("model", "seed", "position", "accuracy"), positions)
    long = [asdict(row) for row in results.long]
    table("mnist-long", ("kind", "images", "memories", "waiting", "mse", "mean_image_mse"), long)
    spent = ("merge_seconds", "split_seconds", "peak_memory_mb")
    table("mnist-long-times", ("kind", "images", *spent), long)
    runs = ("model", "seed", "learning_rate", "outcome", "training_mse", "seconds", "steps", "images")
    table("mnist-times", runs, results.times)


def _precise(row: Mapping[str, Any]) -> dict[str, Any]:
    """Four decimals are too few for errors of a hundredth, and for learning rates."""
    written = dict(row)
    for name in ("mse", "mean_image_mse", "training_mse"):
        if row.get(name) is not None:
            written[name] = f"{row[name]:.6f}"
    if row.get("learning_rate") is not None:
        written["learning_rate"] = f"{row['learning_rate']:g}"
    return written
