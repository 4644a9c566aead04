"""The sweeper: two neighbouring memories into one of the same size, and its inverse (paper, section 3)."""

import torch
from torch import Tensor, nn

from .linear import OrthonormalMap


class Sweeper(nn.Module):
    """One level's 2→1 merge and its inverse, the same at every grid position.

    left, right (N, C, h, w) ──W [left; right]──▶ memory (N, C, h, w) ──Wᵀ──▶ left, right

    The linear sweeper: W is (C, 2C) with orthonormal rows, so `merge(*split(m)) == m` and `split` is the
    least-squares inverse of `merge`.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.map = OrthonormalMap(2 * channels, channels)

    @staticmethod
    def stack(left: Tensor, right: Tensor) -> Tensor:
        """left, right (N, C, h, w) → pairs (N, h, w, 2C), what the linear map works on."""
        return torch.cat((left.permute(0, 2, 3, 1), right.permute(0, 2, 3, 1)), dim=-1)

    def merge(self, left: Tensor, right: Tensor) -> Tensor:
        """left, right (N, C, h, w), left before right in time → memory (N, C, h, w)."""
        memory: Tensor = self.map(self.stack(left, right))
        return memory.permute(0, 3, 1, 2)

    def split(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Memory (N, C, h, w) → left, right (N, C, h, w)."""
        pairs = self.map.inverse(memory.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        left, right = pairs.chunk(2, dim=1)
        return left, right
