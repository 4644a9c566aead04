"""One memory over thousands of states: a second tree, in closed form, over memories of the first."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..vectors.compressors import Compressor, TreeCompressor
from ..vectors.fit import fit_vectors
from .language_model import LanguageModel
from .measure import Measure
from .states import States


class TallTree:
    """A compressor of windows, and above it a linear tree of its memories, which are vectors too."""

    def __init__(self, below: Compressor, window: int, train: States, levels: int) -> None:
        """Fit the upper tree to memories of `window` states each of all training states.

        levels: of it at most, fewer where there are fewer memories.
        """
        self.name = below.name
        self.window = window
        self._below = below
        memories = below.compress(train.flat.reshape(-1, window, train.size))
        self.levels = min(levels, len(memories).bit_length() - 1)
        self._above = TreeCompressor(fit_vectors(memories, self.levels), below.name)

    @property
    def memory_size(self) -> int:
        return self._above.memory_size

    @property
    def parameters_count(self) -> int:
        return self._below.parameters_count + self._above.parameters_count

    @property
    def longest(self) -> int:
        """States in the largest memory."""
        return self.window << self.levels

    def compress(self, vectors: Tensor) -> Tensor:
        count, length, size = vectors.shape
        memories = self._below.compress(vectors.reshape(-1, self.window, size))
        return self._above.compress(memories.reshape(count, length // self.window, -1))

    def restore(self, memories: Tensor, length: int) -> Tensor:
        below = self._above.restore(memories, length // self.window)
        return self._below.restore(below.flatten(0, 1), self.window).reshape(len(memories), length, -1)


@dataclass(frozen=True)
class LongRow:
    """A long stretch of held-out states as memories of so many each, restored in place.

    model: "mean state" is no memory at all.   mse: over the variance of the states.   perplexity, accuracy:
    in place (`measure`).   merge_seconds, split_seconds: of the whole stretch.
    """

    model: str
    states_per_memory: int
    memories: int
    mse: float
    perplexity: float
    accuracy: float
    merge_seconds: float
    split_seconds: float


@torch.inference_mode()
def long_rows(
    model: LanguageModel,
    compressors: Sequence[Compressor],
    window: int,
    train: States,
    stretch: States,
    *,
    skip: int,
) -> list[LongRow]:
    """Memories of `window`, 4 · window, … and all states of `stretch`, a power of two of them.

    compressors: up to `window` states.   skip: as `Measure` takes it.
    """
    measure = Measure(model, stretch, skip)
    total = stretch.flat.shape[0]
    above = (total // window).bit_length() - 1
    mean = train.flat.mean(0).expand_as(stretch.vectors)
    rows = [_row(measure, "mean state", total, 0, mean, (0.0, 0.0))]
    for compressor in compressors:
        tall = TallTree(compressor, window, train, above)
        lengths = sorted({*range(0, tall.levels + 1, 2), tall.levels})
        for length in (window << level for level in lengths):
            began = time.perf_counter()
            memories = tall.compress(stretch.flat.reshape(-1, length, stretch.size))
            merged = time.perf_counter()
            found = tall.restore(memories, length).reshape(stretch.vectors.shape)
            spent = merged - began, time.perf_counter() - merged
            rows.append(_row(measure, compressor.name, length, len(memories), found, spent))
    return rows


def _row(
    measure: Measure, name: str, length: int, memories: int, vectors: Tensor, spent: tuple[float, float]
) -> LongRow:
    mse, predicted = measure.in_place(vectors)
    return LongRow(name, length, memories, mse, predicted.perplexity, predicted.accuracy, *spent)
