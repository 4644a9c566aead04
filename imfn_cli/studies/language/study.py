"""The whole study, step by step: language model, states, compressors, predictions, tables and a picture."""

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...system.files import writing
from ..vectors.baselines import SequenceAutoencoder, Shape
from ..vectors.compressors import Compressor, PCACompressor, TreeCompressor
from ..vectors.fit import fit_vectors
from ..vectors.train_baseline import BaselinePlan, shape_for, train_baseline
from .corpus import Corpus, read_corpus
from .figures import draw_predictions
from .language_model import LanguageModel
from .long import long_rows
from .measure import Measure, Prediction, measure_all
from .results import LanguageResults, write_language
from .settings import LanguageSettings
from .states import States, states_of
from .student import StudentCompressor, StudentPlan, distil_student
from .train_language_model import bytes_tensor, train_language_model
from .train_tree import TreePlan, train_tree

#: Called as work goes on: (what is done, done, in all).
Progress = Callable[[str, int, int], None]

# Sequences of the longest length in a baseline's step: as many vectors as in a step of the tree.
_BATCH = 32
# Contexts of the training states that choose the student's best weights.
_CHOOSING = 32


def run_language(
    settings: LanguageSettings,
    folder: Path,
    *,
    cache: Path | None = None,
    progress: Progress = lambda *_: None,
    clock: Callable[[], float] = time.process_time,
) -> LanguageResults:
    """Train all, measure all; tables go to `folder`.

    cache: where what was trained stays for another run, and what was stopped goes on.   clock: tells the
    seconds of training. Raises `ImfnError` of many kinds, before the long work where it can.
    """
    for made in filter(None, (folder, cache)):
        with writing(made):
            made.mkdir(parents=True, exist_ok=True)
    progress("reading text", 0, 1)
    corpus = read_corpus(topics_only=settings.topics_only)
    model = train_language_model(settings.shape, settings.plan, corpus, cache=cache, progress=progress)
    train, held, stretch = _states(settings, corpus, model, progress)
    results = LanguageResults()
    compressors, trees = _compressors(settings, train, results, cache, progress, clock)
    ratios = [1 << level for level in range(1, settings.levels + 1)]
    measure = Measure(model, held, ratios[-1])
    results.language_model = _described(corpus, model, settings, measure.full)
    results.rows, results.without = measure_all(measure, compressors, ratios, progress=progress)
    progress("long sequences", 0, 1)
    results.long = long_rows(model, trees, ratios[-1], train, stretch, skip=ratios[-1])
    write_language(folder, results)
    draw_predictions(folder / "language.png", results)
    return results


def _states(
    settings: LanguageSettings, corpus: Corpus, model: LanguageModel, progress: Progress
) -> tuple[States, States, States]:
    """Training states, held-out ones, and a long stretch of these without a gap, up to the wanted length."""
    key = hashlib.sha256(
        repr((settings.shape, settings.plan, corpus.sha256, settings.train_contexts)).encode()
    ).hexdigest()
    train = states_of(model, bytes_tensor(corpus.train), settings.train_contexts, key=key, progress=progress)
    text = bytes_tensor(corpus.held_out)
    factor = train.factor
    held = states_of(model, text, settings.held_contexts, key=key, factor=factor, progress=progress)
    # A power of two of contexts, as many as there are at most.
    contexts = min(settings.long_states, len(text) - 1) // settings.shape.context
    contexts = 1 << contexts.bit_length() - 1
    part = text[: contexts * settings.shape.context + 1]
    return train, held, states_of(model, part, contexts, key=key, factor=factor)


def _compressors(
    settings: LanguageSettings,
    train: States,
    results: LanguageResults,
    cache: Path | None,
    progress: Progress,
    clock: Callable[[], float],
) -> tuple[list[Compressor], list[Compressor]]:
    """All that are compared, noted in the results; and those that long memories are made with."""

    def note(compressor: Compressor, seconds: float | None = None, steps: int | None = None) -> None:
        results.models.append(
            {
                "model": compressor.name,
                "parameters": compressor.parameters_count,
                "memory": compressor.memory_size,
                "seconds": seconds,
                "steps": steps,
            }
        )

    progress("closed forms", 0, 1)
    pca = PCACompressor(train.components(), train.size)
    linear = fit_vectors(train.flat, settings.levels)
    plan = TreePlan(settings.minutes, width=settings.width, seed=settings.seed)
    tree = train_tree(linear, plan, train, cache=cache, progress=progress, clock=clock)
    closed = TreeCompressor(linear, "KLT tree")
    by_level = TreeCompressor(tree.by_level, "tree, level by level")
    whole = TreeCompressor(tree.network, "tree, end to end")
    learning, choosing = train.split(min(_CHOOSING, len(train.text) // 2))
    update = distil_student(
        tree.network,
        StudentPlan(settings.minutes, width=settings.width, seed=settings.seed),
        learning,
        choosing,
        key=repr((plan, train.key, settings.levels)),
        cache=cache,
        progress=progress,
        clock=clock,
    )
    student = StudentCompressor(tree.network, update)
    note(pca)
    note(closed)
    note(by_level, tree.by_level_seconds, tree.by_level_steps)
    note(whole, tree.seconds, tree.steps)
    note(student, 60 * settings.minutes)
    baselines: list[SequenceAutoencoder] = []
    for kind in settings.kinds:
        shape = Shape(kind, train.size, 1 << settings.levels, settings.width, 1)
        shape = shape_for(shape, whole.parameters_count, train.size)
        run = train_baseline(
            shape,
            BaselinePlan(settings.minutes, settings.seed, batch=_BATCH),
            train,
            cache=cache,
            progress=progress,
            clock=clock,
        )
        baselines.append(run.network)
        note(run.network, run.seconds, run.steps)
    return [pca, closed, by_level, whole, student, *baselines], [closed, whole]


def _described(
    corpus: Corpus, model: LanguageModel, settings: LanguageSettings, full: Prediction
) -> dict[str, Any]:
    return {
        "text": corpus.sources,
        "sha256": corpus.sha256,
        "train_bytes": len(corpus.train),
        "held_out_bytes": len(corpus.held_out),
        "train_modules": corpus.train_modules,
        "held_out_modules": corpus.held_out_modules,
        "parameters": model.parameters_count,
        "width": settings.shape.width,
        "blocks": settings.shape.lower + settings.shape.upper,
        "context": settings.shape.context,
        "steps": settings.plan.steps,
        "perplexity": full.perplexity,
        "accuracy": full.accuracy,
    }
