"""What training compares restorations with: frames, or the memories that linear levels make of them."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from ..network import IMFN, MemoryNetwork, Stored


class Target(ABC):
    """The frames of some windows, to measure what their memories restore."""

    values: int
    """Pixel values in all frames."""

    @abstractmethod
    def chosen(self, level: int, nodes: Tensor) -> Self:
        """The target of some memories of `level` alone, by their indices (n,)."""

    @abstractmethod
    def error(self, memories: Tensor, level: int, stored: Stored) -> Tensor:
        """Sum of squared errors of what memories (N, C, h, w) of `level` restore, a scalar."""


@dataclass(frozen=True)
class FrameTarget(Target):
    """frames (T, in_channels, H, W): any network is measured by restoring them."""

    network: MemoryNetwork
    frames: Tensor

    @property
    def values(self) -> int:  # type: ignore[override]
        return self.frames.numel()

    def chosen(self, level: int, nodes: Tensor) -> "FrameTarget":
        frames = self.frames.unflatten(0, (-1, 1 << level))[nodes].flatten(0, 1)
        return FrameTarget(self.network, frames)

    def error(self, memories: Tensor, level: int, stored: Stored) -> Tensor:
        height, width = self.frames.shape[2:]
        restored = self.network.restore(memories, 1 << level, height, width, stored=stored)
        return (restored - self.frames).square().sum()


@dataclass(frozen=True)
class TreeTarget(Target):
    """Memories (N, C, h, w) of a tree's `level`, up to which it is linear, and what each has lost, (N,).

    Maps with orthonormal rows keep squared errors: the frames that two memories restore are as far apart as
    the memories. So the error of a restoration is its distance from these, plus `lost`, the squared error of
    restoring frames from them; nobody needs to walk down the levels that nothing is learned in.
    """

    network: IMFN
    level: int
    memories: Tensor
    lost: Tensor

    @property
    def values(self) -> int:  # type: ignore[override]
        # Pixel values of a patch, not numbers of a memory: a leaf may hold fewer.
        n, _, h, w = self.memories.shape
        return (n << self.level) * h * w * self.network.config.patch_size

    def chosen(self, level: int, nodes: Tensor) -> "TreeTarget":
        below = 1 << (level - self.level)
        memories = self.memories.unflatten(0, (-1, below))[nodes].flatten(0, 1)
        return TreeTarget(
            self.network, self.level, memories, self.lost.unflatten(0, (-1, below))[nodes].flatten()
        )

    def error(self, memories: Tensor, level: int, stored: Stored) -> Tensor:
        restored = self.network.descend_to(self.level, memories, level, stored)
        return (restored - self.memories).square().sum() + self.lost.sum()


@torch.no_grad()
def tree_targets(network: IMFN, frames: Tensor) -> list[TreeTarget]:
    """The targets of levels 0 … `linear_levels` for frames (T, in_channels, H, W) of whole windows.

    Sides that are no multiples of a patch are counted with their padding.
    """
    patches = network.leaf.patches(frames)
    memories: Tensor = network.leaf(frames)
    lost = _energy(patches - network.leaf.map.mean) - _energy(memories)
    targets = [TreeTarget(network, 0, memories, lost)]
    for level in range(1, network.config.linear_levels + 1):
        left, right = memories[0::2], memories[1::2]
        pairs = network.sweeper(level).stack(left, right) - network.sweeper(level).map.mean
        memories = network.merge(left, right, level)
        lost = lost[0::2] + lost[1::2] + _energy(pairs) - _energy(memories)
        targets.append(TreeTarget(network, level, memories, lost))
    return targets


def _energy(values: Tensor) -> Tensor:
    return values.flatten(1).square().sum(dim=1)
