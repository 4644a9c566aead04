"""The whole comparison, step by step: train the baselines, measure all, write tables and pictures."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from ...errors import InputError, ModelError
from ...system.files import writing
from ...zoo import Model
from ..vectors.baselines import Kind, SequenceAutoencoder, Shape
from ..vectors.compressors import Compressor, TreeCompressor
from ..vectors.train_baseline import BaselinePlan, shape_for
from ..vectors.tuning import tune
from .classifier import train_classifier
from .compressors import digit_pca, digit_tree, linear_part
from .figures import draw_grid, draw_growth
from .long import long_rows
from .probes import probe
from .restoration import file_rows, restorations, restored_by
from .results import MnistResults, write_mnist
from .sequences import Digits, read_digits
from .settings import PARAMETERS_FACTOR, MnistSettings

#: Called as work goes on: (what is done, done, in all).
Progress = Callable[[str, int, int], None]

# Digits of each class in the picture, and sequences that the picture is taken from.
_SHOWN = 24
# Where a model does not say how long it was trained.
_MINUTES = 30.0


def mnist_folder(data: Path | None) -> Path:
    """The folder of MNIST's files below the data folder. Raises `InputError` where there is none."""
    if data is None or not (data / "mnist").is_dir():
        raise InputError(
            "no MNIST files here; say with --data (or set IMFN_DATA to) a folder with "
            "mnist/train-images-idx3-ubyte.gz …"
        )
    return data / "mnist"


def run_mnist(
    models: Sequence[Model],
    settings: MnistSettings,
    folder: Path,
    *,
    data: Path | None,
    cache: Path | None = None,
    progress: Progress = lambda *_: None,
) -> MnistResults:
    """Measure `models` (one for each seed, or one for all) against the baselines; tables go to `folder`.

    data: the folder that holds mnist/.   cache: where trained baselines and classifier stay for another run.
    Raises `ImfnError` of many kinds, before the long work where it can.
    """
    trees = [digit_tree(model.network, "IMFN") for model in models]
    ours = trees[0]
    if any(tree.memory_size != ours.memory_size or tree.longest != ours.longest for tree in trees):
        raise ModelError("the models have memories of different size or depth; name models of one shape")
    for made in filter(None, (folder, cache)):
        with writing(made):
            made.mkdir(parents=True, exist_ok=True)
    files = mnist_folder(data)
    train, test = read_digits(files, "train"), read_digits(files, "test", most=settings.test_images)
    results = MnistResults()
    judge = train_classifier(train, epochs=settings.epochs, cache=cache, progress=progress)
    pca = digit_pca(train, ours.memory_size)
    fixed: list[Compressor] = [pca]
    if not models[0].network.config.is_linear:
        fixed.insert(0, linear_part(models[0]))
    for compressor in (ours, *fixed):
        results.note_model(compressor)
    _note_our_time(results, models[0], ours.name)
    baselines = _Baselines(settings, models[0], ours, train, results, cache, progress)
    lengths = [ratio for ratio in models[0].ratios if ratio > 1]
    for seed in range(settings.seeds):
        compared: list[Compressor] = [trees[seed % len(trees)], *baselines.trained(seed), *fixed]
        results.restorations += restorations(compared, test, judge, lengths, seed=seed, progress=progress)
        probes = replace(settings.probes, length=ours.longest, seed=seed)
        probed = probe(compared, train, test, probes, progress=progress)
        results.probes += [(seed, result) for result in probed]
        if seed == 0:
            _pictures(folder, results, compared, test, ours.longest)
    progress("files on disk", 0, len(settings.qualities))
    results.files = file_rows(models[0], test, judge, ours.longest, settings.qualities)
    results.long = long_rows(models[0].network, test, pca.mean, list(settings.lengths), progress=progress)
    write_mnist(folder, results)
    return results


class _Baselines:
    """The networks to beat, trained for one seed after another; learning rates are chosen at the first."""

    def __init__(
        self,
        settings: MnistSettings,
        model: Model,
        ours: TreeCompressor,
        train: Digits,
        results: MnistResults,
        cache: Path | None,
        progress: Progress,
    ) -> None:
        self._settings, self._ours, self._train = settings, ours, train
        self._results, self._cache, self._progress = results, cache, progress
        minutes = settings.minutes
        if minutes is None:
            minutes = model.description.get("seconds", 60 * _MINUTES) / 60
        self._minutes = minutes
        self._rates = dict.fromkeys(settings.kinds, settings.learning_rates)

    def trained(self, seed: int) -> list[SequenceAutoencoder]:
        """One network of each kind; all runs are noted in the results."""
        return [self._one(kind, seed) for kind in self._settings.kinds]

    def _one(self, kind: Kind, seed: int) -> SequenceAutoencoder:
        settings, ours = self._settings, self._ours
        shape = Shape(kind, ours.memory_size, ours.longest, settings.width, settings.layers)
        shape = shape_for(shape, PARAMETERS_FACTOR * ours.parameters_count, self._train.size)
        plan = BaselinePlan(self._minutes, seed)
        best, tried = tune(
            shape, plan, self._rates[kind], self._train, cache=self._cache, progress=self._progress
        )
        self._rates[kind] = (best.plan.learning_rate,)
        self._results.note_runs(best, tried)
        return best.run.network


def _note_our_time(results: MnistResults, model: Model, name: str) -> None:
    seconds = float(model.description.get("seconds", 0))
    unknown = dict.fromkeys(("learning_rate", "training_mse", "steps", "images"))
    results.times.append({"model": name, "seed": 0, "outcome": "used", "seconds": seconds, **unknown})


@torch.inference_mode()
def _pictures(
    folder: Path, results: MnistResults, compressors: Sequence[Compressor], test: Digits, length: int
) -> None:
    images, _ = test.cut(length, longest=length, seed=0)
    rows = {"original": images[0, :_SHOWN]}
    for compressor in compressors:
        rows[compressor.name] = restored_by(compressor, images[:1])[0, :_SHOWN]
    numbers = compressors[0].memory_size / length
    draw_grid(folder / "mnist-digits.png", rows, title=f"MNIST test digits from {numbers:g} numbers an image")
    curves = {
        compressor.name: [
            (row.length, row.mse) for row in results.restorations if row.model == compressor.name
        ]
        for compressor in compressors
    }
    draw_growth(
        folder / "mnist-growth.png",
        curves,
        title=f"Error against images in one memory of {compressors[0].memory_size} numbers",
    )
