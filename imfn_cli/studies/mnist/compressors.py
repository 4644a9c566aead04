"""What makes one memory of many images and restores them: our model, its linear part, PCA."""

from typing import Protocol

import torch
from torch import Tensor

from ...errors import ModelError
from ...network import IMFN
from ...zoo import Model
from .sequences import PIXELS, SIDE, Digits, unit


class Compressor(Protocol):
    """Sequences (B, N, 784) ↔ one memory each (B, M), whatever the length N."""

    name: str

    @property
    def memory_size(self) -> int:
        """M, numbers in a memory."""

    @property
    def parameters_count(self) -> int:
        """Numbers that were fitted or trained."""

    def compress(self, images: Tensor) -> Tensor:
        """Images (B, N, 784) in [0, 1] → memories (B, M)."""

    def restore(self, memories: Tensor, length: int) -> Tensor:
        """Memories (B, M) of `length` images each → images (B, length, 784), not clamped."""


class TreeCompressor:
    """A model whose leaf is one 28×28 gray image: N images, a power of two, into one memory of C numbers."""

    def __init__(self, network: IMFN, name: str) -> None:
        """Raises `ModelError` where the leaf is another."""
        config = network.config
        if (config.patch_height, config.patch_width, config.in_channels) != (SIDE, SIDE, 1):
            raise ModelError(
                f"model {name}: its leaf is {config.patch_width}x{config.patch_height}, {config.in_channels} "
                f"channels; MNIST needs one of {SIDE}x{SIDE}, gray ('imfn train --gray --patch {SIDE}')"
            )
        self.network = network
        self.name = name

    @property
    def memory_size(self) -> int:
        return self.network.config.channels

    @property
    def longest(self) -> int:
        """Images in the largest memory that was trained."""
        return self.network.config.ratios[-1]

    @property
    def parameters_count(self) -> int:
        return sum(parameter.numel() for parameter in self.network.parameters())

    def compress(self, images: Tensor) -> Tensor:
        frames = images.reshape(-1, 1, SIDE, SIDE)
        return self.network.compress(frames, images.shape[1]).flatten(1)

    def restore(self, memories: Tensor, length: int) -> Tensor:
        frames = self.network.restore(memories[:, :, None, None], length, SIDE, SIDE)
        return frames.reshape(len(memories), length, PIXELS)


def linear_part(model: Model) -> TreeCompressor:
    """The closed-form tree (Karhunen–Loève) that `model` was trained from: its maps without its branches."""
    return TreeCompressor(model.network.linear_part(), "KLT tree")


class PCACompressor:
    """Each image by itself, M / N principal components of it: the same numbers, nothing shared."""

    name = "PCA"

    def __init__(self, train: Digits, memory_size: int) -> None:
        """Fit to all training images, exactly (float64)."""
        self.mean, self.basis, _ = principal_components(train)
        self._memory_size = memory_size

    @property
    def memory_size(self) -> int:
        return self._memory_size

    @property
    def parameters_count(self) -> int:
        return (min(self._memory_size, PIXELS) + 1) * PIXELS

    def compress(self, images: Tensor) -> Tensor:
        each = self._memory_size // images.shape[1]
        return ((images - self.mean) @ self.basis[:each].T).flatten(1)

    def restore(self, memories: Tensor, length: int) -> Tensor:
        each = self._memory_size // length
        numbers = memories.reshape(len(memories), length, each)
        return numbers @ self.basis[:each] + self.mean


def principal_components(train: Digits) -> tuple[Tensor, Tensor, Tensor]:
    """Mean image (784,), components (784, 784) as rows, and deviation along each (784,), largest first."""
    images = unit(train.images)
    mean = images.double().mean(0)
    covariance = torch.zeros(PIXELS, PIXELS, dtype=torch.float64)
    for part in images.split(8192):
        centred = part.double() - mean
        covariance += centred.T @ centred / len(images)
    values, vectors = torch.linalg.eigh(covariance)
    basis = vectors.flip(1).T.float().contiguous()
    return mean.float(), basis, values.flip(0).clamp_min(0).sqrt().float()
