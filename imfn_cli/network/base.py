"""What a network that makes memories of frames offers, tree or not, to those that train and measure it."""

from abc import ABC, abstractmethod
from collections.abc import Iterator

from torch import Tensor, nn

from .branch import Branch
from .config import IMFNConfig
from .leaf import LeafTransform
from .ratios import level_of_ratio
from .root_coding import RootCoding


class MemoryNetwork(nn.Module, ABC):
    """Frames to memories of every ratio 1, 2, … 2**levels, and back.

    frames (T, in_channels, H, W) ──climb──▶ memories (T/r, C, h, w) of each ratio r ──restore──▶ frames
    """

    config: IMFNConfig
    leaf: LeafTransform

    @abstractmethod
    def climb(self, frames: Tensor, level: int) -> list[Tensor]:
        """Frames (T, in_channels, H, W) in [0, 1] → memories of level 0, 1, … `level`, (N, C, h, w) each.

        Of level l there are N = T // 2**l: the frames that do not fill a whole window are left out there.
        """

    @abstractmethod
    def leaves_of(self, memories: Tensor, level: int, start: int, stop: int, coding: RootCoding) -> Tensor:
        """Memories (N, C, h, w) of `level` → leaves start … stop − 1 of their N · 2**level, (·, C, h, w).

        coding: of the memories.   Raises ValueError if the frame range is empty or beyond the end.
        """

    def restore(
        self,
        memories: Tensor,
        ratio: int,
        height: int,
        width: int,
        start: int = 0,
        stop: int | None = None,
        coding: RootCoding | None = None,
    ) -> Tensor:
        """Memories (N, C, h, w) of one ratio → their frames start … stop − 1 of N · ratio, not clamped.

        coding: of the memories; by default they are floats. Returns (stop − start, in_channels, height,
        width). Raises `RatioError` for a ratio that there is not, ValueError if the frame range is empty or
        beyond the end.
        """
        level = level_of_ratio(ratio, self.config.levels)
        stop = len(memories) * ratio if stop is None else stop
        coding = RootCoding(level) if coding is None else coding
        leaves = self.leaves_of(memories, level, start, stop, coding)
        return self.leaf.inverse(self.leaf.refine(leaves, coding), height, width)

    @abstractmethod
    def descend_to(
        self, below: int, memories: Tensor, level: int, coding: RootCoding | None = None
    ) -> Tensor:
        """Memories (N, C, h, w) of `level` → all of level `below` under them, in time order.

        Every network knows level 0, its leaves; raises ValueError for another level if it has nothing there.
        """

    @abstractmethod
    def branches(self, level: int) -> Iterator[Branch]:
        """The learned branches that a memory of `level` passes on its way up and down, none if linear."""
