"""Bits of a quantised memory, estimated so that gradients flow: what the loss counts while training."""

import torch
from torch import Tensor, nn
from torch.nn import functional

_LN2 = 0.6931471805599453
# Neighbouring channels that a symbol's magnitude is guessed from, on each side.
_CHANNELS_AROUND = 4
_EPSILON = 0.02


class RateModel(nn.Module):
    """Laplace model of the quantised numbers whose scale follows the magnitudes around each.

    The logarithm of the scale is a linear function, per level and channel, of two log-magnitudes: of the same
    channel at the eight neighbouring positions, and of the neighbouring channels at the same position. The
    file's own entropy model (`bitstream/entropy`) uses the same kinds of context, in integers.
    """

    def __init__(self, levels: int, channels: int) -> None:
        super().__init__()
        weights = torch.zeros(levels + 1, 3, channels)
        weights[:, :2] = 0.4
        self.weights = nn.Parameter(weights)

    def forward(self, symbols: Tensor, level: int) -> Tensor:
        """Memories in quantisation steps, not rounded, (N, C, h, w) → bits in all, a scalar."""
        magnitude = symbols.abs()
        # Contexts are what a decoder has: rounded.
        known = rounded(symbols).abs()
        near, across, bias = (self.weights[level, index][:, None, None] for index in range(3))
        logs = bias + across * _log_mean(_channels_around(known))
        if symbols.shape[2] * symbols.shape[3] > 1:
            logs = logs + near * _log_mean(_positions_around(known))
        # Mass of a Laplace distribution between magnitude − ½ and magnitude + ½.
        inverse = logs.clamp(-4, 8).neg().exp()
        half = inverse / 2
        beyond = half - magnitude * inverse + torch.log1p(-torch.exp(-2 * half)) - _LN2
        inside = magnitude.clamp_max(0.5)
        tails = (torch.exp((inside - 0.5) * inverse) + torch.exp(-(inside + 0.5) * inverse)) / 2
        nats = torch.where(magnitude > 0.5, beyond, torch.log1p(-tails.clamp_max(1 - 1e-6)))
        return nats.sum() / -_LN2


def rounded(symbols: Tensor) -> Tensor:
    """Rounded in value; the gradient passes straight through."""
    return symbols + (symbols.round() - symbols).detach()


def _log_mean(values: Tensor) -> Tensor:
    return torch.log(values + _EPSILON)


def _positions_around(magnitude: Tensor) -> Tensor:
    """Mean of the eight positions around, (N, C, h, w); borders repeat."""
    padded = functional.pad(magnitude, (1, 1, 1, 1), mode="replicate")
    return (9 * functional.avg_pool2d(padded, 3, stride=1) - magnitude).clamp_min(0) / 8


def _channels_around(magnitude: Tensor) -> Tensor:
    """Mean of the channels before and after, (N, C, h, w)."""
    n, c, h, w = magnitude.shape
    k = _CHANNELS_AROUND
    rows = magnitude.permute(0, 2, 3, 1).reshape(-1, 1, c)
    sums = functional.avg_pool1d(functional.pad(rows, (k, k), mode="replicate"), 2 * k + 1, stride=1)
    mean = ((2 * k + 1) * sums - rows).clamp_min(0) / (2 * k)
    return mean.reshape(n, h, w, c).permute(0, 3, 1, 2)
