"""The network that training starts from: a model's maps, with branches of its own or new ones at zero."""

from collections.abc import Callable
from dataclasses import replace

import torch

from ..bitstream.quantiser import step_of_quality
from ..errors import ModelError
from ..network import IMFN, Branch, Sweeper
from .recipe import Recipe

# Part of what the linear map loses that a unit of a merge branch's output changes a memory by.
_SHARE = 0.5
# What a quantiser of middling quality adds to any number of a memory, root mean square.
_QUANTISED = 0.03
# The quality that the branch of the leaves is scaled at, and the part of its rounding errors.
_QUALITY, _LEAF_SHARE = 40, 2.0


def starting_network(start: IMFN, recipe: Recipe, frames: Callable[[], torch.Tensor]) -> IMFN:
    """A trainable copy of `start` in the shape that `recipe` asks for.

    frames: gives what new branches are scaled by, (T, in_channels, H, W), T a multiple of the largest ratio;
    not called where there are no new ones. Linear maps are copied and stay fixed; branches are copied where
    the shapes agree. Raises `ModelError` where `start` has other branches than the recipe says, or none are
    asked for and it has none.
    """
    config = start.config
    wanted = config
    if recipe.widths:
        wanted = replace(
            wanted,
            widths=recipe.widths,
            merge_blocks=recipe.merge_blocks,
            split_blocks=recipe.split_blocks,
            kernel=recipe.kernel,
            independent=recipe.shuffled and not recipe.start,
        )
    elif config.is_linear:
        raise ModelError("a linear model has no branches to train; say widths, one number for each level")
    if recipe.leaf_width:
        wanted = replace(wanted, leaf_width=recipe.leaf_width, leaf_blocks=recipe.leaf_blocks)
    # Only what there is none of can be added.
    before = wanted if config.leaf_width else replace(wanted, leaf_width=0, leaf_blocks=config.leaf_blocks)
    if not config.is_linear and before != config:
        raise ModelError(
            "the model to start from has branches of another shape; leave out widths to keep them"
        )
    torch.manual_seed(recipe.seed)
    network = IMFN(wanted)
    network.load_state_dict(start.state_dict(), strict=False)
    network.leaf.map.requires_grad_(False)
    for level in range(1, config.levels + 1):
        network.sweeper(level).map.requires_grad_(False)
    if config.is_linear:
        _calibrate_tree(network, frames())
    if network.leaf.inverse_branch is not None and not config.leaf_width:
        _calibrate_leaf(network.leaf.inverse_branch, network.leaf(frames()))
    return network


@torch.no_grad()
def _calibrate_tree(network: IMFN, frames: torch.Tensor) -> None:
    """Scale the branches of every level by what the linear maps make of `frames`."""
    memories = network.climb(frames, network.config.levels)
    for level in range(1, network.config.levels + 1):
        sweeper = network.sweeper(level)
        if sweeper.merge_branch is None or sweeper.split_branch is None:
            continue
        pairs = Sweeper.stack(memories[level - 1][0::2], memories[level - 1][1::2])
        above = memories[level].permute(0, 2, 3, 1)
        lost = sweeper.pairs_by_frame(pairs - sweeper.map.inverse(above)).flatten(0, 2)
        calibrate(
            sweeper.merge_branch,
            sweeper.split_branch,
            sweeper.pairs_by_frame(pairs - sweeper.map.mean).flatten(0, 2),
            sweeper.memories_by_frame(above).flatten(0, 2),
            lost,
        )


@torch.no_grad()
def _calibrate_leaf(branch: Branch, leaves: torch.Tensor) -> None:
    """Scale the branch that refines leaves (T, C, h, w) by what rounding does to them, in steps."""
    rows = leaves.permute(0, 2, 3, 1).flatten(0, 2)
    symbols = rows / step_of_quality(_QUALITY)
    branch.calibrate(rows.std(0), _LEAF_SHARE * (symbols - symbols.round()).square().mean(0).sqrt())


def calibrate(
    merge: Branch, split: Branch, inputs: torch.Tensor, memories: torch.Tensor, lost: torch.Tensor
) -> None:
    """Scale the branches beside one linear map and its inverse, by samples of what the map works on.

    inputs (n, k), memories (n, c) that the map makes of them, lost (n, k): what its inverse does not restore.
    """
    input_std, std, error = inputs.std(0), memories.std(0), lost.square().mean(0).sqrt()
    # What is restored well must stay so: weights that still jitter may not move a channel by more than it has
    # lost. Scales by the channels' own deviations learned half as fast (measured on UCF-101).
    merge.calibrate(input_std, (_SHARE * error.square().mean().sqrt()).expand_as(std))
    split.calibrate(std, (error.square() + _QUANTISED**2).sqrt())
