"""Entropy models and memories made by integer arithmetic alone: the same on every machine, without a fit."""

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imfn_cli.bitstream.container.header import Header
from imfn_cli.bitstream.entropy.entropy_model import (
    ANCHORS,
    DISTANCES,
    KINDS,
    PREDICTION_UNIT,
    EntropyModel,
)
from imfn_cli.bitstream.entropy.rans import PRECISION
from imfn_cli.bitstream.entropy.tokens import TOKENS

HEADER = Header(
    tool="imfn 0.1.0",
    model="tiny",
    model_sha256="ab" * 32,
    ratio=4,
    quality=60,
    frames=13,
    height=48,
    width=64,
    channels=3,
    time_base=Fraction(1, 1000),
    start_time=-40,
    frame_ticks=40,
    frame_rate=Fraction(25),
    sample_aspect_ratio=None,
    colour={"matrix": "bt709", "range": "tv", "primaries": None, "transfer": None},
    value_range=None,
    source_kind="video",
    source_bytes=12345,
)


def noise(count: int, low: int, high: int, seed: int) -> NDArray[np.int64]:
    """`count` integers from `low` to `high`, by SplitMix64."""
    with np.errstate(over="ignore"):
        x = np.uint64(seed * 1_000_003) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(
            0x9E3779B97F4A7C15
        )
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x = x ^ (x >> np.uint64(31))
    return (x >> np.uint64(32)).astype(np.int64) * (high - low + 1) // (1 << 32) + low


def counts_of(tables: int) -> NDArray[np.int32]:
    """(tables, TOKENS): falling geometrically, the slower the later the table."""
    rows = []
    for table in range(tables):
        weight, weights = 1 << 60, []
        for _ in range(TOKENS):
            weights.append(weight)
            weight = weight * (table + 1) // (table + 3)
        free = (1 << PRECISION) - TOKENS
        row = [1 + free * one // sum(weights) for one in weights]
        row[0] += (1 << PRECISION) - sum(row)
        rows.append(row)
    return np.array(rows, np.int32)


def integer_tensors(
    channels: int = 12, levels: int = 2, tables: int = 40, *, seed: int = 1
) -> dict[str, Any]:
    """Tensors of an entropy model with weights that are random but of a sensible size."""
    ends = [end for end in (4, 8, 24, 64) if end < channels] + [channels]
    strides = [8, 4, 2, 2, 2][: len(ends)]
    predicted = min(4, ends[0])
    features = 2 * len(ends) + 1

    def integers(low: int, high: int, *shape: int) -> NDArray[np.int16]:
        # A seed of its own for every tensor, from its shape.
        own = seed + sum(side * 31**place for place, side in enumerate(shape))
        return noise(int(np.prod(shape)), low, high, own).reshape(shape).astype(np.int16)

    return {
        "groups": np.array(list(zip(ends, strides, strict=True)), np.int32),
        # 8 · log2 of the sum, rounded down.
        "logs": np.array([(max(s, 1) ** 8).bit_length() - 1 for s in range(512)], np.int16),
        "shared": integers(-40, 90, levels + 1, KINDS, channels, features),
        "own": integers(0, 300, levels + 1, KINDS, channels),
        "bias": integers(0, 160, levels + 1, ANCHORS, KINDS, channels),
        "predict": integers(
            -PREDICTION_UNIT // 16,
            PREDICTION_UNIT // 3,
            levels + 1,
            KINDS - 1,
            DISTANCES,
            predicted,
            4 * predicted,
        ),
        "counts": counts_of(tables),
        "centroids": (noise(3 * tables, 0, 7, seed + 5).reshape(tables, 3) / 32).astype(np.float32),
    }


def integer_model(channels: int = 12, levels: int = 2, tables: int = 40, *, seed: int = 1) -> EntropyModel:
    """A model of `integer_tensors`."""
    return EntropyModel(integer_tensors(channels, levels, tables, seed=seed))


def integer_memory(channels: int, h: int, w: int, *, seed: int = 1) -> NDArray[np.float32]:
    """A memory in quarters of a step, the first channels large, some later ones zero; exact in float32."""
    memory = np.zeros((channels, h, w), np.float32)
    for channel in range(channels):
        reach = max(1, 400 >> channel // 2)
        memory[channel] = noise(h * w, -reach, reach, 1000 * seed + channel).reshape(h, w) / 4
    return memory


class Recorder:
    """Stands in for a model's `grouping`, and keeps the symbols of every walk."""

    def __init__(self, model: EntropyModel) -> None:
        self._grouping = model.grouping
        self.symbols: list[NDArray[np.int32]] = []
        model.grouping = self  # type: ignore[assignment]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._grouping, name)

    def walk(self, *args: Any) -> NDArray[np.int32]:
        symbols = self._grouping.walk(*args)
        self.symbols.append(symbols)
        return symbols
