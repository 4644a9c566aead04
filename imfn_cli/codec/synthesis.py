"""Memories to pixels in pieces that stay small."""

from collections.abc import Iterator

from torch import Tensor

from ..network import RootCoding
from ..zoo import Model

# Pixels that go through the network at once: enough to keep it busy, few enough to stay small in memory.
_BATCH_PIXELS = 2 << 20


def batch_frames(height: int, width: int) -> int:
    """How many frames go through the network at once: a power of two, the same on every machine."""
    return 1 << max(0, min(10, (_BATCH_PIXELS // (height * width)).bit_length() - 1))


def restored_parts(
    model: Model,
    memories: Tensor,
    level: int,
    size: tuple[int, int, int],
    wanted: tuple[int, int],
    coding: RootCoding,
) -> Iterator[Tensor]:
    """Memories (N, C, h, w) of one level → frames wanted[0] … wanted[1] − 1 of theirs, piece by piece.

    Pieces are pixels (·, *size) uint8 in time order; size is (H, W, 1 or 3).
    """
    ratio = 1 << level
    batch = batch_frames(size[0], size[1])
    whole = 1 << model.batch_level
    if ratio > whole:
        batch = min(batch, whole)
    for part, below, start, stop in model.network.descend(memories, ratio, *wanted, batch, coding):
        yield model.restore_pixels(part, below, size, start, stop, coding)
