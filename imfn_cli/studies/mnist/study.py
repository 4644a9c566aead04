"""The whole comparison, step by step: train the baselines, measure all, write tables and pictures."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from ...errors import InputError, ModelError
from ...evaluation.tables import write_csv
from ...system.files import writing
from ...training.places import data_folders
from ...zoo import Model
from .baselines import KINDS, Kind, SequenceAutoencoder, Shape
from .classifier import train_classifier
from .compressors import Compressor, PCACompressor, TreeCompressor, linear_part
from .figures import draw_grid, draw_growth
from .long import LongRow, long_rows
from .probes import ProbePlan, ProbeResult, probe
from .restoration import FileRow, RestorationRow, file_rows, restorations, restored_by
from .sequences import Digits, read_digits
from .train_baseline import Plan, shape_for
from .tuning import Tried, tune

#: Called as work goes on: (what is done, done, in all).
Progress = Callable[[str, int, int], None]

#: Baselines have at least this many times our parameters, as in the paper.
PARAMETERS_FACTOR = 2
# Digits of each class in the picture, and sequences that the picture is taken from.
_SHOWN = 24
# Where a model does not say how long it was trained.
_MINUTES = 30.0


@dataclass(frozen=True)
class Settings:
    """What is measured, and how long baselines train.

    kinds: the baselines.   minutes: for each baseline; None: as long as our model was trained, by its card.
    learning_rates: each kind is trained at all of them for seed 0, and at its best of them from then on.
    test_images: how many are used, the first.   seeds: of baselines, test sequences and probes.
    width, layers: of the baselines; more layers where they would be too small.   epochs: of the classifier.
    qualities: of files.   lengths: images of the long sequences.
    """

    kinds: tuple[Kind, ...] = KINDS
    minutes: float | None = None
    learning_rates: tuple[float, ...] = (1e-3,)
    test_images: int = 10_000
    seeds: int = 1
    width: int = 256
    layers: int = 2
    epochs: int = 4
    probes: ProbePlan = field(default_factory=ProbePlan)
    qualities: tuple[int, ...] = (20, 50, 80)
    lengths: tuple[int, ...] = (64, 128, 256, 512, 1024, 2048, 4096, 8192, 10_000, 16_384)

    def quick(self) -> "Settings":
        """A first look within three minutes on two cores: all shorter, only the first learning rate."""
        return replace(
            self,
            minutes=0.3,
            learning_rates=self.learning_rates[:1],
            test_images=2048,
            epochs=1,
            probes=ProbePlan(train=512, epochs=10, test_clips=128),
            qualities=(50,),
            lengths=(64, 256, 1024),
        )


@dataclass
class Study:
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


def mnist_folder() -> Path:
    """The folder of MNIST's files below a data folder. Raises `InputError` where there is none."""
    found = next((place / "mnist" for place in data_folders() if (place / "mnist").is_dir()), None)
    if found is None:
        raise InputError(
            "no MNIST files here; set IMFN_DATA to a folder with mnist/train-images-idx3-ubyte.gz …"
        )
    return found


def run_study(
    models: Sequence[Model],
    settings: Settings,
    results: Path,
    *,
    cache: Path | None = None,
    progress: Progress = lambda *_: None,
) -> Study:
    """Measure `models` (one for each seed, or one for all) against the baselines; tables go to `results`.

    Raises `ImfnError` of many kinds, before the long work where it can.
    """
    trees = [TreeCompressor(model.network, "IMFN") for model in models]
    ours = trees[0]
    if any(tree.memory_size != ours.memory_size or tree.longest != ours.longest for tree in trees):
        raise ModelError("the models have memories of different size or depth; name models of one shape")
    for folder in filter(None, (results, cache)):
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
    folder = mnist_folder()
    train, test = read_digits(folder, "train"), read_digits(folder, "test", most=settings.test_images)
    minutes = settings.minutes
    if minutes is None:
        minutes = models[0].description.get("seconds", 60 * _MINUTES) / 60
    study = Study()
    judge = train_classifier(train, epochs=settings.epochs, cache=cache, progress=progress)
    lengths = [ratio for ratio in models[0].ratios if ratio > 1]
    pca = PCACompressor(train, ours.memory_size)
    fixed: list[Compressor] = [pca]
    if not models[0].network.config.is_linear:
        fixed.insert(0, linear_part(models[0]))
    rates = dict.fromkeys(settings.kinds, settings.learning_rates)
    for seed in range(settings.seeds):
        baselines = []
        for kind in settings.kinds:
            shape = Shape(kind, ours.memory_size, ours.longest, settings.width, settings.layers)
            shape = shape_for(shape, PARAMETERS_FACTOR * ours.parameters_count)
            best, tried = tune(shape, Plan(minutes, seed), rates[kind], train, cache=cache, progress=progress)
            rates[kind] = (best.plan.learning_rate,)
            baselines.append(best.run.network)
            _note(study, best, tried)
        all_of_them: list[Compressor] = [trees[seed % len(trees)], *baselines, *fixed]
        rows = restorations(all_of_them, test, judge, lengths, seed=seed, progress=progress)
        study.restorations += rows
        probed = probe(
            all_of_them,
            train,
            test,
            replace(settings.probes, length=ours.longest, seed=seed),
            progress=progress,
        )
        study.probes += [(seed, result) for result in probed]
        if seed == 0:
            _pictures(results, study, all_of_them, test, ours.longest)
            study.models[:0] = [_model_row(ours), *map(_model_row, fixed)]
    seconds = float(models[0].description.get("seconds", 0))
    unknown = dict.fromkeys(("learning_rate", "training_mse", "steps", "images"))
    study.times.insert(0, {"model": ours.name, "seed": 0, "outcome": "used", "seconds": seconds, **unknown})
    progress("files on disk", 0, len(settings.qualities))
    study.files = file_rows(models[0], test, judge, ours.longest, settings.qualities)
    study.long = long_rows(models[0].network, test, pca.mean, list(settings.lengths), progress=progress)
    _write(results, study)
    return study


def _note(study: Study, best: Tried, tried: Sequence[Tried]) -> None:
    """Times and curves of all runs of one baseline; for the first seed, what it is."""
    network = best.run.network
    for each in tried:
        rate, run = each.plan.learning_rate, each.run
        named = {"model": network.name, "seed": each.plan.seed, "learning_rate": rate}
        study.times.append(
            {
                **named,
                "outcome": "diverged" if each.diverged else "used" if each is best else "worse",
                # JSON knows no infinity.
                "training_mse": each.error if math.isfinite(each.error) else None,
                "seconds": run.seconds,
                "steps": run.steps,
                "images": run.images,
            }
        )
        points = [*run.curve, *([(run.steps, run.images, math.nan)] if each.diverged else [])]
        study.curves += [
            {**named, "step": step, "images": images, "mse": error} for step, images, error in points
        ]
    if best.plan.seed == 0:
        study.models.append(_model_row(network, best.plan.learning_rate))


def _model_row(compressor: Compressor, learning_rate: float | None = None) -> dict[str, Any]:
    shape = compressor.shape if isinstance(compressor, SequenceAutoencoder) else None
    return {
        "model": compressor.name,
        "parameters": compressor.parameters_count,
        "memory": compressor.memory_size,
        "width": shape.width if shape else None,
        "layers_each_way": shape.layers if shape else None,
        "learning_rate": learning_rate,
    }


@torch.inference_mode()
def _pictures(
    results: Path, study: Study, compressors: Sequence[Compressor], test: Digits, length: int
) -> None:
    images, _ = test.cut(length, longest=length, seed=0)
    rows = {"original": images[0, :_SHOWN]}
    for compressor in compressors:
        rows[compressor.name] = restored_by(compressor, images[:1])[0, :_SHOWN]
    numbers = compressors[0].memory_size / length
    draw_grid(
        results / "mnist-digits.png", rows, title=f"MNIST test digits from {numbers:g} numbers an image"
    )
    curves = {
        compressor.name: [(row.length, row.mse) for row in study.restorations if row.model == compressor.name]
        for compressor in compressors
    }
    draw_growth(
        results / "mnist-growth.png",
        curves,
        title=f"Error against images in one memory of {compressors[0].memory_size} numbers",
    )


def _write(results: Path, study: Study) -> None:
    """One table each; what changes from run to run (times, peak memory) in tables of its own."""

    def table(name: str, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
        write_csv(results / f"{name}.csv", columns, [_precise(row) for row in rows])

    models = ("model", "parameters", "memory", "width", "layers_each_way", "learning_rate")
    restored = ("model", "seed", "length", "numbers", "mse", "psnr", "accuracy", "on_originals")
    files = ("model", "ratio", "quality", "images", "bytes_per_image", "mse", "psnr", "accuracy")
    table("mnist-models", models, study.models)
    table("mnist", restored, [asdict(row) for row in study.restorations])
    table("mnist-files", files, [asdict(row) for row in study.files])
    table("mnist-curves", ("model", "seed", "learning_rate", "step", "images", "mse"), study.curves)
    probes = [{"seed": seed, **asdict(row)} for seed, row in study.probes]
    table("mnist-probes", ("model", "seed", "task", "value", "chance"), probes)
    positions = [
        {**row, "position": position, "accuracy": accuracy}
        for row in probes
        for position, accuracy in enumerate(row["by_position"])
    ]
    table("mnist-positions", ("model", "seed", "position", "accuracy"), positions)
    long = [asdict(row) for row in study.long]
    table("mnist-long", ("kind", "images", "memories", "waiting", "mse", "mean_image_mse"), long)
    spent = ("merge_seconds", "split_seconds", "peak_memory_mb")
    table("mnist-long-times", ("kind", "images", *spent), long)
    runs = ("model", "seed", "learning_rate", "outcome", "training_mse", "seconds", "steps", "images")
    table("mnist-times", runs, study.times)


def _precise(row: Mapping[str, Any]) -> dict[str, Any]:
    """Four decimals are too few for errors of a hundredth, and for learning rates."""
    written = dict(row)
    for name in ("mse", "mean_image_mse", "training_mse"):
        if row.get(name) is not None:
            written[name] = f"{row[name]:.6f}"
    if row.get("learning_rate") is not None:
        written["learning_rate"] = f"{row['learning_rate']:g}"
    return written
