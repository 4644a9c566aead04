"""Fitting the entropy model's integers to memories: prediction, context weights, tables, centroids.

No gradients by backpropagation: prediction is a least-squares fit, and the context weights are a generalised
linear model (exponential distribution, logarithmic link: the expected magnitude of a symbol is a product of
powers of the magnitudes around it), fitted by a few Fisher scoring steps.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..bitstream.entropy.context import Grouping, Part
from ..bitstream.entropy.entropy_model import (
    ANCHOR_SPACING,
    ANCHORS,
    BIAS_UNIT,
    DISTANCES,
    KINDS,
    LAMBDA,
    PREDICTION_UNIT,
    WEIGHT_UNIT,
    EntropyModel,
    choose,
)
from ..bitstream.entropy.rans import PRECISION
from ..bitstream.entropy.scan import FIRST, passes
from ..bitstream.entropy.tokens import DIRECT, TOKENS, tokenise
from ..bitstream.quantiser import step_of_quality

Floats = NDArray[np.float32]
#: Memories of each level, each (C, h, w), in the pixels' unit.
Samples = Mapping[int, Sequence[Floats]]

#: Tables, and how many of them a doubling of the expected magnitude spans; table OFFSET expects about 1.
_TABLES = 72
_PER_OCTAVE = 4
_OFFSET = 40
#: The features' logarithm is this many units an octave.
_LOG_UNIT = 16
_LOG_SIZE = 1 << 12
_PREDICTED = 8
#: Fraction that rounds up in the first round, before there are tables to weigh bits with.
_FIRST_THRESHOLD = 0.62
_SCORING_STEPS = 7


def fit_entropy(
    samples: Samples, channels: int, progress: Callable[[str, int, int], None] = lambda *_: None
) -> EntropyModel:
    """Fit the entropy model of memories with `channels` numbers a position to `samples` of level 0, 1, ….

    Every quality from 0 to 100 in steps of ten is fitted at once. Two rounds: plain rounding first, then with
    the symbols that the first model's own rate–distortion choice makes. Raises `ValueError` without samples.
    """
    if not samples or not all(samples.values()):
        raise ValueError("no memories to fit the entropy model to")
    tensors = _empty(channels, len(samples))
    model = EntropyModel(tensors)
    for level, memories in samples.items():
        tensors["predict"][level] = _fit_prediction(memories, model.grouping)
    thresholds = np.full((_TABLES, DIRECT), _FIRST_THRESHOLD, np.float32)
    for round_ in (1, 2):
        model = EntropyModel(tensors)  # as the last round left it: `tensors` changes below
        tensors = {name: array.copy() for name, array in tensors.items()}
        counts = np.zeros((_TABLES, TOKENS))
        distance = np.zeros((_TABLES, 4, 2))
        for level, memories in samples.items():
            progress(f"entropy model, round {round_} of 2", level, len(samples))
            gathered = _gather(model, memories, level, thresholds)
            for rows in gathered.values():
                _fit_weights(rows, tensors, level)
            fitted = EntropyModel(tensors)
            for rows in gathered.values():
                _count(rows, fitted, level, counts, distance)
        tensors["counts"] = _to_counts(counts)
        tensors["centroids"] = (distance[:, 1:, 0] / np.maximum(distance[:, 1:, 1], 1)).astype(np.float32)
        thresholds = EntropyModel(tensors).thresholds(LAMBDA)
    return EntropyModel(tensors)


def _empty(channels: int, levels: int) -> dict[str, NDArray[Any]]:
    ends = [end for end in (8, 16, 32, 64, 112, 192, 320, 512) if end < channels] + [channels]
    strides = [8, 4, 4] + [2] * len(ends)
    predicted = min(_PREDICTED, channels)
    sums = np.arange(_LOG_SIZE)
    return {
        "groups": np.array(list(zip(ends, strides, strict=False)), np.int32),
        "logs": np.round(_LOG_UNIT * np.log2(sums + 0.5)).astype(np.int16),
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
    return _int16(weights * PREDICTION_UNIT)


# -- context weights -------------------------------------------------------------------------------------


@dataclass
class _Rows:
    """What the parts of one group and kind showed: R positions of several nodes and qualities, C channels."""

    low: int
    kind: int
    group: int
    anchors: NDArray[np.int64]  # (R,)
    shared: Floats  # (R, F)
    own: Floats | None  # (R, C)
    symbols: NDArray[np.int32]  # (R, C) differences to the prediction
    errors: Floats  # (R, C) how far the memory lay below the symbol's magnitude, in steps
    coded: NDArray[np.bool_]  # (R, C) False where the channel was not active


def _gather(
    model: EntropyModel, memories: Sequence[Floats], level: int, thresholds: Floats
) -> dict[Any, _Rows]:
    """Walk every memory at every anchor quality; returns the rows of each (group, kind)."""
    parts: dict[tuple[int, int], list[tuple[Any, ...]]] = {}
    for anchor in range(ANCHORS):
        quality = anchor * ANCHOR_SPACING
        for memory in memories:
            values = memory / np.float32(step_of_quality(quality))
            rows = values.reshape(len(values), -1).T

            def visit(part: Part, rows: Floats = rows, anchor: int = anchor, quality: int = quality) -> Any:
                tables, prediction = model.tables_and_prediction(part, level, quality)
                wanted = rows[part.scan.positions, part.low : part.high] - prediction
                symbols = choose(wanted, tables, thresholds)
                errors = np.abs(symbols) - np.abs(wanted)
                parts.setdefault((part.group, part.scan.kind), []).append((anchor, part, symbols, errors))
                return symbols + prediction

            _, h, w = memory.shape
            model.grouping.walk(h, w, model.active(values), visit)
    return {key: _stack(found, model.grouping) for key, found in parts.items()}


def _stack(found: list[tuple[Any, ...]], grouping: Grouping) -> _Rows:
    group, low = found[0][1].group, found[0][1].low
    size = sum(len(symbols) for _, _, symbols, _ in found)
    width = grouping.ends[group] - low
    kind = found[0][1].scan.kind
    rows = _Rows(
        low,
        kind,
        group,
        np.concatenate([np.full(len(symbols), anchor) for anchor, _, symbols, _ in found]),
        np.concatenate([part.shared for _, part, _, _ in found]).astype(np.float32),
        None if kind == FIRST else np.zeros((size, width), np.float32),
        np.zeros((size, width), np.int32),
        np.zeros((size, width), np.float32),
        np.zeros((size, width), bool),
    )
    at = 0
    for _, part, symbols, errors in found:
        block = slice(at, at + len(symbols)), slice(0, part.high - low)
        rows.symbols[block], rows.errors[block], rows.coded[block] = symbols, errors, True
        if rows.own is not None:
            rows.own[block] = part.own
        at += len(symbols)
    return rows


def _fit_weights(rows: _Rows, tensors: dict[str, NDArray[Any]], level: int) -> None:
    """Fit log E|symbol| of each channel to bias(anchor) + weights · features, and store the integers."""
    used = [2 * g + side for g in range(rows.group) for side in (0, 1)]
    if rows.own is not None:
        used.append(rows.shared.shape[1] - 1)
    unit = np.float32(np.log(2) / _LOG_UNIT)
    anchors = np.eye(ANCHORS, dtype=np.float32)[rows.anchors]
    inputs = np.concatenate((anchors, rows.shared[:, used] * unit), axis=1)
    own = np.zeros_like(rows.errors) if rows.own is None else rows.own * unit
    magnitude = np.abs(rows.symbols).astype(np.float32)
    ridge = 1e-4 * len(inputs) * np.eye(inputs.shape[1])
    inverse = np.linalg.inv(inputs.T.astype(np.float64) @ inputs + ridge)
    mixed = inputs.T @ own
    projected = inverse @ mixed
    rest = (own * own).sum(axis=0) - (mixed * projected).sum(axis=0) + 1e-4 * len(inputs)
    means = (anchors.T @ magnitude) / np.maximum(anchors.sum(axis=0), 1)[:, None]
    weights = np.zeros((inputs.shape[1], magnitude.shape[1]))
    weights[:ANCHORS] = np.log(means + 1e-3)
    own_weight = np.zeros(magnitude.shape[1])
    for _ in range(_SCORING_STEPS):
        logs = inputs @ weights.astype(np.float32) + own * own_weight.astype(np.float32)
        expected = np.exp(np.clip(logs, -8, 9))
        # Score of the exponential likelihood; constant and clip keep rare large symbols from steering.
        score = np.clip((magnitude - expected) / (expected + 0.05), -1, 3)
        plain = inverse @ (inputs.T @ score)
        step = ((own * score).sum(axis=0) - (mixed * plain).sum(axis=0)) / rest
        own_weight += step
        weights += plain - projected * step
    channels = slice(rows.low, rows.low + magnitude.shape[1])
    # Natural logarithm → table steps, per feature unit.
    scale = _PER_OCTAVE / _LOG_UNIT * WEIGHT_UNIT
    tensors["shared"][level, rows.kind, channels][:, used] = _int16(weights[ANCHORS:].T * scale)
    tensors["own"][level, rows.kind, channels] = _int16(own_weight * scale)
    bias = weights[:ANCHORS] * _PER_OCTAVE / np.log(2) + _OFFSET + 0.5
    tensors["bias"][level, :, rows.kind, channels] = _int16(bias * BIAS_UNIT)


# -- tables ----------------------------------------------------------------------------------------------


def _count(
    rows: _Rows, model: EntropyModel, level: int, counts: NDArray[np.float64], distance: NDArray[np.float64]
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


def _int16(values: Iterable[float] | NDArray[Any]) -> NDArray[np.int16]:
    return np.clip(np.round(np.asarray(values)), -32768, 32767).astype(np.int16)
