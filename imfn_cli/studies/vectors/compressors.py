"""What makes one memory of many vectors and restores them: a tree whose leaf is a whole vector, and PCA."""

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from ...network import IMFN


class Compressor(Protocol):
    """Sequences (B, N, size) ↔ one memory each (B, M), whatever the length N."""

    name: str

    @property
    def memory_size(self) -> int:
        """M, numbers in a memory."""

    @property
    def parameters_count(self) -> int:
        """Numbers that were fitted or trained."""

    def compress(self, vectors: Tensor) -> Tensor:
        """Vectors (B, N, size) → memories (B, M)."""

    def restore(self, memories: Tensor, length: int) -> Tensor:
        """Memories (B, M) of `length` vectors each → vectors (B, length, size), not clamped."""


class Components(NamedTuple):
    """Mean (size,), basis (size, size) as rows and deviation along each (size,), largest first."""

    mean: Tensor
    basis: Tensor
    deviation: Tensor


class TreeCompressor:
    """A tree with a grid of one position: N vectors, a power of two, into one memory of C numbers.

    A vector is a frame of one patch, (in_channels, patch_height, patch_width) numbers.
    """

    def __init__(self, network: IMFN, name: str) -> None:
        self.network = network
        self.name = name

    @property
    def memory_size(self) -> int:
        return self.network.config.channels

    @property
    def longest(self) -> int:
        """Vectors in the largest memory that was trained."""
        return self.network.config.ratios[-1]

    @property
    def parameters_count(self) -> int:
        return sum(parameter.numel() for parameter in self.network.parameters())

    def compress(self, vectors: Tensor) -> Tensor:
        return self.network.compress(self.frames(vectors), vectors.shape[1]).flatten(1)

    def restore(self, memories: Tensor, length: int) -> Tensor:
        config = self.network.config
        size = config.patch_height, config.patch_width
        frames = self.network.restore(memories[:, :, None, None], length, *size)
        return frames.reshape(len(memories), length, config.patch_size)

    def frames(self, vectors: Tensor) -> Tensor:
        """Vectors (…, size) → frames of one patch each, (all, in_channels, patch_height, patch_width)."""
        config = self.network.config
        return vectors.reshape(-1, config.in_channels, config.patch_height, config.patch_width)


class PCACompressor:
    """Each vector by itself, M / N principal components of it: the same numbers, nothing shared."""

    name = "PCA"

    def __init__(self, components: Components, memory_size: int) -> None:
        self.mean, self.basis, _ = components
        self._memory_size = memory_size

    @property
    def memory_size(self) -> int:
        return self._memory_size

    @property
    def parameters_count(self) -> int:
        size = len(self.mean)
        return (min(self._memory_size, size) + 1) * size

    def compress(self, vectors: Tensor) -> Tensor:
        each = self._memory_size // vectors.shape[1]
        return ((vectors - self.mean) @ self.basis[:each].T).flatten(1)

    def restore(self, memories: Tensor, length: int) -> Tensor:
        each = self._memory_size // length
        numbers = memories.reshape(len(memories), length, each)
        return numbers @ self.basis[:each] + self.mean


def principal_components(vectors: Tensor) -> Components:
    """Of vectors (count, size), exactly (float64)."""
    mean = vectors.double().mean(0)
    covariance = torch.zeros(len(mean), len(mean), dtype=torch.float64)
    for part in vectors.split(8192):
        centred = part.double() - mean
        covariance += centred.T @ centred / len(vectors)
    values, directions = torch.linalg.eigh(covariance)
    basis = directions.flip(1).T.float().contiguous()
    return Components(mean.float(), basis, values.flip(0).clamp_min(0).sqrt().float())
