"""How long a frame takes: tree, binary counter and student."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...codec.node_builders import NodeBuilder, StudentNodeBuilder, TreeNodeBuilder
from ...network import level_of_ratio
from ...system.peak_rss import resident_megabytes
from ...zoo import Model

Progress = Callable[[str, int, int], None]

#: Height and width of the frames that latency is measured with.
SIZE = 240, 320


@dataclass(frozen=True)
class LatencyRow:
    """Milliseconds from a frame's pixels until the memory has it, frame by frame, coding not included.

    method: "tree" gathers r frames and merges them at once; "binary counter" merges what is complete at every
    frame; "student" makes one update.   memory_mb: largest RSS of the process that was seen, 10^6 bytes;
    memory_early_mb: in the first tenth of the frames.
    """

    method: str
    ratio: int
    threads: int
    frames: int
    mean_ms: float
    p99_ms: float
    worst_ms: float
    memory_early_mb: float | None
    memory_mb: float | None


class _Gathering:
    """The tree as it is run offline: r frames wait, then all merges at once."""

    def __init__(self, model: Model, level: int) -> None:
        self.level = level
        self._tree = TreeNodeBuilder(model, level)
        self._waiting: list[np.ndarray] = []

    def feed(self, pixels: np.ndarray) -> Iterator[tuple[int, Tensor]]:
        """See `NodeBuilder`."""
        self._waiting.append(pixels)
        if len(self._waiting) == 1 << self.level:
            frames, self._waiting = np.concatenate(self._waiting), []
            yield from self._tree.feed(frames)

    def flush(self) -> list[tuple[int, Tensor]]:
        """See `NodeBuilder`."""
        return []


@torch.inference_mode()
def latency_rows(
    model: Model,
    ratios: Sequence[int],
    *,
    frames: int = 2048,
    long: int = 100_000,
    size: tuple[int, int] = SIZE,
    progress: Progress = lambda *_: None,
) -> list[LatencyRow]:
    """Time every frame, each method at each ratio; the last ratio's student for `long` frames.

    size: height and width of the frames, which are noise.
    """
    methods: dict[str, Callable[[Model, int], NodeBuilder]] = {
        "tree": _Gathering,
        "binary counter": TreeNodeBuilder,
        "student": StudentNodeBuilder,
    }
    channels = model.network.config.in_channels
    pool = np.random.default_rng(0).integers(0, 256, (16, 1, *size, channels), np.uint8)
    rows = []
    for ratio in ratios:
        level = level_of_ratio(ratio, model.network.config.levels)
        for method, make in methods.items():
            count = long if (ratio, method) == (ratios[-1], "student") else frames

            def told(done: int, what: str = f"{method} {ratio}:1", count: int = count) -> None:
                progress(f"latency, {what}", done, count)

            rows.append(_timed(method, make(model, level), pool, ratio, count, told))
    return rows


def _timed(
    method: str, builder: NodeBuilder, pool: np.ndarray, ratio: int, count: int, told: Callable[[int], None]
) -> LatencyRow:
    # Fixed before the first frame: what is measured must not grow itself.
    spent = np.zeros(count, np.float32)
    early = largest = None
    for _ in range(2 * ratio):
        list(builder.feed(pool[0]))
    for index in range(count):
        began = time.perf_counter()
        for _ in builder.feed(pool[index % len(pool)]):
            pass
        spent[index] = time.perf_counter() - began
        if index % 256 == 0 or index == count - 1:
            now = resident_megabytes()
            if now is not None:
                largest = max(largest or 0.0, now)
                early = largest if index <= count // 10 else early
            told(index)
    milliseconds = 1e3 * spent
    return LatencyRow(
        method,
        ratio,
        torch.get_num_threads(),
        count,
        float(milliseconds.mean()),
        float(np.quantile(milliseconds, 0.99)),
        float(milliseconds.max()),
        early,
        largest,
    )
