"""The tree: leaves merged level by level into one memory, and walked down again (paper, section 3)."""

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor, nn

from .base import MemoryNetwork
from .branch import Branch
from .config import IMFNConfig
from .leaf import LeafTransform
from .ratios import level_of_ratio
from .root_coding import RootCoding
from .sweeper import Sweeper


class IMFN(MemoryNetwork):
    """Leaf transform and one sweeper per level.

    frames (T, in_channels, H, W) ─leaf─▶ (T, C, h, w) ─merge 1─▶ (T/2, C, h, w) ─▶ … ─▶ (T/r, C, h, w)
    """

    def __init__(self, config: IMFNConfig) -> None:
        super().__init__()
        self.config = config
        self.leaf = LeafTransform(config)
        self.sweepers = nn.ModuleList(Sweeper(config, level) for level in range(1, config.levels + 1))

    def sweeper(self, level: int) -> Sweeper:
        """The sweeper that makes memories of `level` (1 … levels) out of pairs of the level below."""
        module = self.sweepers[level - 1]
        assert isinstance(module, Sweeper)
        return module

    def branches(self, level: int) -> Iterator[Branch]:
        """The branches of sweepers 1 … `level`, merge before split, lowest first; none of a linear tree."""
        for above in range(1, level + 1):
            sweeper = self.sweeper(above)
            for branch in (sweeper.merge_branch, sweeper.split_branch):
                if branch is not None:
                    yield branch

    def linear_part(self) -> "IMFN":
        """A linear tree of the same maps: what this one was before its branches were trained."""
        linear = IMFN(replace(self.config, widths=(), leaf_width=0))
        linear.load_state_dict(self.state_dict(), strict=False)
        return linear.requires_grad_(False).eval().to(self.leaf.map.weight.device)

    def merge(self, left: Tensor, right: Tensor, level: int) -> Tensor:
        """left, right of level − 1, (N, C, h, w) → their memory of `level`, (N, C, h, w)."""
        return self.sweeper(level).merge(left, right)

    def split(self, memory: Tensor, level: int, coding: RootCoding | None = None) -> tuple[Tensor, Tensor]:
        """A memory of `level`, (N, C, h, w) → left and right memories of level − 1.

        coding: of the root that the memory was split from; by default it is a root itself, in floats.
        """
        if self.config.is_linear:
            return self.sweeper(level).split(memory)
        coding = RootCoding(level) if coding is None else coding
        return self.sweeper(level).split(memory, coding.condition(self.config.levels).to(memory))

    def climb(self, frames: Tensor, level: int) -> list[Tensor]:
        """Frames (T, in_channels, H, W) in [0, 1] → memories of level 0, 1, … `level`, (N, C, h, w) each.

        Of level l there are N = T // 2**l: the frames that do not fill a whole tree are left out there.
        """
        return self.climb_from(self.leaf(frames), 0, level)

    def compress(self, frames: Tensor, ratio: int) -> Tensor:
        """Frames (T, in_channels, H, W) in [0, 1], T a multiple of `ratio` → memories (T/ratio, C, h, w)."""
        level = level_of_ratio(ratio, self.config.levels)
        if frames.shape[0] % ratio:
            raise ValueError(f"{frames.shape[0]} frames are no multiple of the ratio {ratio}")
        # Not `climb`: nothing below the roots is held.
        memories: Tensor = self.leaf(frames)
        for above in range(1, level + 1):
            memories = self.merge(memories[0::2], memories[1::2], above)
        return memories

    def leaves_of(self, memories: Tensor, level: int, start: int, stop: int, coding: RootCoding) -> Tensor:
        """Memories (N, C, h, w) of `level` → leaves start … stop − 1 of their N · 2**level, (·, C, h, w).

        Only splits on the way to wanted leaves are made: one costs `level` splits.
        """
        return self.walk(memories, level, 0, start, stop, coding)[0]

    def walk(
        self,
        memories: Tensor,
        level: int,
        below: int,
        start: int,
        stop: int,
        coding: RootCoding | None = None,
    ) -> tuple[Tensor, int]:
        """Memories (N, C, h, w) of `level` → those of level `below` that hold frames start … stop − 1.

        Returns them, and the index of the first among all N · 2**(level − below). Only splits on the way to
        wanted frames are made. Raises ValueError if the frame range is empty or beyond the end.
        """
        if not 0 <= start < stop <= memories.shape[0] << level:
            raise ValueError(f"frames {start}:{stop} of {memories.shape[0] << level}")
        coding = RootCoding(level) if coding is None else coding
        first = 0  # index, at the current level, of the first memory held
        while True:
            wanted = slice((start >> level) - first, ((stop - 1) >> level) + 1 - first)
            memories, first = memories[wanted], start >> level
            if level == below:
                return memories, first
            left, right = self.split(memories, level, coding)
            memories, first = torch.stack((left, right), dim=1).flatten(0, 1), 2 * first
            level -= 1

    def climb_from(self, memories: Tensor, below: int, level: int) -> list[Tensor]:
        """Memories (N, C, h, w) of level `below` → those of `below`, … `level`, as in `climb`."""
        made = [memories]
        for above in range(below + 1, level + 1):
            even = len(memories) // 2 * 2
            left, right = memories[0:even:2], memories[1:even:2]
            memories = self.merge(left, right, above) if even else memories[:0]
            made.append(memories)
        return made

    def descend_to(
        self, below: int, memories: Tensor, level: int, coding: RootCoding | None = None
    ) -> Tensor:
        """Memories (N, C, h, w) of `level` → all of level `below` under them, in time order."""
        return self.walk(memories, level, below, 0, len(memories) << level, coding)[0]

    def descend(
        self,
        memories: Tensor,
        ratio: int,
        start: int,
        stop: int,
        batch: int,
        coding: RootCoding | None = None,
    ) -> Iterator[tuple[Tensor, int, int, int]]:
        """Walk down to memories of at most `batch` frames: (memories, ratio, start, stop), in time order.

        Memories (N, C, h, w) of `ratio` hold frames 0 … N · ratio − 1, of which start … stop − 1 are wanted.
        Depth first, so that no more than log2(ratio) memories wait at any time. `coding` as in `split`.
        """
        coding = RootCoding(level_of_ratio(ratio, self.config.levels)) if coding is None else coding
        if len(memories) > 1 and len(memories) * ratio > batch:
            trees = max(1, batch // ratio)
            for tree in range(start // ratio, len(memories), trees):
                offset = tree * ratio
                if offset >= stop:
                    break
                part = memories[tree : tree + trees]
                last = min(stop - offset, len(part) * ratio)
                yield from self.descend(part, ratio, max(start - offset, 0), last, batch, coding)
        elif ratio > max(batch, 1):
            half = ratio // 2
            left, right = self.split(memories, level_of_ratio(ratio, self.config.levels), coding)
            if start < half:
                yield from self.descend(left, half, start, min(stop, half), batch, coding)
            if stop > half:
                yield from self.descend(right, half, max(start - half, 0), stop - half, batch, coding)
        else:
            yield memories, ratio, start, stop


class BinaryCounter:
    """The tree run online: memories come in time order and are merged as soon as a pair is complete.

    Holds at most one memory per level, log2(r) in all, like the digits of a binary counter.
    """

    def __init__(self, network: IMFN, level: int) -> None:
        self.network = network
        self.level = level
        self.pending: list[tuple[int, Tensor]] = []

    def push(self, memory: Tensor, level: int) -> Tensor | None:
        """Take the next memory (1, C, h, w) of `level`; returns the root (1, C, h, w) that it completes."""
        while self.pending and self.pending[-1][0] == level and level < self.level:
            _, left = self.pending.pop()
            level += 1
            memory = self.network.merge(left, memory, level)
        if level == self.level:
            return memory
        self.pending.append((level, memory))
        return None

    def flush(self) -> list[tuple[int, Tensor]]:
        """The unfinished rest as (level, memory), in time order: the forest's tail. Empties the counter."""
        rest, self.pending = self.pending, []
        return rest
