"""Clips as batches of tensors."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..frames import Source, open_sequence
from ..network import IMFNConfig, frames_from_pixels
from ..parallel import prefetch

# Pixels that are read and transformed at once.
_BATCH_PIXELS = 4 << 20


def batches(source: Source, config: IMFNConfig, *, multiple: int = 1) -> Iterator[Tensor]:
    """A clip's frames as tensors (T, in_channels, H, W) in [0, 1], a few million pixels at a time.

    T is a multiple of `multiple` in every batch but the last. Raises `InputError` as `open_sequence` does.
    """

    def read() -> Iterator[NDArray[np.uint8]]:
        with open_sequence(source) as sequence:
            fitting = _BATCH_PIXELS // (sequence.info.width * sequence.info.height)
            size = max(1, fitting // multiple) * multiple
            batch: list[NDArray[np.uint8]] = []
            for frame in sequence:
                batch.append(frame.pixels)
                if len(batch) == size:
                    yield np.stack(batch)
                    batch = []
            if batch:
                yield np.stack(batch)

    for pixels in prefetch(read(), 2):
        yield frames_from_pixels(torch.from_numpy(pixels), config.in_channels)
