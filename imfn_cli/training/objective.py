"""What training minimises: the paper's local inverse loss, then rate and distortion from end to end."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ..bitstream.entropy.entropy_model import LAMBDA
from ..bitstream.quantiser import step_of_quality
from ..network import IMFN, MemoryNetwork, RootCoding
from .rate import RateModel, rounded
from .target import Target, leaf_target, tree_targets

# Added to errors under a logarithm: far below what 8 bits can show.
_FLOOR = 1e-9
# Part of a batch's frames that is refined in a step: neighbours in time teach much the same.
_REFINED = 0.25


def local_loss(network: IMFN, frames: Tensor, level: int) -> Tensor:
    """Logarithm of the squared error of one level's merge and split, pair in, pair out (paper, section 3).

    Only that sweeper gets gradients: what lies below is taken as it is.
    """
    with torch.no_grad():
        below = network.climb(frames, level - 1)[-1]
    left, right = below[0::2], below[1::2]
    restored = network.split(network.merge(left, right, level), level)
    error = sum(
        (((a - b) ** 2).mean() for a, b in zip(restored, (left, right), strict=True)),
        torch.zeros(()).to(left),
    )
    return torch.log(error / 2 + _FLOOR)


def restoration(
    rate: RateModel, memories: Tensor, target: Target, level: int, quality: int | None
) -> tuple[Tensor, Tensor]:
    """Mean squared error per pixel value of restored frames, and bits per pixel value, both scalars.

    memories (N, C, h, w) of `level`; target: of the N · 2**level frames that they hold. quality: memories are
    rounded to its step and their bits counted; None keeps them in floats, at no bits.
    """
    bits = torch.zeros((), device=memories.device)
    step = 0.0
    if quality is not None:
        step = step_of_quality(quality)
        symbols = memories / step
        bits = rate(symbols, level) / target.values
        memories = rounded(symbols) * step
    return target.error(memories, level, RootCoding(level, step)) / target.values, bits


def memories_and_targets(
    network: MemoryNetwork, frames: Tensor, level: int
) -> tuple[list[Tensor], list[Target]]:
    """Memories of level 0 … `level` of frames (T, in_channels, H, W), and what restorations are measured by.

    The targets are those of the levels up to which nothing is learned, and count for all levels above too.
    """
    if not isinstance(network, IMFN):
        return network.climb(frames, level), [leaf_target(network, frames)]
    targets = tree_targets(network, frames)[: level + 1]
    below = [target.memories for target in targets]
    return [*below[:-1], *network.climb_from(below[-1], len(below) - 1, level)], targets


def joint_loss(
    network: MemoryNetwork,
    rate: RateModel,
    frames: Tensor,
    random: np.random.Generator,
    *,
    level: int,
    decode: float,
    float_share: float,
    qualities: tuple[int, int],
    weights: Sequence[float],
) -> Tensor:
    """Weighted mean over the levels 1 … `level` of log(distortion + λ · bits), from end to end.

    frames (T, in_channels, H, W), T a multiple of 2**level, climb once; each level restores
    about `decode` · T of them from a random part of its memories, at a random quality or in floats. The
    logarithm makes a decibel count alike at every ratio and quality; λ is the slope of the quantiser.
    """
    memories, targets = memories_and_targets(network, frames, level)
    total = torch.zeros((), device=frames.device)
    # Where nothing is learned there is nothing to train.
    for above in range(len(targets), level + 1):
        # A weight is the share of steps that a level takes part in: what counts little shall cost little.
        if random.random() >= weights[above - 1] / max(weights[:level]):
            continue
        nodes = len(memories[above])
        count = max(1, min(nodes, round(decode * len(frames)) >> above))
        chosen = torch.from_numpy(np.sort(random.permutation(nodes)[:count])).to(frames.device)
        quality = (
            None if random.random() < float_share else int(random.integers(qualities[0], qualities[1] + 1))
        )
        target = targets[-1].chosen(above, chosen)
        distortion, bits = restoration(rate, memories[above][chosen], target, above, quality)
        slope = 0.0 if quality is None else LAMBDA * step_of_quality(quality) ** 2
        total = total + torch.log(distortion + slope * bits + _FLOOR)
    return total * (max(weights) / sum(weights))


@torch.no_grad()
def rounded_leaves(
    network: MemoryNetwork, frames: Tensor, level: int, quality: int
) -> tuple[Tensor, Tensor, RootCoding]:
    """Leaves (T, C, h, w) that memories of `level` give back when rounded at `quality`, those they should be.

    frames (T, in_channels, H, W), T a multiple of 2**level. Third: how the memories were coded.
    """
    memories = network.climb(frames, level)
    step = step_of_quality(quality)
    coding = RootCoding(level, step)
    return network.descend_to(0, (memories[-1] / step).round() * step, level, coding), memories[0], coding


def refining_loss(
    network: MemoryNetwork,
    frames: Tensor,
    random: np.random.Generator,
    *,
    level: int,
    qualities: tuple[int, int],
) -> Tensor:
    """Logarithm of the squared error of refined leaves (`LeafTransform.refine`), over two random qualities.

    frames (T, in_channels, H, W), T a multiple of 2**level; a random part of them counts. The tree gets no
    gradients: it is taken as it is.
    """
    losses = []
    nodes = len(frames) >> level
    for part in frames.unflatten(0, (nodes, -1)).chunk(2):
        quality = int(random.integers(qualities[0], qualities[1] + 1))
        leaves, target, coding = rounded_leaves(network, part.flatten(0, 1), level, quality)
        count = max(1, round(_REFINED * len(leaves)))
        chosen = torch.from_numpy(random.permutation(len(leaves))[:count]).to(frames.device)
        refined = network.leaf.refine(leaves[chosen], coding)
        losses.append(torch.log((refined - target[chosen]).square().mean() + _FLOOR))
    return torch.stack(losses).mean()
