"""What restorations are compared with while training: the memories that the levels without branches make."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..network import IMFN, MemoryNetwork, RootCoding


@dataclass(frozen=True)
class Target:
    """Memories (N, C, h, w) of `level`, up to which `network` is linear, and what each has lost, (N,).

    Maps with orthonormal rows keep squared errors: the frames that two memories restore are as far apart as
    the memories. So the error of a restoration is its distance from these, plus `lost`, the squared error of
    restoring frames from them; nobody needs to walk down the levels that nothing is learned in.
    """

    network: MemoryNetwork
    level: int
    memories: Tensor
    lost: Tensor

    @property
    def values(self) -> int:
        """Pixel values in all frames."""
        # Pixel values of a patch, not numbers of a memory: a leaf may hold fewer.
        n, _, h, w = self.memories.shape
        return (n << self.level) * h * w * self.network.config.patch_size

    def chosen(self, level: int, nodes: Tensor) -> "Target":
        """The target of some of the memories of `level`, by their indices (n,)."""
        below = 1 << (level - self.level)
        memories = self.memories.unflatten(0, (-1, below))[nodes].flatten(0, 1)
        lost = self.lost.unflatten(0, (-1, below))[nodes].flatten()
        return Target(self.network, self.level, memories, lost)

    def error(self, memories: Tensor, level: int, coding: RootCoding) -> Tensor:
        """Sum of squared errors of what memories (N, C, h, w) of `level` restore, a scalar."""
        restored = self.network.descend_to(self.level, memories, level, coding)
        return (restored - self.memories).square().sum() + self.lost.sum()


@torch.no_grad()
def leaf_target(network: MemoryNetwork, frames: Tensor) -> Target:
    """The target of level 0 for frames (T, in_channels, H, W), which every network can be measured by.

    Sides that are no multiples of a patch are counted with their padding.
    """
    leaves: Tensor = network.leaf(frames)
    patches = network.leaf.patches(frames)
    return Target(network, 0, leaves, _energy(patches - network.leaf.map.mean) - _energy(leaves))


@torch.no_grad()
def tree_targets(network: IMFN, frames: Tensor) -> list[Target]:
    """The targets of levels 0 … `linear_levels` for frames (T, in_channels, H, W) of whole windows."""
    targets = [leaf_target(network, frames)]
    for level in range(1, network.config.linear_levels + 1):
        below, lost = targets[-1].memories, targets[-1].lost
        left, right = below[0::2], below[1::2]
        pairs = network.sweeper(level).stack(left, right) - network.sweeper(level).map.mean
        memories = network.merge(left, right, level)
        lost = lost[0::2] + lost[1::2] + _energy(pairs) - _energy(memories)
        targets.append(Target(network, level, memories, lost))
    return targets


def _energy(values: Tensor) -> Tensor:
    return values.flatten(1).square().sum(dim=1)
