"""Frames to nodes: by the tree, whole batches at once, or by the student, one update per frame."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..network import BinaryCounter, StudentStream, frames_from_pixels
from ..zoo import Model


class NodeBuilder(Protocol):
    """Takes a sequence's frames in order and gives its forest's nodes (level, (1, C, h, w)) in order."""

    level: int

    def feed(self, pixels: NDArray[np.uint8]) -> Iterator[tuple[int, Tensor]]:
        """Pixels (T, H, W, C) uint8, T a power of two but at the end → the nodes that they complete."""
        ...

    def flush(self) -> list[tuple[int, Tensor]]:
        """The tail: what no full tree holds."""
        ...


def node_builder(model: Model, level: int, *, student: bool) -> NodeBuilder:
    """The student or the tree of one level. Raises `ModelError` where the model carries no student."""
    return StudentNodeBuilder(model, level) if student else TreeNodeBuilder(model, level)


class TreeNodeBuilder:
    """Whole trees at once where a batch holds them, above that the binary counter.

    Fed frame by frame it is the binary counter alone: at most `level` merges and as many memories.
    """

    def __init__(self, model: Model, level: int) -> None:
        self.model = model
        self.level = level
        self.whole = min(level, model.batch_level)
        self.counter = BinaryCounter(model.network, level)

    def feed(self, pixels: NDArray[np.uint8] | Tensor) -> Iterator[tuple[int, Tensor]]:
        """See `NodeBuilder`."""
        frames = torch.as_tensor(pixels).to(self.model.device)
        first = 0
        while first < len(frames):
            piece = min((len(frames) - first).bit_length() - 1, self.whole)
            trees = (len(frames) - first) >> piece if piece == self.whole else 1
            count = trees << piece
            memories = self.model.compress_pixels(frames[first : first + count], 1 << piece)
            for memory in memories.split(1):
                root = self.counter.push(memory, piece)
                if root is not None:
                    yield self.level, root
            first += count

    def flush(self) -> list[tuple[int, Tensor]]:
        """See `NodeBuilder`."""
        return self.counter.flush()


class StudentNodeBuilder:
    """One update per frame, one memory."""

    def __init__(self, model: Model, level: int) -> None:
        self.model = model
        self.level = level
        self.stream = StudentStream(model.student(1 << level), model.network)

    def feed(self, pixels: NDArray[np.uint8]) -> Iterator[tuple[int, Tensor]]:
        """See `NodeBuilder`."""
        frames = torch.from_numpy(pixels).to(self.model.device)
        for frame in frames_from_pixels(frames, self.model.network.config.in_channels).split(1):
            root = self.stream.push(frame)
            if root is not None:
                yield self.level, root

    def flush(self) -> list[tuple[int, Tensor]]:
        """See `NodeBuilder`. Holds the frames of the tail at this ratio's precision, not at a finer one."""
        return self.stream.flush()
