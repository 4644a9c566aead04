"""The network that training starts from: a model's maps, with branches of its own or new ones at zero."""

from dataclasses import replace

import torch

from ..errors import ModelError
from ..network import IMFN, Sweeper
from .objective import climb
from .recipe import Recipe

# Part of a memory's deviation that an untrained branch can change by at once, per unit of its output.
_SHARE = 0.5


def starting_network(start: IMFN, recipe: Recipe, frames: torch.Tensor) -> IMFN:
    """A trainable copy of `start` in the shape that `recipe` asks for.

    frames (T, in_channels, H, W), T a multiple of the largest ratio: what new branches are scaled by. Linear
    maps are copied and stay fixed; branches are copied where the shapes agree. Raises `ModelError` where
    `start` has other branches than the recipe says, or none are asked for and it has none.
    """
    config = start.config
    if config.is_linear or recipe.widths:
        if not recipe.widths:
            raise ModelError("a linear model has no branches to train; say widths, one number for each level")
        wanted = replace(
            config,
            widths=recipe.widths,
            merge_blocks=recipe.merge_blocks,
            split_blocks=recipe.split_blocks,
            kernel=recipe.kernel,
            independent=recipe.shuffled and not recipe.start,
        )
        if not config.is_linear and wanted != config:
            raise ModelError(
                "the model to start from has branches of another shape; leave out widths to keep them"
            )
        config_of_new = wanted
    else:
        config_of_new = config
    torch.manual_seed(recipe.seed)
    network = IMFN(config_of_new)
    network.load_state_dict(start.state_dict(), strict=False)
    network.leaf.requires_grad_(False)
    for level in range(1, config.levels + 1):
        network.sweeper(level).map.requires_grad_(False)
    if start.config.is_linear:
        _calibrate(network, frames)
    return network


@torch.no_grad()
def _calibrate(network: IMFN, frames: torch.Tensor) -> None:
    """Scale the branches of every level by what the linear maps make of `frames`."""
    memories = climb(network, frames, network.config.levels)
    for level in range(1, network.config.levels + 1):
        sweeper = network.sweeper(level)
        assert sweeper.merge_branch is not None
        assert sweeper.split_branch is not None
        pairs = Sweeper.stack(memories[level - 1][0::2], memories[level - 1][1::2])
        above = memories[level].permute(0, 2, 3, 1)
        lost = sweeper.pairs_by_frame(pairs - sweeper.map.inverse(above)).flatten(0, 2)
        pair_std = sweeper.pairs_by_frame(pairs - sweeper.map.mean).flatten(0, 2).std(0)
        std, error = sweeper.memories_by_frame(above).flatten(0, 2).std(0), lost.square().mean(0).sqrt()
        sweeper.merge_branch.calibrate(pair_std, _SHARE * (std * error.square().mean().sqrt()).sqrt())
        sweeper.split_branch.calibrate(std, torch.maximum(error, _SHARE * pair_std))
