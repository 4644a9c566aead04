"""The student against its tree: what is lost, how long a frame takes, and what one memory holds."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...codec.encoder import encode_intra
from ...codec.node_builders import NodeBuilder, StudentNodeBuilder, TreeNodeBuilder
from ...media import Source
from ...network import level_of_ratio
from ...network.fading_memory import FadingMemory
from ...system.peak_rss import resident_megabytes
from ...training.data import batches
from ...zoo import Model

Progress = Callable[[str, int, int], None]

#: Quality whose step the bits are counted at.
QUALITY = 50
#: Size that latency is measured at.
HEIGHT, WIDTH = 240, 320
# Frames of the clips that the one memory is shown at most.
_PAST = 256
# Exact pixels, for an average that must stay finite.
_FLOOR = 1e-10


@dataclass(frozen=True)
class FidelityRow:
    """One clip at one ratio, over the frames that fill whole windows; memories in floats.

    psnr_*: dB before rounding to 8 bits, mean over frames, of the tree's memories and of the student's, both
    through the same inverse tree.   distance: root mean squared difference of the memories over the deviation
    of the tree's.   bytes_*: of all memories, quantised at `QUALITY` and coded.
    """

    clip: str
    ratio: int
    frames: int
    psnr_tree: float
    psnr_student: float
    distance: float
    bytes_tree: int
    bytes_student: int


@dataclass(frozen=True)
class LatencyRow:
    """Milliseconds from a frame's pixels until the memory has it, frame by frame, coding not included.

    method: "tree" gathers r frames and merges them at once; "binary counter" merges what is complete at every
    frame; "student" makes one update.   memory_mb: largest resident memory of the process, 10^6 bytes, after
    the first tenth of the frames and in all of them.
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


@dataclass(frozen=True)
class AgeRow:
    """How well frames of one age come out of one memory of C numbers a position: mean PSNR in dB over clips.

    method: "forget" (half-life in frames), "last 64 frames" (the tree's root, which knows nothing older), or
    "average" (one mean picture, as large).
    """

    method: str
    age: int
    clips: int
    psnr: float


# -- fidelity --------------------------------------------------------------------------------------------


@torch.inference_mode()
def fidelity_rows(
    model: Model, sources: Sequence[Source], *, frames: int = 128, progress: Progress = lambda *_: None
) -> list[FidelityRow]:
    """Tree against student on the first `frames` frames of each clip, at every ratio from 2.

    A ratio that a clip is too short for is left out. Raises `InputError`, and `ModelError` (no student).
    """
    rows = []
    for index, source in enumerate(sources):
        progress("tree against student", index, len(sources))
        values = _first(model, source, frames)
        for ratio in model.ratios[1:]:
            count = len(values) // ratio * ratio
            if count:
                rows.append(_fidelity(model, source.paths[0].name, values[:count], ratio))
    return rows


def _fidelity(model: Model, clip: str, frames: Tensor, ratio: int) -> FidelityRow:
    level = level_of_ratio(ratio, model.network.config.levels)
    student = model.student(ratio)
    roots = model.compress(frames, ratio)
    found = torch.cat([student.compress(window) for window in frames.split(ratio)])
    psnr: list[float] = []
    for memories in (roots, found):
        # One tree at a time: 64 frames in floats are enough.
        errors = [
            (model.restore(one, ratio, *frames.shape[2:]).clamp_(0, 1) - window).square_().mean(dim=(1, 2, 3))
            for one, window in zip(memories.split(1), frames.split(ratio), strict=True)
        ]
        psnr.append(float((-10 * (torch.cat(errors).double() + _FLOOR).log10()).mean()))
    sizes = [
        sum(len(encode_intra(model, (level, one), QUALITY)[1]) for one in memories.split(1))
        for memories in (roots, found)
    ]
    distance = float((found - roots).square().mean().sqrt() / roots.std())
    return FidelityRow(clip, ratio, len(frames), psnr[0], psnr[1], distance, sizes[0], sizes[1])


def _first(model: Model, source: Source, frames: int) -> Tensor:
    """The first frames of a clip, (T, in_channels, H, W)."""
    found: list[Tensor] = []
    for batch in batches(source, model.network.config):
        found.append(batch)
        if sum(map(len, found)) >= frames:
            break
    return torch.cat(found)[:frames].to(model.device)


def mean_fidelity(rows: Sequence[FidelityRow]) -> list[dict[str, float]]:
    """One line per ratio: means over clips, and the sums of bytes."""
    means = []
    for ratio in sorted({row.ratio for row in rows}):
        here = [row for row in rows if row.ratio == ratio]
        line: dict[str, float] = {"ratio": ratio, "clips": len(here)}
        for name in ("psnr_tree", "psnr_student", "distance"):
            line[name] = sum(getattr(row, name) for row in here) / len(here)
        for name in ("bytes_tree", "bytes_student"):
            line[name] = sum(getattr(row, name) for row in here)
        means.append(line)
    return means


# -- latency ---------------------------------------------------------------------------------------------


class _Gathering:
    """The tree as it is run offline: r frames wait, then all merges at once."""

    def __init__(self, model: Model, level: int) -> None:
        self.level = level
        self._tree = TreeNodeBuilder(model, level)
        self._waiting: list[np.ndarray] = []

    def feed(self, pixels: np.ndarray) -> Iterator[tuple[int, Tensor]]:
        """See `Grower`."""
        self._waiting.append(pixels)
        if len(self._waiting) == 1 << self.level:
            frames, self._waiting = np.concatenate(self._waiting), []
            yield from self._tree.feed(frames)

    def flush(self) -> list[tuple[int, Tensor]]:
        """See `Grower`."""
        return []


@torch.inference_mode()
def latency_rows(
    model: Model,
    ratios: Sequence[int],
    *,
    frames: int = 2048,
    long: int = 100_000,
    progress: Progress = lambda *_: None,
) -> list[LatencyRow]:
    """Time every frame at 320×240, each method at each ratio; the last ratio's student for `long` frames."""
    methods: dict[str, Callable[[Model, int], NodeBuilder]] = {
        "tree": _Gathering,
        "binary counter": TreeNodeBuilder,
        "student": StudentNodeBuilder,
    }
    channels = model.network.config.in_channels
    pool = np.random.default_rng(0).integers(0, 256, (16, 1, HEIGHT, WIDTH, channels), np.uint8)
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


# -- the past --------------------------------------------------------------------------------------------


@torch.inference_mode()
def age_rows(
    model: Model,
    sources: Sequence[Source],
    half_lives: Sequence[float] = (16, 32, 64),
    *,
    progress: Progress = lambda *_: None,
) -> list[AgeRow]:
    """PSNR against age at the end of each clip, or after 256 frames, of one memory as large as a frame's."""
    found: dict[str, dict[int, list[float]]] = {}
    memories = [FadingMemory(model.network, half_life) for half_life in half_lives]
    window = model.ratios[-1]
    for index, source in enumerate(sources):
        progress("PSNR against age", index, len(sources))
        frames = _first(model, source, _PAST)
        size = frames.shape[2], frames.shape[3]
        for memory in memories:
            state = memory.reset(*size)
            for frame in frames:
                state = memory.step(state, frame[None])
            for first in range(0, len(frames), 32):
                ages = range(first, min(first + 32, len(frames)))
                restored = memory.recall(state, len(frames), *size, ages)
                _note(found, f"forget, half-life {memory.half_life:g}", frames, restored, ages)
        if len(frames) >= window:
            root = model.compress(frames[-window:], window)
            restored = model.restore(root, window, *size).flip(0)
            _note(found, f"last {window} frames", frames, restored, range(window))
        every = range(len(frames))
        _note(found, "average", frames, frames.mean(dim=0, keepdim=True), every)
    return [
        AgeRow(method, age, len(values), sum(values) / len(values))
        for method, by_age in found.items()
        for age, values in sorted(by_age.items())
    ]


def _note(
    found: dict[str, dict[int, list[float]]], method: str, frames: Tensor, restored: Tensor, ages: range
) -> None:
    """Take in the PSNR of restored frames of these ages; the newest comes first."""
    originals = frames.flip(0)[ages.start : ages.stop]
    errors = (restored.clamp(0, 1) - originals).square().mean(dim=(1, 2, 3)).double()
    for age, value in zip(ages, (-10 * (errors + _FLOOR).log10()).tolist(), strict=True):
        found.setdefault(method, {}).setdefault(age, []).append(value)
