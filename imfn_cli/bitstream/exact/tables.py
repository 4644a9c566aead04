"""Probability tables of residuals: one for each size that the residuals around a sample have; they learn.

A context is a quarter of an octave of the mean magnitude around a sample. Everything is whole numbers.
"""

from functools import cache
from typing import Any

import constriction
import numpy as np
from numpy.typing import NDArray

#: Magnitudes below this are tokens of their own.
DIRECT = 16
#: Tokens: both signs of the direct magnitudes, then one for each power of two.
TOKENS = 2 * DIRECT - 1 + 59
#: Sixteen times the mean magnitude around a sample, at most.
HIGHEST_ENERGY = 1 << 30
_QUARTERS = 21
_FIRST = int(np.float32(1).view(np.int32)) >> _QUARTERS
CONTEXTS = (int(np.float32(HIGHEST_ENERGY + 1).view(np.int32)) >> _QUARTERS) - _FIRST + 1
#: The context of samples of which nothing is known.
UNKNOWN = CONTEXTS
_TOTAL = 1 << 16
# What a table knows before it has seen anything, in residuals.
_PRIOR = 32
# A table forgets half of what it knows above this.
_MOST = 1 << 18

Integers = NDArray[Any]


def contexts_of(energy: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Sixteen times the mean magnitude around each sample, 0 … `HIGHEST_ENERGY` → its context."""
    # The exponent and two bits of the mantissa: a logarithm that is the same on every machine.
    bits = (energy + 1).astype(np.float32).view(np.int32) >> _QUARTERS
    return (bits - _FIRST).astype(np.uint8)


def low_bits(context: int) -> int:
    """How many bits of a residual are taken for evenly distributed in a context."""
    # The octave of sixteen times the mean, less four for the sixteen and one.
    return 0 if context == UNKNOWN else max(0, context // 4 - 4 - 1)


LOW_BITS = np.array([low_bits(context) for context in range(CONTEXTS + 1)], np.int64)


class Tables:
    """A table of tokens for each context; `learn` what has been coded, in the same order on both sides."""

    def __init__(self) -> None:
        self._counts: dict[int, NDArray[np.int64]] = {}
        self._models: dict[int, Any] = {}
        self._news: dict[int, int] = {}

    def model(self, context: int) -> Any:
        """The coder's model of a context, as far as it has learnt."""
        if context not in self._models:
            self._models[context] = _model(self._counts.setdefault(context, _prior(context).copy()))
        return self._models[context]

    def learn(self, context: int, seen: Integers) -> None:
        """Count tokens that have been coded in a context. seen: (TOKENS,) how many of each."""
        counts = self._counts[context]
        counts += seen * _TOTAL
        total = int(counts.sum())
        if total > _MOST * _TOTAL:
            counts -= counts >> 1
        self._news[context] = self._news.get(context, 0) + int(seen.sum())
        # A table that hardly changes is not worth making anew.
        if self._news[context] * 16 * _TOTAL >= total:
            self._news[context] = 0
            del self._models[context]


def _model(counts: NDArray[np.int64]) -> Any:
    table = 1 + (_TOTAL - TOKENS) * (counts >> 8) // int((counts >> 8).sum())
    table[int(np.argmax(table))] += _TOTAL - int(table.sum())
    return constriction.stream.model.Categorical(table / float(_TOTAL), perfect=False)


@cache
def _prior(context: int) -> NDArray[np.int64]:
    """Counts of a two-sided geometric distribution, in 1 / 2^16 residuals."""
    if context == UNKNOWN:
        # Half for small magnitudes, half for all powers of two alike.
        small, direct = TOKENS - (2 * DIRECT - 1), 2 * DIRECT - 1
        weights = [small] * direct + [direct] * small
        return np.array([_PRIOR * _TOTAL * weight // sum(weights) + 1 for weight in weights], np.int64)
    octave, quarter = divmod(context, 4)
    # The mean at the middle of the context, in 64ths: (2^octave · (1 + (2 · quarter + 1) / 8) − 1) · 4
    mean = ((1 << octave) * (8 + 2 * quarter + 1) - 8) // 2 >> low_bits(context)
    up, down = mean + 1, mean + 1 + 64
    weights = [0] * TOKENS
    for magnitude in range(DIRECT):
        weight = (up**magnitude << 64) // down**magnitude
        for token in {max(0, 2 * magnitude - 1), 2 * magnitude}:
            weights[token] = weight
    rest = (up**DIRECT << 64) // down**DIRECT * (mean // 64 + 1) * 2
    for token in range(2 * DIRECT - 1, TOKENS):
        rest //= 2
        weights[token] = rest
    total = sum(weights)
    return np.array([_PRIOR * _TOTAL * weight // total + 1 for weight in weights], np.int64)
