"""Frames stacked into batches."""

from collections.abc import Iterable, Iterator

import numpy as np

from .sequence import Frame


def batched(frames: Iterable[Frame], size: int) -> Iterator[tuple[np.ndarray, list[int]]]:
    """Stacks of `size` frames, the last one shorter: pixels uint8 (T, H, W, C) and their T times.

    All frames have one shape; times are in ticks, as in `Frame.time`.
    """
    batch: list[Frame] = []
    for frame in frames:
        batch.append(frame)
        if len(batch) == size:
            stacked, batch = _stacked(batch), []
            yield stacked
    if batch:
        yield _stacked(batch)


def _stacked(batch: list[Frame]) -> tuple[np.ndarray, list[int]]:
    return np.stack([frame.pixels for frame in batch]), [frame.time for frame in batch]
