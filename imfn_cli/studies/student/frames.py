"""What the parts share: threads, clips as tensors, and the PSNR of frames in floats."""

import torch
from torch import Tensor

from ...media import Source
from ...training.data import batches
from ...zoo import Model

# Exact pixels, for an average that must stay finite.
_FLOOR = 1e-10


def set_compute_threads(count: int) -> None:
    """From now on networks compute with `count` threads."""
    torch.set_num_threads(count)


def first_frames(model: Model, source: Source, frames: int) -> Tensor:
    """The first frames of a clip, (T, in_channels, H, W)."""
    found: list[Tensor] = []
    for batch in batches(source, model.network.config):
        found.append(batch)
        if sum(map(len, found)) >= frames:
            break
    return torch.cat(found)[:frames].to(model.device)


def psnr_of(errors: Tensor) -> Tensor:
    """PSNR in dB, float64, of mean squared errors of frames in [0, 1]; at most 100."""
    return -10 * (errors.double() + _FLOOR).log10()
