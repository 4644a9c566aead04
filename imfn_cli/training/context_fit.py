"""Fitting the context model's weights: what surrounds a symbol against how large it is.

The weights are a generalised linear model (exponential distribution, logarithmic link: the expected magnitude
of a symbol is a product of powers of the magnitudes around it), fitted by a few Fisher scoring steps.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..bitstream.entropy.context import Grouping, Part
from ..bitstream.entropy.entropy_model import (
    ANCHOR_SPACING,
    ANCHORS,
    BIAS_UNIT,
    WEIGHT_UNIT,
    EntropyModel,
    choose,
)
from ..bitstream.entropy.scan import FIRST
from ..bitstream.quantiser import step_of_quality

Floats = NDArray[np.float32]

#: How many tables a doubling of the expected magnitude spans; table OFFSET expects about 1.
PER_OCTAVE = 4
OFFSET = 40
#: The features' logarithm is this many units an octave.
LOG_UNIT = 16
_SCORING_STEPS = 7


@dataclass
class Rows:
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


def gather(
    model: EntropyModel, memories: Sequence[Floats], level: int, thresholds: Floats
) -> dict[Any, Rows]:
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


def _stack(found: list[tuple[Any, ...]], grouping: Grouping) -> Rows:
    group, low = found[0][1].group, found[0][1].low
    size = sum(len(symbols) for _, _, symbols, _ in found)
    width = grouping.ends[group] - low
    kind = found[0][1].scan.kind
    rows = Rows(
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


def fit_weights(rows: Rows, tensors: dict[str, NDArray[Any]], level: int) -> None:
    """Fit log E|symbol| of each channel to bias(anchor) + weights · features, and store the integers."""
    used = [2 * g + side for g in range(rows.group) for side in (0, 1)]
    if rows.own is not None:
        used.append(rows.shared.shape[1] - 1)
    unit = np.float32(np.log(2) / LOG_UNIT)
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
    scale = PER_OCTAVE / LOG_UNIT * WEIGHT_UNIT
    tensors["shared"][level, rows.kind, channels][:, used] = int16(weights[ANCHORS:].T * scale)
    tensors["own"][level, rows.kind, channels] = int16(own_weight * scale)
    bias = weights[:ANCHORS] * PER_OCTAVE / np.log(2) + OFFSET + 0.5
    tensors["bias"][level, :, rows.kind, channels] = int16(bias * BIAS_UNIT)


def int16(values: Iterable[float] | NDArray[Any]) -> NDArray[np.int16]:
    """The nearest 16-bit integers."""
    return np.clip(np.round(np.asarray(values)), -32768, 32767).astype(np.int16)
