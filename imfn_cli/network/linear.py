"""The one linear map under the leaf transform and the sweepers: orthonormal rows, inverse = transpose."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class OrthonormalMap(nn.Module):
    """x ↦ W (x − mean) from `size` to `channels` numbers, and back m ↦ Wᵀ m + mean.

    Works on the last axis, so that a grid of positions is one matrix product. Starts as the first `channels`
    unit vectors with mean 0; `fit` sets it to a Karhunen–Loève transform.
    """

    weight: Tensor
    mean: Tensor

    def __init__(self, size: int, channels: int) -> None:
        super().__init__()
        # Not torch.eye, which loads seconds of PyTorch's compiler where nothing is allocated.
        self.weight = nn.Parameter(torch.zeros(channels, size).fill_diagonal_(1))
        self.mean = nn.Parameter(torch.zeros(size))

    def fit(self, basis: Tensor, mean: Tensor) -> None:
        """Take over `basis` (channels, size), orthonormal rows, and `mean` (size,)."""
        with torch.no_grad():
            self.weight.copy_(basis)
            self.mean.copy_(mean)

    def forward(self, values: Tensor) -> Tensor:
        """(…, size) → (…, channels)."""
        return functional.linear(values, self.weight, -(self.weight @ self.mean))

    def inverse(self, memory: Tensor) -> Tensor:
        """(…, channels) → (…, size): the exact inverse where channels = size, else the least-squares one."""
        return functional.linear(memory, self.weight.T, self.mean)
