"""Fitting the entropy model's integers to memories: prediction, context weights, tables, centroids.

No gradients by backpropagation: prediction is a least-squares fit, and the context weights are what
`context_fit.py` says.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..bitstream.entropy.context import Grouping
from ..bitstream.entropy.entropy_model import (
    ANCHOR_SPACING,
    ANCHORS,
    DISTANCES,
    KINDS,
    LAMBDA,
    PREDICTION_UNIT,
    EntropyModel,
)
from ..bitstream.entropy.rans import PRECISION
from ..bitstream.entropy.scan import FIRST, passes
from ..bitstream.entropy.tokens import DIRECT, TOKENS, tokenise
from ..bitstream.quantiser import step_of_quality
from .context_fit import LOG_UNIT, Floats, Rows, fit_weights, gather, int16

#: Memories of each level, each (C, h, w), in the pixels' unit.
Samples = Mapping[int, Sequence[Floats]]

#: Tables in all.
_TABLES = 72
_LOG_SIZE = 1 << 12
_PREDICTED = 8
#: Fraction that rounds up in the first round, before there are tables to weigh bits with.
_FIRST_THRESHOLD = 0.62
_ROUNDS = 2


def fit_entropy(
    samples: Samples,
    channels: int,
    progress: Callable[[str, int, int], None] = lambda *_: None,
    *,
    state: "Standing | None" = None,
    keep: "Callable[[Standing], None]" = lambda _: None,
) -> EntropyModel:
    """Fit the entropy model of memories with `channels` numbers a position to `samples` of level 0, 1, ….

    Every quality from 0 to 100 in steps of ten is fitted at once. Two rounds: plain rounding first, then with
    the symbols that the first model's own rate–distortion choice makes. keep: called after each level of a
    round with where the fit stands; `state` is that, to go on from. Raises `ValueError` without samples.
    """
    if not samples or not all(samples.values()):
        raise ValueError("no memories to fit the entropy model to")
    at = state or _beginning(samples, channels)
    while at.round <= _ROUNDS:
        model = EntropyModel(at.before)
        for level in list(samples)[at.levels :]:
            progress(f"entropy model, round {at.round} of {_ROUNDS}", level, len(samples))
            gathered = gather(model, samples[level], level, at.thresholds)
            for rows in gathered.values():
                fit_weights(rows, at.tensors, level)
            fitted = EntropyModel(at.tensors)
            for rows in gathered.values():
                _count(rows, fitted, level, at.counts, at.distance)
            at.levels += 1
            keep(at)
        at = _next_round(at)
    return EntropyModel(at.before)


@dataclass
class Standing:
    """Where a fit stands.

    round: 1 or 2.   levels: of it that are done.   before: the tensors that the round began with; tensors:
    those that it makes.   counts (K, TOKENS), distance (K, 4, 2): of its symbols so far, by `_count`.
    thresholds: above which a round's symbols are rounded up, (K, DIRECT).
    """

    round: int
    levels: int
    before: dict[str, NDArray[Any]]
    tensors: dict[str, NDArray[Any]]
    counts: NDArray[np.float64]
    distance: NDArray[np.float64]
    thresholds: Floats


def _beginning(samples: Samples, channels: int) -> Standing:
    tensors = _empty(channels, len(samples))
    grouping = EntropyModel(tensors).grouping
    for level, memories in samples.items():
        tensors["predict"][level] = _fit_prediction(memories, grouping)
    thresholds = np.full((_TABLES, DIRECT), _FIRST_THRESHOLD, np.float32)
    return _round(1, tensors, thresholds)


def _next_round(at: Standing) -> Standing:
    at.tensors["counts"] = _to_counts(at.counts)
    centroids = at.distance[:, 1:, 0] / np.maximum(at.distance[:, 1:, 1], 1)
    at.tensors["centroids"] = centroids.astype(np.float32)
    return _round(at.round + 1, at.tensors, EntropyModel(at.tensors).thresholds(LAMBDA))


def _round(number: int, tensors: dict[str, NDArray[Any]], thresholds: Floats) -> Standing:
    copied = {name: array.copy() for name, array in tensors.items()}
    counts, distance = np.zeros((_TABLES, TOKENS)), np.zeros((_TABLES, 4, 2))
    return Standing(number, 0, tensors, copied, counts, distance, thresholds)


def _empty(channels: int, levels: int) -> dict[str, NDArray[Any]]:
    ends = [end for end in (8, 16, 32, 64, 112, 192, 320, 512) if end < channels] + [channels]
    strides = [8, 4, 4] + [2] * len(ends)
    predicted = min(_PREDICTED, channels)
    sums = np.arange(_LOG_SIZE)
    return {
        "groups": np.array(list(zip(ends, strides, strict=False)), np.int32),
        "logs": np.round(LOG_UNIT * np.log2(sums + 0.5)).astype(np.int16),
        "shared": np.zeros((levels, KINDS, channels, 2 * len(ends) + 1), np.int16),
        "own": np.zeros((levels, KINDS, channels), np.int16),
        "bias": np.zeros((levels, ANCHORS, KINDS, channels), np.int16),
        "predict": np.zeros((levels, KINDS - 1, DISTANCES, predicted, 4 * predicted), np.int16),
        "counts": _to_counts(np.ones((_TABLES, TOKENS))),
        "centroids": np.zeros((_TABLES, 3), np.float32),
    }


# -- prediction ------------------------------------------------------------------------------------------


def _fit_prediction(memories: Sequence[Floats], grouping: Grouping) -> NDArray[np.int16]:
    """Least-squares weights of the first channels on their neighbours, for every kind and distance of pass.

    The ridge is the noise that a middling quantisation adds to the neighbours.
    """
    predicted = grouping.predicted
    weights = np.zeros((KINDS - 1, DISTANCES, predicted, 4 * predicted))
    noise = step_of_quality(40) ** 2 / 12
    gram = np.zeros((*weights.shape[:2], 4 * predicted, 4 * predicted))
    cross = np.zeros((*weights.shape[:2], 4 * predicted, predicted))
    seen = np.zeros(weights.shape[:2])
    for memory in memories:
        h, w = memory.shape[1:]
        rows = np.concatenate(
            (memory[:predicted].reshape(predicted, -1).T, np.zeros((1, predicted), np.float32))
        )
        for scan in passes(h, w, grouping.strides[0]):
            if scan.kind != FIRST:
                near = rows[scan.neighbours].transpose(1, 0, 2).reshape(len(scan.positions), -1)
                at = scan.kind - 1, scan.distance.bit_length() - 1
                gram[at] += near.T @ near
                cross[at] += near.T @ rows[scan.positions]
                seen[at] += len(near)
    for at in np.ndindex(*seen.shape):
        if seen[at]:
            ridge = seen[at] * noise * np.eye(4 * predicted)
            weights[at] = np.linalg.solve(gram[at] + ridge, cross[at]).T
    return int16(weights * PREDICTION_UNIT)


# -- tables ----------------------------------------------------------------------------------------------


def _count(
    rows: Rows, model: EntropyModel, level: int, counts: NDArray[np.float64], distance: NDArray[np.float64]
) -> None:
    """Add the rows' symbols to `counts` (K, TOKENS), and their errors to `distance` (K, 4, [sum, number])."""
    tables: NDArray[np.int32] = np.empty(rows.symbols.shape, np.int32)
    for anchor in range(ANCHORS):
        here = rows.anchors == anchor
        tables[here] = model.tables(
            level,
            rows.kind,
            anchor * ANCHOR_SPACING,
            slice(rows.low, rows.low + tables.shape[1]),
            rows.shared[here],
            None if rows.own is None else rows.own[here],
        )
    tables, symbols, errors = tables[rows.coded], rows.symbols[rows.coded], rows.errors[rows.coded]
    tokens = tokenise(symbols)
    counts += np.bincount(tables * TOKENS + tokens, minlength=counts.size).reshape(counts.shape)
    cell = tables * 4 + np.minimum(np.abs(symbols), 3)
    distance[..., 0] += np.bincount(cell, weights=errors, minlength=_TABLES * 4).reshape(_TABLES, 4)
    distance[..., 1] += np.bincount(cell, minlength=_TABLES * 4).reshape(_TABLES, 4)


def _to_counts(counts: NDArray[np.float64]) -> NDArray[np.int32]:
    """Counted tokens → integer tables: signs alike, never zero, rows summing to 2**PRECISION."""
    smooth = counts.copy()
    # Positive and negative of a magnitude are neighbours in the alphabet (`tokens.py`).
    smooth[:, 1:] = np.repeat((counts[:, 1::2] + counts[:, 2::2]) / 2, 2, axis=1)
    # A table that was hardly used borrows from its neighbours.
    smooth[1:-1] += (smooth[:-2] + smooth[2:]) * 0.02
    smooth += 1e-4 * smooth.sum(axis=1, keepdims=True) / TOKENS + 1e-9
    free = (1 << PRECISION) - TOKENS
    share = smooth / smooth.sum(axis=1, keepdims=True) * free
    whole = np.floor(share)
    # The left-over counts go to the largest remainders.
    order = np.argsort(whole - share, axis=1, kind="stable")
    left = (free - whole.sum(axis=1)).astype(int)
    for row, number in enumerate(left):
        whole[row, order[row, :number]] += 1
    return (whole + 1).astype(np.int32)
