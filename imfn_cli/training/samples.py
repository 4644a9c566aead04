"""Samples of memories, which coding tables are fitted to: from whole clips, or from windows of a pool."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..media import Source
from ..network import IMFN, frames_from_pixels
from .budget import never
from .climb import Climb
from .data import batches
from .pool import Pool

#: Called as work goes on: (what is done, clips done, clips in all).
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Sample:
    """How much is taken of each level.

    positions: grid positions in all, about.   side: most of one memory, on each side.   memories: the most.
    """

    positions: int
    side: int = 40
    memories: int = 2000


CLIP_SAMPLE = Sample(20_000)
WINDOW_SAMPLE = Sample(24_000, memories=400)


def sample_memories(
    network: IMFN,
    sources: Sequence[Source],
    sample: Sample = CLIP_SAMPLE,
    *,
    seed: int = 0,
    over: Callable[[], bool] = never,
    progress: Progress,
) -> dict[int, list[NDArray[np.float32]]]:
    """A random sample of the memories of every level, (C, h, w) each, cut to `sample.side` positions a side.

    Uniform where all clips are of one size. The same data and seed give the same sample. over: asked after
    each batch of frames; where it says so, and there is a memory of each level, the rest is not read.
    """
    random = np.random.default_rng(seed)
    reservoirs = [_Reservoir(sample, random) for _ in range(network.config.levels + 1)]
    for index, source in enumerate(sources):
        progress("memories for the entropy model", index, len(sources))
        climb = Climb(network, network.config.levels)
        for batch in batches(source, network.config):
            for reservoir, memories in zip(reservoirs, climb(batch), strict=True):
                for memory in memories:
                    reservoir.offer(memory)
            if over() and reservoirs[-1].taken:
                return {level: reservoir.taken for level, reservoir in enumerate(reservoirs)}
    return {level: reservoir.taken for level, reservoir in enumerate(reservoirs)}


class _Reservoir:
    """Reservoir sampling of one level's memories: of n offered, each is taken with the same probability."""

    def __init__(self, sample: Sample, random: np.random.Generator) -> None:
        self.sample = sample
        self.random = random
        self.taken: list[NDArray[np.float32]] = []
        self._seen = 0

    def offer(self, memory: Tensor) -> None:
        """Take the memory (C, h, w), cut at a random place, or leave it."""
        self._seen += 1
        h, w = (min(side, self.sample.side) for side in memory.shape[1:])
        room = min(max(self.sample.positions // (h * w), 8), self.sample.memories)
        place = len(self.taken)
        if place >= room:
            place = int(self.random.integers(self._seen))
        if place < room:
            top, left = (
                int(self.random.integers(whole - part + 1))
                for whole, part in zip(memory.shape[1:], (h, w), strict=True)
            )
            cut = memory[:, top : top + h, left : left + w].contiguous().numpy().copy()
            self.taken[place : place + 1] = [cut]


@torch.inference_mode()
def sample_windows(
    network: IMFN, pool: Pool, sample: Sample = WINDOW_SAMPLE, *, seed: int = 0
) -> dict[int, list[NDArray[np.float32]]]:
    """Memories of every level from random windows of the pool, (C, h, w) each, to fit coding tables to."""
    config = network.config
    device = next(network.parameters()).device
    random = np.random.default_rng(seed)
    taken: dict[int, list[NDArray[np.float32]]] = {level: [] for level in range(config.levels + 1)}
    side = sample.side * max(config.patch_height, config.patch_width)
    samples, wanted = 0, 1
    while samples < wanted:
        pixels = pool.windows(1, 1 << config.levels, side, random, flips=False)
        memories = network.climb(frames_from_pixels(pixels.to(device), config.in_channels), config.levels)
        for level, found in enumerate(memories):
            # One of each window, so that every level sees every window.
            chosen = found[int(random.integers(len(found)))]
            taken[level].append(np.ascontiguousarray(chosen.cpu().numpy()))
        samples += 1
        wanted = min(sample.memories, sample.positions // chosen[0].numel() + 1)
    return taken
