"""What the language model still predicts when states come out of memories.

Two measures. *In place*: every state is the restored one, and the upper blocks run on. A memory of r states
was made of r bytes, so a restored state may know bytes that come after it: for all but PCA, which treats each
state by itself, this measures restoration and is no prediction. *After*: only windows that are over are
restored, the window at hand has its original states (`LanguageModel.logits_after`). No logit knows a byte
after its position; what is measured is the memory as context.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ..vectors.compressors import Compressor
from .language_model import LanguageModel
from .states import States

#: Called as work goes on: (what is done, done, in all).
Progress = Callable[[str, int, int], None]
# Contexts at once.
_BATCH = 16
# Nats below which the past counts as worth nothing.
_WORTH = 1e-6


@dataclass(frozen=True)
class Prediction:
    """Perplexity per byte, exp(mean nats), and the part of bytes that are predicted right."""

    perplexity: float
    accuracy: float


@dataclass(frozen=True)
class LanguageRow:
    """One model at one ratio.

    numbers: in memories, for each state.   mse: of restored states, over their variance: 1 is the mean
    state's.   in_place_…, after_…: as the module says.   kept: part of the nats that the past is worth which
    its memories keep: 0 is no past at all, 1 the original states; None where the past is worth nothing.
    """

    model: str
    ratio: int
    numbers: float
    mse: float
    in_place_perplexity: float
    in_place_accuracy: float
    after_perplexity: float
    after_accuracy: float
    kept: float | None


@dataclass(frozen=True)
class WithoutRow:
    """What there is to win at one ratio: predictions that see no window before their own."""

    ratio: int
    perplexity: float
    accuracy: float


class Measure:
    """Predictions of held-out text by one language model.

    skip: positions at the start of a context that are not counted, so that all ratios up to it have a past.
    They are windows like the others.
    """

    def __init__(self, model: LanguageModel, held: States, skip: int) -> None:
        self.model, self.held, self.skip = model, held, skip
        self._targets = held.text[:, 1:]
        counted = held.vectors[:, skip:].flatten(0, 1)
        self._variance = float((counted - counted.mean(0)).square().mean())
        self.full = self.predicted(self._full)

    def without(self, ratio: int) -> Prediction:
        """Without any past before the window at hand."""
        return self.predicted(lambda part: self.model.logits_within(self._states(part), ratio))

    def row(self, compressor: Compressor, ratio: int, without: Prediction) -> LanguageRow:
        """A compressor at one ratio."""
        vectors = restored(compressor, self.held.vectors, ratio)
        states = vectors / self.held.factor
        mse, in_place = self.in_place(vectors)
        after = self.predicted(lambda part: self.model.logits_after(states[part], self._states(part), ratio))
        return LanguageRow(
            *(compressor.name, ratio, compressor.memory_size / ratio, mse),
            *(in_place.perplexity, in_place.accuracy, after.perplexity, after.accuracy),
            kept_part(without.perplexity, after.perplexity, self.full.perplexity),
        )

    def in_place(self, vectors: Tensor) -> tuple[float, Prediction]:
        """Of vectors (contexts, T, D) in place of all originals: error over the variance, and predictions."""
        error = float((vectors - self.held.vectors)[:, self.skip :].square().mean())
        states = vectors / self.held.factor
        return error / self._variance, self.predicted(lambda part: self.model.logits(states[part]))

    @torch.inference_mode()
    def predicted(self, logits_of: Callable[[slice], Tensor]) -> Prediction:
        """logits_of: a slice of contexts → logits (B, T, 256)."""
        nats, right, count = 0.0, 0, 0
        for first in range(0, len(self._targets), _BATCH):
            part = slice(first, first + _BATCH)
            logits = logits_of(part)[:, self.skip :].flatten(0, 1)
            targets = self._targets[part, self.skip :].flatten()
            nats += float(functional.cross_entropy(logits, targets, reduction="sum"))
            right += int((logits.argmax(-1) == targets).sum())
            count += len(targets)
        return Prediction(math.exp(nats / count), right / count)

    def _full(self, part: slice) -> Tensor:
        return self.model.logits(self._states(part))

    def _states(self, part: slice) -> Tensor:
        return self.held.vectors[part] / self.held.factor


def kept_part(none: float, after: float, full: float) -> float | None:
    """(ln none − ln after) / (ln none − ln full) of perplexities; None where the past is worth nothing."""
    worth = math.log(none) - math.log(full)
    return (math.log(none) - math.log(after)) / worth if worth > _WORTH else None


@torch.inference_mode()
def restored(compressor: Compressor, vectors: Tensor, ratio: int) -> Tensor:
    """Vectors (contexts, T, D) through memories of `ratio` each, T a multiple of it: the same shape."""
    windows = vectors.reshape(-1, ratio, vectors.shape[2])
    # As many windows as fill a batch of contexts.
    count = max(1, _BATCH * vectors.shape[1] // ratio)
    made = [compressor.restore(compressor.compress(part), ratio) for part in windows.split(count)]
    return torch.cat(made).reshape(vectors.shape)


def measure_all(
    measure: Measure,
    compressors: Sequence[Compressor],
    ratios: Sequence[int],
    *,
    progress: Progress = lambda *_: None,
) -> tuple[list[LanguageRow], list[WithoutRow]]:
    """Every compressor at every ratio, and what there is to win at each."""
    rows: list[LanguageRow] = []
    bounds: list[WithoutRow] = []
    for ratio in ratios:
        none = measure.without(ratio)
        bounds.append(WithoutRow(ratio, none.perplexity, none.accuracy))
        for compressor in compressors:
            progress("predictions", len(rows), len(ratios) * len(compressors))
            rows.append(measure.row(compressor, ratio, none))
    return rows, bounds
