"""The tree not factorised: for every ratio one network that merges all frames of a window in one step."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from ...network import IMFN, Branch, IMFNConfig, LeafTransform, MemoryNetwork, RootCoding, fold_leaves
from ...network.linear import OrthonormalMap
from ...training.start import calibrate


class OneStepMerge(nn.Module):
    """r leaves into one memory and back in one step each, the same at every grid position.

    leaves (N · r, C, h, w) ──W [z_0; … z_r−1] + branch──▶ memory (N, C, h, w) ──Wᵀ + branch──▶ leaves

    A `Sweeper` of r inputs: W is (C, r · C) with orthonormal rows; the branches are of the tree's kind, with
    its kernel and number of blocks, `width` wide, and a split is told how the memory was coded. Width 0: the
    linear map, nothing else.
    """

    def __init__(self, config: IMFNConfig, level: int, width: int) -> None:
        super().__init__()
        c, self.ratio = config.channels, 1 << level
        stack = self.ratio * c
        self.map = OrthonormalMap(stack, c)
        self.merge_branch: Branch | None = None
        self.split_branch: Branch | None = None
        if width:
            kernel = config.kernel
            self.merge_branch = Branch(stack, c, width, config.merge_blocks, kernel=kernel)
            self.split_branch = Branch(
                c, stack, width, config.split_blocks, kernel=kernel, conditions=config.levels + 1
            )

    def branches(self) -> Iterator[Branch]:
        """Merge before split; none of width 0."""
        for branch in (self.merge_branch, self.split_branch):
            if branch is not None:
                yield branch

    def stack(self, leaves: Tensor) -> Tensor:
        """Leaves (N · r, C, h, w) in time order → stacks (N, h, w, r · C), what the linear map works on."""
        _, c, h, w = leaves.shape
        windows = leaves.permute(0, 2, 3, 1).reshape(-1, self.ratio, h, w, c)
        return windows.permute(0, 2, 3, 1, 4).reshape(-1, h, w, self.ratio * c)

    def merge(self, leaves: Tensor) -> Tensor:
        """Leaves (N · r, C, h, w) → memories (N, C, h, w)."""
        stacks = self.stack(leaves)
        memories: Tensor = self.map(stacks)
        if self.merge_branch is not None:
            memories = memories + self.merge_branch(stacks - self.map.mean)
        return memories.permute(0, 3, 1, 2)

    def split(self, memories: Tensor, condition: Tensor) -> Tensor:
        """Memories (N, C, h, w) → leaves (N · r, C, h, w); condition (1, levels + 1) for the branch."""
        rows = memories.permute(0, 2, 3, 1)
        stacks = self.map.inverse(rows)
        if self.split_branch is not None:
            stacks = stacks + self.split_branch(rows, condition)
        n, h, w, _ = stacks.shape
        leaves = stacks.reshape(n, h, w, self.ratio, -1).permute(0, 3, 1, 2, 4).flatten(0, 1)
        return leaves.permute(0, 3, 1, 2)


class OneStepNetwork(MemoryNetwork):
    """The tree's leaf transform, then one `OneStepMerge` for each ratio 2, 4, … 2**levels, each for itself.

    config: of the tree that it is compared with.   widths: hidden channels of each ratio's branches.
    """

    def __init__(self, config: IMFNConfig, widths: Sequence[int]) -> None:
        super().__init__()
        # What is compared has memories in float, whose leaves nobody refines.
        self.config = config = replace(config, leaf_width=0)
        self.leaf = LeafTransform(config)
        # Files of trained ones know them by this name.
        self.directs = nn.ModuleList(
            OneStepMerge(config, level, w) for level, w in enumerate(widths, start=1)
        )

    def merge_of(self, level: int) -> OneStepMerge:
        """The network of ratio 2**level, level from 1."""
        module = self.directs[level - 1]
        assert isinstance(module, OneStepMerge)
        return module

    def branches(self, level: int) -> Iterator[Branch]:
        """The branches of ratio 2**level, no others: what a memory of that level passes."""
        if level:
            yield from self.merge_of(level).branches()

    def climb(self, frames: Tensor, level: int) -> list[Tensor]:
        """Frames (T, in_channels, H, W) in [0, 1] → memories of level 0, 1, … `level`, (N, C, h, w) each.

        Of level l there are N = T // 2**l, each made of its frames' leaves, not of memories below.
        """
        leaves: Tensor = self.leaf(frames)
        made = [leaves]
        for above in range(1, level + 1):
            whole = leaves[: len(leaves) >> above << above]
            made.append(self.merge_of(above).merge(whole) if len(whole) else whole)
        return made

    def leaves_of(self, memories: Tensor, level: int, start: int, stop: int, coding: RootCoding) -> Tensor:
        """As `MemoryNetwork.leaves_of`. All leaves of a memory are made, however few are wanted."""
        if not 0 <= start < stop <= len(memories) << level:
            raise ValueError(f"frames {start}:{stop} of {len(memories) << level}")
        return self.descend_to(0, memories, level, coding)[start:stop]

    def descend_to(
        self, below: int, memories: Tensor, level: int, coding: RootCoding | None = None
    ) -> Tensor:
        """Memories (N, C, h, w) of `level` → their leaves, (N · 2**level, C, h, w), in time order.

        Raises `ValueError` for a level between.
        """
        if below == level:
            return memories
        if below:
            raise ValueError(f"no level {below} lies between leaves and memories of level {level}")
        coding = RootCoding(level) if coding is None else coding
        return self.merge_of(level).split(memories, coding.condition(self.config.levels).to(memories))


@torch.no_grad()
def start_at_linear(tree: IMFN, widths: Sequence[int], frames: Tensor, seed: int) -> OneStepNetwork:
    """A trainable one-step network that starts where the tree did: at the tree's linear maps, multiplied out.

    frames (T, in_channels, H, W), T a multiple of the largest ratio: what the branches are scaled by, as the
    tree's were. The branches add nothing before training; the maps stay fixed, as in the tree.
    """
    torch.manual_seed(seed)
    network = OneStepNetwork(tree.config, widths)
    network.leaf.map.load_state_dict(tree.leaf.map.state_dict())
    network.leaf.requires_grad_(False)
    leaves: Tensor = network.leaf(frames)
    for level in range(1, tree.config.levels + 1):
        step = network.merge_of(level)
        folded = fold_leaves(tree, level)
        basis = folded.merge.permute(1, 0, 2).flatten(1)
        step.map.fit(basis.float(), folded.mean.flatten().float())
        step.map.requires_grad_(False)
        if step.merge_branch is None or step.split_branch is None:
            continue
        stacks = step.stack(leaves)
        memories = step.map(stacks)
        lost = (stacks - step.map.inverse(memories)).flatten(0, 2)
        inputs = (stacks - step.map.mean).flatten(0, 2)
        calibrate(step.merge_branch, step.split_branch, inputs, memories.flatten(0, 2), lost)
        _steady(step.merge_branch, step.ratio // 2)
    return network


def _steady(branch: Branch, factor: int) -> None:
    """Divide the inputs by `factor` and multiply the first weights by it, which changes no result.

    Adam moves each weight alike, so a sum over r · C inputs may move r / 2 times as far in a step as the
    tree's over 2C, at the same learning rate. This lets their first layers move alike. In short runs it made
    no difference, neither way; a long one shall not be lost to it.
    """
    branch.input_scale /= factor
    branch.enter.weight *= factor
