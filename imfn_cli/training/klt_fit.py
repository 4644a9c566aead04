"""The linear IMFN in closed form: leaf and sweepers as Karhunen–Loève transforms, level by level."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..bitstream.entropy.entropy_model import EntropyModel
from ..errors import InputError
from ..media import Source
from ..network import IMFN, IMFNConfig, SecondMoments, Sweeper
from .data import batches
from .entropy_fit import fit_entropy

#: Called as work goes on: (what is done, clips done, clips in all).
Progress = Callable[[str, int, int], None]

# Grid positions of each level that the entropy model is fitted to, and the most of one memory.
_SAMPLE_POSITIONS = 20_000
_SAMPLE_GRID = 40
_MAX_SAMPLES = 2000


@dataclass(frozen=True)
class Fit:
    """A fitted linear model and what it was fitted to."""

    network: IMFN
    entropy: EntropyModel
    clips: int
    frames: int
    residuals: tuple[float, ...]  # mean squared error per pixel that each level's merge adds, leaf first


def fit_linear(sources: Sequence[Source], config: IMFNConfig, *, seed: int = 0, progress: Progress) -> Fit:
    """Fit leaf, sweepers and entropy model to `sources`; raises `InputError` as `fit_maps` does."""
    network, frames, residuals = fit_maps(sources, config, progress=progress)
    samples = sample_memories(network, sources, seed=seed, progress=progress)
    entropy = fit_entropy(samples, config.channels, progress)
    return Fit(network, entropy, len(sources), frames, residuals)


def fit_maps(
    sources: Sequence[Source], config: IMFNConfig, *, progress: Progress
) -> tuple[IMFN, int, tuple[float, ...]]:
    """Fit leaf and sweepers to `sources`, a pass over the clips for each.

    A sweeper is fitted to all neighbouring pairs of memories, those across two trees included; of independent
    frames only the leaf is fitted, and the sweepers follow. Returns the network, the number of frames, and
    the error that each fitted level adds (`Fit.residuals`). Raises `InputError`
    when a clip cannot be read, or when no clip is long enough for the highest level.
    """
    network = IMFN(config).requires_grad_(False).eval()
    residuals = []
    frames = 0
    for level in range(1 if config.independent else config.levels + 1):
        moments = SecondMoments(config.patch_size if level == 0 else 2 * config.channels)
        for index, source in enumerate(sources):
            progress(
                "leaf transform" if level == 0 else f"sweeper {level} of {config.levels}", index, len(sources)
            )
            climb = Climb(network, level - 1)
            last: Tensor | None = None
            for batch in batches(source, config):
                if level == 0:
                    frames += len(batch)
                    moments.update(network.leaf.patches(batch).flatten(0, 2))
                    continue
                memories = climb(batch)[-1]
                if last is not None:
                    memories = torch.cat((last, memories))
                if len(memories) > 1:
                    moments.update(Sweeper.stack(memories[:-1], memories[1:]).flatten(0, 2))
                last = memories[-1:]
        if moments.shift is None:
            raise InputError(
                f"no clip has {1 << level} frames, which level {level} needs; "
                "add longer clips or lower --levels"
            )
        basis, mean, variances = moments.klt(config.channels)
        (network.leaf.map if level == 0 else network.sweeper(level).map).fit(basis, mean)
        pixels = config.patch_size * (1 << level)
        residuals.append(float(variances[config.channels :].sum()) / pixels)
    return network, frames, tuple(residuals)


class Climb:
    """Climbs the tree with batches of any length, keeping the odd memory of each level for the next."""

    def __init__(self, network: IMFN, level: int) -> None:
        self.network = network
        self._odd: list[Tensor | None] = [None] * max(level, 0)

    def __call__(self, frames: Tensor) -> list[Tensor]:
        """Frames (T, in_channels, H, W) → new memories of level 0, 1, … `level`, each (N, C, h, w), N ≥ 0."""
        memories: Tensor = self.network.leaf(frames)
        made = [memories]
        for below, odd in enumerate(self._odd):
            waiting = memories if odd is None else torch.cat((odd, memories))
            even = len(waiting) // 2 * 2
            self._odd[below] = waiting[even:] if even < len(waiting) else None
            memories = self.network.merge(waiting[0:even:2], waiting[1:even:2], below + 1)
            made.append(memories)
        return made


def sample_memories(
    network: IMFN, sources: Sequence[Source], *, seed: int = 0, progress: Progress
) -> dict[int, list[NDArray[np.float32]]]:
    """A random sample of the memories of every level, (C, h, w) each, cut to at most 40 × 40 positions.

    Uniform where all clips are of one size. The same data and seed give the same sample.
    """
    random = np.random.default_rng(seed)
    levels = range(network.config.levels + 1)
    kept: dict[int, list[NDArray[np.float32]]] = {level: [] for level in levels}
    seen = dict.fromkeys(levels, 0)
    for index, source in enumerate(sources):
        progress("memories for the entropy model", index, len(sources))
        climb = Climb(network, levels[-1])
        for batch in batches(source, network.config):
            for level, memories in enumerate(climb(batch)):
                for memory in memories:
                    seen[level] += 1
                    h, w = (min(side, _SAMPLE_GRID) for side in memory.shape[1:])
                    room = min(max(_SAMPLE_POSITIONS // (h * w), 8), _MAX_SAMPLES)
                    # Reservoir sampling: the n-th memory stays with probability room / n.
                    place = len(kept[level]) if len(kept[level]) < room else int(random.integers(seen[level]))
                    if place < room:
                        top, left = (
                            int(random.integers(full - cut + 1))
                            for full, cut in zip(memory.shape[1:], (h, w), strict=True)
                        )
                        cut = memory[:, top : top + h, left : left + w].contiguous().numpy().copy()
                        kept[level][place : place + 1] = [cut]
    return kept
