"""The tree over a clip that is read in batches: memories of every level, as soon as they are complete."""

import torch
from torch import Tensor

from ..network import IMFN


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
