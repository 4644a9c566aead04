"""The linear tree as integer bases, the same on every machine: what a window's residual is transformed with.

Leaf transform and sweepers are orthonormal maps, so a window of 2^level frames has one orthonormal basis of C
rows. Its numbers are made of the model's weights by integer arithmetic alone: products of whole numbers in
float64 stay below 2^53, so they are exact in any order.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...network import IMFN, IMFNConfig
from ...zoo.model import Model
from .kernels.block_state import C

#: Fractional bits of the bases.
BASIS_BITS = 14
# Fractional bits while levels are multiplied out.
_WORKING_BITS = 20


class Bases(NamedTuple):
    """One for each level; leaves are vectors plane by plane (see `block_state`).

    integers (C, F·C) int32 in 1/2^BASIS_BITS; rows, the same in float32, what the encoder transforms with.
    still (C, C) float32: what a leaf that stands still over the window contributes.
    sweepers: of level 1 and up, (C, 2·C) float32, numbers of two halves to those of the window.
    """

    integers: tuple[NDArray[np.int32], ...]
    rows: tuple[NDArray[np.float32], ...]
    still: tuple[NDArray[np.float32], ...]
    sweepers: tuple[NDArray[np.float32], ...]


def fits(config: IMFNConfig) -> bool:
    """Whether a model's tree can be an adaptive forest: RGB patches of 8×8 pixels with all their channels."""
    return (config.patch_height, config.patch_width, config.in_channels, config.channels) == (
        8,
        8,
        3,
        192,
    ) and not config.independent


def bases_of(model: Model, level: int) -> Bases:
    """The bases of levels 0 … `level` of a model."""
    return _bases(model.network, min(level, model.network.config.levels))


@lru_cache(maxsize=2)
def _bases(network: IMFN, level: int) -> Bases:
    working = [_by_planes(_whole(network.leaf.map.weight))]
    sweepers = [_whole(network.sweeper(above).map.weight) for above in range(1, level + 1)]
    for sweeper in sweepers:
        halves = np.split(sweeper, 2, axis=1)
        product = np.concatenate([half @ working[-1] for half in halves], axis=1)
        working.append(np.floor(product / (1 << _WORKING_BITS) + 0.5))
    shift = 1 << (_WORKING_BITS - BASIS_BITS)
    integers = tuple(np.floor(one / shift + 0.5).astype(np.int32) for one in working)
    rows = tuple((one / (1 << BASIS_BITS)).astype(np.float32) for one in integers)
    still = tuple(one.reshape(C, -1, C).sum(axis=1) for one in rows)
    merges = tuple((one / (1 << _WORKING_BITS)).astype(np.float32) for one in sweepers)
    return Bases(integers, rows, still, merges)


def _by_planes(leaf: NDArray[np.float64]) -> NDArray[np.float64]:
    """The leaf map (C, C) for patches plane by plane: the model's have the three of a pixel together."""
    return np.ascontiguousarray(leaf.reshape(C, C // 3, 3).transpose(0, 2, 1).reshape(C, C))


def _whole(weight: object) -> NDArray[np.float64]:
    """A map's weights as whole numbers in 1/2^_WORKING_BITS."""
    values = np.asarray(weight.detach().cpu().double())  # type: ignore[attr-defined]
    return np.floor(values * (1 << _WORKING_BITS) + 0.5)
