"""The tree of vectors in closed form: leaf and sweepers as Karhunen–Loève transforms, level by level."""

import torch
from torch import Tensor

from ...network import IMFN, IMFNConfig, SecondMoments, Sweeper

# Rows of pairs that are held at once.
_ROWS = 1 << 14


def vector_config(size: int, levels: int) -> IMFNConfig:
    """A linear tree of vectors of `size` numbers: a frame is one patch of one column, a grid one position."""
    return IMFNConfig(patch_height=size, patch_width=1, in_channels=1, channels=size, levels=levels, kernel=1)


@torch.inference_mode()
def fit_vectors(vectors: Tensor, levels: int) -> IMFN:
    """Fit to vectors (count, size) in order of time, at least 2**levels of them.

    As `training.fit_maps` of clips: a sweeper is fitted to all neighbouring pairs of memories, those across
    two trees included. Raises ValueError where there are too few vectors.
    """
    count, size = vectors.shape
    if count < 1 << levels:
        raise ValueError(f"{count} vectors; a tree of {levels} levels needs {1 << levels}")
    network = IMFN(vector_config(size, levels)).requires_grad_(False).eval()
    moments = SecondMoments(size)
    for part in vectors.split(_ROWS):
        moments.update(part)
    network.leaf.map.fit(*moments.klt(size)[:2])
    memories = network.leaf(vectors.reshape(-1, 1, size, 1))
    for level in range(1, levels + 1):
        moments = SecondMoments(2 * size)
        for left, right in zip(memories[:-1].split(_ROWS), memories[1:].split(_ROWS), strict=True):
            moments.update(Sweeper.stack(left, right).flatten(0, 2))
        network.sweeper(level).map.fit(*moments.klt(size)[:2])
        even = len(memories) // 2 * 2
        memories = network.merge(memories[0:even:2], memories[1:even:2], level)
    return network
