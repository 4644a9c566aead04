"""The linear tree of an array in closed form: Karhunen–Loève transforms of patches and of pairs of memories.

Each covariance is looked at in a basis that is near to it already (cosines of a patch, sums and differences
of a pair); correlations there that chance explains are left out, which keeps rounded matrices small.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..bitstream.exact.tree_model import MEAN_BITS, Matrix, TreeModel, rounded
from ..network.array_tree import Patch, orthonormal, pair_basis, patch_basis, patches
from ..network.klt import SecondMoments
from ..zoo.array_model import tree_of

Array = NDArray[np.float64]
#: Samples that are fitted to, at most.
MOST_SAMPLES = 1 << 24
# Channels of no more than this part of the step in their memories are rounded to zero nearly always.
_LEAST = 0.3
# Correlations below this, and below so many standard errors of none, are left out.
_LEAST_CORRELATION, _STANDARD_ERRORS = 0.06, 4.0
# Largest patch that is worth its matrices: so many samples for each of its samples squared. Parts of vectors
# have nothing in common, so that these take fewer.
_WORTH, _WORTH_OF_VECTORS = 400, 16
_SIDES = (8, 4, 2, 1)
_MOST_PATCH = 256


def patch_for(size: tuple[int, int, int], samples: int) -> Patch:
    """The patch of frames of `size` (H, W, C) in an array of so many samples.

    The largest that is worth its matrices, of at most 256 samples: a square with all channels, or parts of a
    vector, or of the channels of a position.
    """
    height, width, channels = size
    worth = _WORTH_OF_VECTORS if height == 1 else _WORTH
    most = min(_MOST_PATCH, max(1, int((samples / worth) ** 0.5)))
    if height == 1:
        part = _part(width, most)
        return (1, part, channels if part * channels <= most else 1)
    for side in _SIDES:
        if side * side * channels <= most and side <= min(height, width):
            return (side, side, channels)
    return (1, 1, _part(channels, most))


def _part(length: int, most: int) -> int:
    """The size of equal parts, none above `most`."""
    return -(-length // -(-length // most))


def fit_tree(windows: Iterable[NDArray[np.float32]], patch: Patch, levels: int, step: float) -> TreeModel:
    """Fit leaf and sweepers to windows of frames.

    windows: (2^levels, H, W, C) each, samples over their range, about 0 … 1; where there are too few frames
    one window may have any number.   step: of the quantiser, which says how finely matrices are rounded, and
    which channels are kept at all.
    """
    memories = list(_cut(windows, patch))
    moments = SecondMoments(memories[0].shape[-1])
    for one in memories:
        moments.update(one.flatten(0, -2))
    frames = 1 << levels
    mean, covariance = (part.numpy() for part in moments.mean_and_covariance())
    floor = _LEAST * step / np.sqrt(frames)
    rows, deviations = _transform(covariance, patch_basis(patch), moments.count)
    count = max(1, int((deviations > floor).sum()))
    leaf = _rounded(rows[:count], deviations[:count], step, floor)
    whole = np.rint(np.ldexp(mean, MEAN_BITS)).astype(np.int32)
    model = TreeModel(patch, whole, leaf, ())
    tree = tree_of(model)
    centre, basis = tree.mean, tree.leaf.T
    memories = [(one - centre) @ basis for one in memories]
    sweepers: list[Matrix] = []
    for level in range(1, levels + 1):
        moments = SecondMoments(2 * count)
        for one in memories:
            if len(one) > 1:
                # Neighbours of two trees tell as much of a pair as those of one.
                moments.update(torch.cat((one[:-1], one[1:]), dim=-1).flatten(0, -2))
        if moments.origin is None:
            break
        floor = _LEAST * step / np.sqrt(frames >> level)
        mean, covariance = (part.numpy() for part in moments.mean_and_covariance())
        # No mean is stored of pairs: what they have of one counts as energy.
        covariance = covariance + np.outer(mean, mean)
        rows, deviations = _transform(covariance, pair_basis(count), moments.count)
        matrix = _rounded(rows[:count], deviations[:count], step, floor)
        sweepers.append(matrix)
        merge = torch.from_numpy((orthonormal(matrix.values) @ pair_basis(count)).astype(np.float32)).T
        memories = [
            torch.cat((one[0 : len(one) // 2 * 2 : 2], one[1::2]), dim=-1) @ merge for one in memories
        ]
    return TreeModel(patch, whole, leaf, tuple(sweepers))


def _cut(windows: Iterable[NDArray[np.float32]], patch: Patch) -> Iterator[Tensor]:
    """The patches (T, positions, P) of windows."""
    for window in windows:
        yield patches(torch.from_numpy(np.ascontiguousarray(window)), patch).flatten(1, 2)


def _transform(covariance: Array, reference: Array, count: int) -> tuple[Array, Array]:
    """Rows of the transform relative to `reference`, most energy first, and deviations along them."""
    seen = reference @ covariance @ reference.T
    scale = np.sqrt(np.diag(seen).clip(1e-30))
    least = max(_LEAST_CORRELATION, _STANDARD_ERRORS / np.sqrt(max(1, count)))
    kept = np.abs(seen / np.outer(scale, scale)) >= least
    np.fill_diagonal(kept, True)
    _, vectors = np.linalg.eigh(np.where(kept, seen, 0))
    rows = vectors.T
    energy = np.einsum("ij,jk,ik->i", rows, seen, rows, optimize=True)
    order = np.argsort(-energy, kind="stable")
    rows, energy = rows[order], energy[order]
    # eigh leaves each sign open.
    rows *= np.sign(np.take_along_axis(rows, np.abs(rows).argmax(1)[:, None], 1))
    return rows, np.sqrt(energy.clip(0))


def _rounded(rows: Array, deviations: Array, step: float, floor: float) -> Matrix:
    """So finely that rounded rows add a tenth of what the quantiser does to the error of each number."""
    count, size = rows.shape
    # Entries that are zero are exact.
    each = max(1.0, (np.abs(rows) > 1e-6).sum() / size)
    finest = step * np.sqrt(0.1 * count / size / each)
    bits = np.ceil(np.log2((deviations / finest).clip(1e-9))).clip(4, 13).astype(np.int64)
    return rounded(rows, bits, deviations > floor)
