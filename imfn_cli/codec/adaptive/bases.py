"""The linear tree as integer bases, the same on every machine: what a window's residual is transformed with.

Leaf transform and sweepers are orthonormal maps, so a window of 2^level frames has one orthonormal basis of C
rows: `network/whole_tree.py`. Models come from anybody: those whose numbers are larger than an orthonormal
map can have are refused, which also keeps the decoder's sums within 32 bits.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...errors import ModelError
from ...network import IMFN, IMFNConfig
from ...network.whole_tree import BASIS_BITS, WORKING_BITS, narrowed, working_maps
from ...zoo.model import Model
from .kernels.block_state import C

# Numbers of orthonormal maps are at most 1; rounding, and training, may add to that.
_LARGEST = 2 << WORKING_BITS


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
    """The bases of levels 0 … `level` of a model. Raises ModelError if its maps are far from orthonormal."""
    try:
        return _bases(model.network, min(level, model.network.config.levels))
    except ValueError as error:
        raise ModelError(
            f"model {model.name!r}: {error}, so it can have no adaptive forest; "
            "restore its folder, or choose a ratio with -r"
        ) from error


@lru_cache(maxsize=2)
def _bases(network: IMFN, level: int) -> Bases:
    working, sweepers = working_maps(network, level)
    for one in (*working, *sweepers[:level]):
        # A NaN is not below anything.
        if not np.abs(one).max(initial=0) <= _LARGEST:
            raise ValueError("numbers of its maps are not those of an orthonormal transform")
    integers = tuple(_by_planes(narrowed(one)).astype(np.int32) for one in working)
    rows = tuple((one / (1 << BASIS_BITS)).astype(np.float32) for one in integers)
    still = tuple(one.reshape(C, -1, C).sum(axis=1) for one in rows)
    merges = tuple((one / (1 << WORKING_BITS)).astype(np.float32) for one in sweepers[:level])
    return Bases(integers, rows, still, merges)


def _by_planes(basis: NDArray[np.float64]) -> NDArray[np.float64]:
    """A basis (C, F·C) for patches plane by plane: the model's have the three of a pixel together."""
    cut = basis.reshape(C, -1, C // 3, 3).transpose(0, 1, 3, 2)
    return np.ascontiguousarray(cut.reshape(C, -1))
