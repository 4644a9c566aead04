"""Sequences far beyond the trained depth: as a forest, and as one single memory."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ...network import IMFN, BinaryCounter, Stored, forest_levels
from ..memory import PeakMemory
from .sequences import PIXELS, SIDE, Digits, unit

#: Called as sequences are done: (what is done, images done, images in all).
Progress = Callable[[str, int, int], None]


class EndlessTree(IMFN):
    """A tree of any depth: levels above those of `network` merge and split with its top sweeper again."""

    def __init__(self, network: IMFN) -> None:
        """Shares the weights of `network`."""
        nn.Module.__init__(self)
        self.config = network.config
        self.leaf = network.leaf
        self.sweepers = network.sweepers

    def merge(self, left: Tensor, right: Tensor, level: int) -> Tensor:
        """As `IMFN.merge`, for any level from 1."""
        return super().merge(left, right, min(level, self.config.levels))

    def split(self, memory: Tensor, level: int, stored: Stored | None = None) -> tuple[Tensor, Tensor]:
        """As `IMFN.split`, for any level from 1; `stored` may be of any level too."""
        top = self.config.levels
        stored = Stored(level) if stored is None else stored
        return super().split(memory, min(level, top), Stored(min(stored.level, top), stored.step))

    def walk(self, memory: Tensor, level: int, root: int | None = None) -> Iterator[Tensor]:
        """Images of one memory (1, C, 1, 1) of `level`, in order, as (≤ 2**levels, 784): depth first.

        At most one memory a level waits. root: the level that the memory was split from, itself by default.
        """
        root = level if root is None else root
        if level <= self.config.levels:
            yield self.restore(memory, 1 << level, SIDE, SIDE, stored=Stored(root)).reshape(-1, PIXELS)
            return
        left, right = self.split(memory, level, Stored(root))
        yield from self.walk(left, level - 1, root)
        yield from self.walk(right, level - 1, root)


@dataclass(frozen=True)
class LongRow:
    """One long sequence.

    kind: "forest" (a memory for each full tree of the trained depth, and a tail) or "one memory".
    memories: how many the sequence ends as.   waiting: most that wait at a time while it is compressed.
    mse: mean squared error, pixels in [0, 1], restored clamped.   merge_seconds, split_seconds: times.
    peak_memory_mb: above the start, None where the system cannot tell.
    """

    kind: str
    images: int
    memories: int
    waiting: int
    mse: float
    merge_seconds: float
    split_seconds: float
    peak_memory_mb: float | None


@torch.inference_mode()
def long_rows(
    network: IMFN, digits: Digits, lengths: list[int], *, seed: int = 0, progress: Progress = lambda *_: None
) -> list[LongRow]:
    """Each of `lengths` images as one forest, and, where it is a power of two, as one memory.

    Images are drawn at random from `digits`, one block of 2**levels at a time, and drawn again to compare: no
    more than a block is ever held. The first block is done once before, so that no first-time cost counts.
    """
    tree = EndlessTree(network)
    _long_row(tree, digits, network.config.ratios[-1], False, seed)
    rows = []
    for kind_done, whole in enumerate((False, True)):
        for index, images in enumerate(lengths):
            progress("long sequences", kind_done * len(lengths) + index, 2 * len(lengths))
            if not whole or images & (images - 1) == 0:
                rows.append(_long_row(tree, digits, images, whole, seed))
    return rows


def _long_row(tree: EndlessTree, digits: Digits, images: int, whole: bool, seed: int) -> LongRow:
    top = images.bit_length() - 1 if whole else tree.config.levels
    with PeakMemory() as peak:
        began = time.perf_counter()
        counter = BinaryCounter(tree, top)
        roots: list[tuple[int, Tensor]] = []
        waiting = 0
        for block in _blocks(digits, images, tree.config.ratios[-1], seed):
            # A block may be a tail: its memories come as the binary expansion of its length says.
            first = 0
            for level in forest_levels(len(block), min(top, tree.config.levels)):
                part = block[first : first + (1 << level)]
                first += 1 << level
                root = counter.push(tree.compress(part.reshape(-1, 1, SIDE, SIDE), 1 << level), level)
                if root is not None:
                    roots.append((top, root))
                waiting = max(waiting, len(counter.pending) + 1)
        roots += counter.flush()
        merged = time.perf_counter()
        error, splitting = 0.0, 0.0
        originals = _blocks(digits, images, 1, seed)
        for level, memory in roots:
            restored_parts = tree.walk(memory, level)
            while True:
                started = time.perf_counter()
                restored = next(restored_parts, None)
                splitting += time.perf_counter() - started
                if restored is None:
                    break
                truth = torch.cat([next(originals) for _ in range(len(restored))])
                error += float((restored.clamp(0, 1) - truth).square().sum(dtype=torch.float64))
    return LongRow(
        "one memory" if whole else "forest",
        images,
        len(roots),
        waiting,
        error / (images * PIXELS),
        merged - began,
        splitting,
        peak.megabytes,
    )


def _blocks(digits: Digits, images: int, size: int, seed: int) -> Iterator[Tensor]:
    """`images` random images, `size` at a time: (size, 784) in [0, 1], the same ones for every size."""
    random = np.random.default_rng(seed)
    for first in range(0, images, size):
        # One number an image: the stream does not depend on the size of the blocks.
        index = [int(random.integers(len(digits))) for _ in range(min(size, images - first))]
        yield unit(digits.images[index])
