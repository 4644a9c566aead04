"""The Karhunen–Loève transform from streamed second moments: the best linear map in closed form."""

import torch
from torch import Tensor


class SecondMoments:
    """Count, sum and outer products of vectors of `size` numbers, accumulated in float64.

    Each batch is multiplied in float32 after `origin`, the first batch's mean, is taken off, so that a large
    mean does not eat the precision; the sums are float64.
    """

    def __init__(self, size: int) -> None:
        self.count = 0
        self.sum = torch.zeros(size, dtype=torch.float64)
        self.outer = torch.zeros(size, size, dtype=torch.float64)
        self.origin: Tensor | None = None

    def update(self, rows: Tensor) -> None:
        """Take in `rows` (N, size), floats."""
        if self.origin is None:
            self.origin = rows.mean(dim=0)
        centred = rows - self.origin
        self.count += rows.shape[0]
        self.sum += centred.sum(dim=0, dtype=torch.float64)
        self.outer += (centred.T @ centred).double()

    def mean_and_covariance(self) -> tuple[Tensor, Tensor]:
        """(size,) mean and (size, size) covariance, float64. Raises `ValueError` before any update."""
        if self.origin is None:
            raise ValueError("no vectors seen")
        offset = self.sum / self.count
        covariance = self.outer / self.count - torch.outer(offset, offset)
        return self.origin.double() + offset, (covariance + covariance.T) / 2

    def klt(self, channels: int) -> tuple[Tensor, Tensor, Tensor]:
        """The `channels` directions of most energy.

        Returns `basis` (channels, size), orthonormal rows in falling order of energy, `mean` (size,) and the
        variances (size,) along all directions; float64. With `memory = basis @ (x - mean)` and
        `x ≈ basis.T @ memory + mean` the mean squared error is the sum of the variances left out, the least
        that any linear map to `channels` numbers and back can have.
        """
        mean, covariance = self.mean_and_covariance()
        variances, vectors = torch.linalg.eigh(covariance)
        order = torch.argsort(variances, descending=True, stable=True)
        basis = vectors.T[order]
        # eigh leaves each sign open; fix it so that the model does not depend on the solver's choice.
        largest = basis.abs().argmax(dim=1, keepdim=True)
        basis = basis * torch.sign(basis.gather(1, largest))
        return basis[:channels].contiguous(), mean, variances[order].clamp_min(0)
