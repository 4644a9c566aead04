"""What training minimises: the paper's local inverse loss, then rate and distortion from end to end."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ..latent.quantiser import step_of_quality
from ..network import IMFN, Stored
from .rate import RateModel, rounded

# Squared error that a bit is worth, in squared steps: a uniform quantiser's slope at high rates, ln 2 / 6.
TRADE = 0.1155
# Added to errors under a logarithm: far below what 8 bits can show.
_FLOOR = 1e-9


def climb(network: IMFN, frames: Tensor, level: int) -> list[Tensor]:
    """Frames (T, in_channels, H, W), T a multiple of 2**level → memories of level 0, 1, … `level`."""
    memories: Tensor = network.leaf(frames)
    made = [memories]
    for above in range(1, level + 1):
        memories = network.merge(memories[0::2], memories[1::2], above)
        made.append(memories)
    return made


def local_loss(network: IMFN, frames: Tensor, level: int) -> Tensor:
    """Logarithm of the squared error of one level's merge and split, pair in, pair out (paper, section 3).

    Only that sweeper gets gradients: what lies below is taken as it is.
    """
    with torch.no_grad():
        below = climb(network, frames, level - 1)[-1]
    left, right = below[0::2], below[1::2]
    restored = network.split(network.merge(left, right, level), level)
    error = sum(
        (((a - b) ** 2).mean() for a, b in zip(restored, (left, right), strict=True)),
        torch.zeros(()).to(left),
    )
    return torch.log(error / 2 + _FLOOR)


def restoration(
    network: IMFN, rate: RateModel, memories: Tensor, frames: Tensor, level: int, quality: int | None
) -> tuple[Tensor, Tensor]:
    """Mean squared error per pixel value of restored frames, and bits per pixel value, both scalars.

    memories (N, C, h, w) of `level` against the frames (N · 2**level, in_channels, H, W) that they hold.
    quality: memories are rounded to its step and their bits counted; None keeps them in floats, at no bits.
    """
    height, width = frames.shape[2:]
    bits = torch.zeros((), device=frames.device)
    step = 0.0
    if quality is not None:
        step = step_of_quality(quality)
        symbols = memories / step
        bits = rate(symbols, level) / frames.numel()
        memories = rounded(symbols) * step
    restored = network.restore(memories, 1 << level, height, width, stored=Stored(level, step))
    return (restored - frames).square().mean(), bits


def joint_loss(
    network: IMFN,
    rate: RateModel,
    frames: Tensor,
    random: np.random.Generator,
    *,
    decode: float,
    float_share: float,
    qualities: tuple[int, int],
    weights: Sequence[float],
) -> Tensor:
    """Weighted mean over the levels of log(distortion + λ · bits), from end to end.

    frames (T, in_channels, H, W), T a multiple of the largest ratio, climb the tree once; each level restores
    about `decode` · T of them from a random part of its memories, at a random quality or in floats. The
    logarithm makes a decibel count alike at every ratio and quality; λ is the slope of the quantiser.
    """
    levels = network.config.levels
    memories = climb(network, frames, levels)
    total = torch.zeros((), device=frames.device)
    for level in range(1, levels + 1):
        # A weight is the share of steps that a level takes part in: what counts little shall cost little.
        if random.random() >= weights[level - 1] / max(weights):
            continue
        nodes = len(memories[level])
        count = max(1, min(nodes, round(decode * len(frames)) >> level))
        chosen = torch.from_numpy(np.sort(random.permutation(nodes)[:count])).to(frames.device)
        quality = (
            None if random.random() < float_share else int(random.integers(qualities[0], qualities[1] + 1))
        )
        target = frames.reshape(nodes, 1 << level, *frames.shape[1:])[chosen].flatten(0, 1)
        distortion, bits = restoration(network, rate, memories[level][chosen], target, level, quality)
        slope = 0.0 if quality is None else TRADE * step_of_quality(quality) ** 2
        total = total + torch.log(distortion + slope * bits + _FLOOR)
    return total * (max(weights) / sum(weights))
