"""Clips as batches of tensors."""

from collections.abc import Iterator

import torch
from torch import Tensor

from ..media import Source, batched, open_sequence
from ..network import IMFNConfig, frames_from_pixels
from ..system.threads import prefetch

#: Pixels that are read and transformed at once.
BATCH_PIXELS = 4 << 20


def batches(
    source: Source, config: IMFNConfig, *, multiple: int = 1, pixels: int = BATCH_PIXELS
) -> Iterator[Tensor]:
    """A clip's frames as tensors (T, in_channels, H, W) in [0, 1], about `pixels` at a time.

    T is a multiple of `multiple` in every batch but the last. Raises `InputError` as `open_sequence` does.
    """
    with open_sequence(source) as sequence:
        fitting = pixels // (sequence.info.width * sequence.info.height)
        size = max(1, fitting // multiple) * multiple
        for batch, _ in prefetch(batched(sequence, size), 2):
            yield frames_from_pixels(torch.from_numpy(batch), config.in_channels)
