"""Sequences far beyond the trained depth: as a forest, and as one single memory."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ...network import IMFN, BinaryCounter, RootCoding, forest_levels
from ...system.peak_rss import PeakRss
from .sequences import PIXELS, SIDE, Digits, unit

#: Called as sequences are done: (what is done, images done, images in all).
Progress = Callable[[str, int, int], None]


class EndlessTree(IMFN):
    """A tree of any depth: above the levels of `network` it goes on with the linear part of the top sweeper.

    Of independent frames the best linear map of a pair keeps the first half of each frame's numbers, at any
    depth: their covariance has no cross terms, so each eigenvector lies within one frame, and those of most
    energy give the least error of all linear maps (Karhunen–Loève; Eckart and Young, Psychometrika 1, 1936).
    That needs no training. Branches do: the top merge's has not seen memories of so few numbers a frame, and
    those of splits turn the zeros in place of lost numbers into strokes of no image, worse than none.

    So a memory from beyond the trained depth is split without branches down to that depth, and below with
    `share` of what the branches add, the part of their numbers that is left: 1/2 at twice the
    trained number of images, 1/4 at four times. In place of images of which nothing is left comes the mean
    image, the best guess there is. Merges cannot know how long the sequence will be: up to the trained depth
    they are the trained ones. (Were it known, no branch at all would be a little better from four times on.)
    """

    def __init__(self, network: IMFN) -> None:
        """Shares the weights of `network`."""
        nn.Module.__init__(self)
        self.config = network.config
        self.leaf = network.leaf
        self.sweepers = network.sweepers
        self.linear = network.linear_part()

    def merge(self, left: Tensor, right: Tensor, level: int) -> Tensor:
        """As `IMFN.merge`, for any level from 1."""
        top = self.config.levels
        return super().merge(left, right, level) if level <= top else self.linear.merge(left, right, top)

    def split(self, memory: Tensor, level: int, coding: RootCoding | None = None) -> tuple[Tensor, Tensor]:
        """As `IMFN.split`, for any level from 1; `coding` may be of any level too."""
        top = self.config.levels
        coding = RootCoding(level) if coding is None else coding
        if coding.level <= top:
            return super().split(memory, level, coding)
        left, right = self.linear.split(memory, min(level, top))
        if level > top:
            return left, right
        share = 0.5 ** (coding.level - top)
        # A split is the linear one plus what its branch adds.
        learned = super().split(memory, level, RootCoding(top, coding.step))
        return left.lerp(learned[0], share), right.lerp(learned[1], share)

    def parts(self, memory: Tensor, level: int, root: int | None = None) -> Iterator[Tensor]:
        """Images of one memory (1, C, 1, 1) of `level`, in order, as (≤ 2**levels, 784): depth first.

        At most one memory a level waits. root: the level that the memory was split from, itself by default.
        """
        root = level if root is None else root
        if level <= self.config.levels:
            yield self.restore(memory, 1 << level, SIDE, SIDE, coding=RootCoding(root)).reshape(-1, PIXELS)
            return
        left, right = self.split(memory, level, RootCoding(root))
        yield from self.parts(left, level - 1, root)
        yield from self.parts(right, level - 1, root)


@dataclass(frozen=True)
class LongRow:
    """One long sequence.

    kind: "forest" (a memory for each full tree of the trained depth, and a tail), "one memory", or
    "one linear memory" (of the tree without branches at any level).
    memories: how many the sequence ends as.   waiting: most that wait at a time while it is compressed.
    mse: mean squared error, pixels in [0, 1], restored clamped.   mean_image_mse: of the mean image of the
    training set in place of each image, which takes no memory at all.   merge_seconds, split_seconds: times.
    peak_memory_mb: peak RSS above the start, None where the system cannot tell.
    """

    kind: str
    images: int
    memories: int
    waiting: int
    mse: float
    mean_image_mse: float
    merge_seconds: float
    split_seconds: float
    peak_memory_mb: float | None


@torch.inference_mode()
def long_rows(
    network: IMFN,
    digits: Digits,
    mean_image: Tensor,
    lengths: list[int],
    *,
    seed: int = 0,
    progress: Progress = lambda *_: None,
) -> list[LongRow]:
    """Each of `lengths` images as one forest, and, where it is a power of two, as one memory.

    mean_image: (784,) in [0, 1], of the training set. Images are drawn at random from `digits`, one block of
    2**levels at a time, and drawn again to compare: no more than a block is ever held. The first block is
    done once before, so that no first-time cost counts.
    """
    tree = EndlessTree(network)
    _long_row("forest", tree, digits, mean_image, network.config.ratios[-1], seed)
    wanted = [("forest", tree, images) for images in lengths]
    powers = [images for images in lengths if images & (images - 1) == 0]
    wanted += [("one memory", tree, images) for images in powers]
    if not network.config.is_linear:
        linear = EndlessTree(network.linear_part())
        wanted += [("one linear memory", linear, images) for images in powers]
    rows = []
    for index, (kind, used, images) in enumerate(wanted):
        progress("long sequences", index, len(wanted))
        rows.append(_long_row(kind, used, digits, mean_image, images, seed))
    return rows


def _long_row(
    kind: str, tree: EndlessTree, digits: Digits, mean_image: Tensor, images: int, seed: int
) -> LongRow:
    top = tree.config.levels if kind == "forest" else images.bit_length() - 1
    with PeakRss() as peak:
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
        error, error_of_mean, splitting = 0.0, 0.0, 0.0
        originals = _blocks(digits, images, 1, seed)
        for level, memory in roots:
            restored_parts = tree.parts(memory, level)
            while True:
                started = time.perf_counter()
                restored = next(restored_parts, None)
                splitting += time.perf_counter() - started
                if restored is None:
                    break
                truth = torch.cat([next(originals) for _ in range(len(restored))])
                error += float((restored.clamp(0, 1) - truth).square().sum(dtype=torch.float64))
                error_of_mean += float((mean_image - truth).square().sum(dtype=torch.float64))
    return LongRow(
        kind,
        images,
        len(roots),
        waiting,
        error / (images * PIXELS),
        error_of_mean / (images * PIXELS),
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
