"""The linear part of a tree in whole numbers, the same on every machine.

Leaf transform and sweepers become integers, and so do memories and pixels. Merges run in float64, where sums
of whole numbers are exact in any order as long as they stay below 2^53, and frames are made in integers.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..errors import ModelError
from .folded import foldable_level
from .sparse_rows import Factors, Reach, Rounding, factors, sparse_product, sparse_rows
from .tree import IMFN

Floats = NDArray[np.float64]
Integers = NDArray[np.int32]
Rows = NDArray[np.int16]
Pixels = NDArray[np.uint8]

#: Units of frames and of memories in a grey level.
PIXEL_UNIT, MEMORY_UNIT = 16, 256
#: Largest value of a pixel, and largest magnitude of a number of a memory, in their units.
WHITE, LARGEST = 255 * PIXEL_UNIT, (1 << 28) - 1
#: Fractional bits of bases, and those while levels are multiplied out.
BASIS_BITS, WORKING_BITS = 14, 20
# Units of means in a grey level, and from there to products of a memory and a basis.
_MEAN_UNIT, _UP = 1 << 10, 1 << 12
# Sums in 1/2^22 grey levels to frames; and those at once to 8 bits, which are rounded from them.
_TO_FRAMES = Rounding(18, 1 << 17, WHITE, np.int16)
_TO_PIXELS = Rounding(22, (1 << 17) + (1 << 21), 255, np.uint8)
# Numbers that are in float64 at once: few enough for the cache, enough to keep it busy.
_AT_ONCE = 1 << 19
# Frames of at most so many numbers are made in pairs.
_PAIRED = 1 << 23
# Whole numbers up to here are exact in float64.
_EXACT = 1 << 53


def rounded(values: Any) -> Any:
    """⌊v + ½⌋ of each."""
    return np.floor(values + 0.5)


def working_maps(network: IMFN, level: int) -> tuple[list[Floats], list[Floats]]:
    """The linear tree's bases of levels 0 … `level`, and the sweepers of all levels; in 1/2^WORKING_BITS.

    Bases (C, 2^l · P), frame by frame, P numbers of a patch: orthonormal rows, what a window's patches are
    multiplied with to make its memory. Sweepers (C, 2C), the left half for earlier frames.
    """
    bases = [_whole(network.leaf.map.weight, 1 << WORKING_BITS)]
    sweepers = [
        _whole(network.sweeper(above).map.weight, 1 << WORKING_BITS)
        for above in range(1, network.config.levels + 1)
    ]
    for sweeper in sweepers[:level]:
        halves = np.split(sweeper, 2, axis=1)
        product = np.concatenate([half @ bases[-1] for half in halves], axis=1)
        bases.append(rounded(product / (1 << WORKING_BITS)))
    return bases, sweepers


def narrowed(working: Floats) -> Floats:
    """A basis in 1/2^WORKING_BITS → in 1/2^BASIS_BITS."""
    return np.asarray(rounded(working / (1 << (WORKING_BITS - BASIS_BITS))))


def whole_tree(network: IMFN) -> "WholeTree":
    """The tree of a network, made once. Raises ModelError for maps that are not orthonormal."""
    return _whole_tree(network)


@lru_cache(maxsize=2)
def _whole_tree(network: IMFN) -> "WholeTree":
    return WholeTree(network)


class WholeTree:
    """Merges, and the way down to the frames of a window, for rows of grid positions.

    Pixels are in 1/PIXEL_UNIT grey levels, 0 … WHITE, memories in 1/MEMORY_UNIT, −LARGEST … LARGEST.
    top: the highest level that is one product from the pixels; above it memories are merged pair by pair.
    """

    def __init__(self, network: IMFN) -> None:
        config = network.config
        self.top, self.channels = foldable_level(config), config.channels
        bases, sweepers = working_maps(network, self.top)
        means, self._centres = _means(network, bases)
        patch = config.patch_size
        self._sweepers = [narrowed(sweeper) for sweeper in sweepers]
        # Column by column: what rows of pixels are multiplied with.
        self._merges = [np.ascontiguousarray(narrowed(basis).T) for basis in bases]
        self._offsets = [mean @ merge for mean, merge in zip(means, self._merges, strict=True)]
        self._stills = [merge.reshape(-1, patch, config.channels).sum(axis=0) for merge in self._merges]
        self._means, self._patch = means, patch
        # What a level's memories are multiplied with to make frames start … stop − 1, and how far that goes.
        self._splits: dict[tuple[int, int, int], Factors] = {}
        self._reaches: dict[int, Reach] = {}
        self._check()

    def merge(self, level: int, rows: NDArray[Any]) -> Integers:
        """Windows of 2^level frames, level ≤ top, pixels (N, 2^level · P) → memories (N, C)."""
        return self._merged(rows, self._merges[level], self._offsets[level])

    def merge_still(self, level: int, rows: NDArray[Any]) -> Integers:
        """The same of windows of one frame again and again, of any level, pixels (N, P) → memories (N, C)."""
        whole = min(level, self.top)
        memories = self._merged(rows, self._stills[whole], self._offsets[whole])
        for above in range(whole + 1, level + 1):
            memories = self.merge_pair(above, memories, memories)
        return memories

    def merge_pair(self, level: int, left: Integers, right: Integers) -> Integers:
        """Memories of level − 1, (N, C) each → of `level`."""
        sweeper, centre = self._sweepers[level - 1], self._centres[level - 1]
        pairs = np.concatenate((left, right), axis=1) * 4.0
        return _to_memory((pairs - centre) @ sweeper.T)

    def last_frame(self, level: int, memories: NDArray[Any]) -> Rows:
        """Memories (N, C) of `level` → the pixels (N, P) of their last frame."""
        ratio = 1 << level
        return next(self.frames(level, memories, ratio - 1, ratio))

    def frames(self, level: int, memories: NDArray[Any], start: int, stop: int) -> Iterator[Rows]:
        """Memories (N, C) of `level` → the pixels (N, P) of each of their frames start … stop − 1, in order.

        Only the splits on the way to those are made, and no more than one memory a level waits.
        """
        return self._frames(level, memories, start, stop, _TO_FRAMES)

    def pixels(self, level: int, memories: NDArray[Any], start: int, stop: int) -> Iterator[Pixels]:
        """The same in whole grey levels: ⌊v / PIXEL_UNIT⌉."""
        return self._frames(level, memories, start, stop, _TO_PIXELS)

    def _frames(
        self, level: int, memories: NDArray[Any], start: int, stop: int, to: Rounding
    ) -> Iterator[NDArray[Any]]:
        if level <= self.top:
            rows = sparse_rows(memories, self._reach(level))
            while start < stop:
                # Two frames at once cost a tenth less.
                pair = start % 2 == 0 and start + 2 <= stop and len(memories) * self._patch <= _PAIRED
                end = start + 2 if pair else start + 1
                found = sparse_product(rows, self._split(level, start, end), to)
                yield from np.split(found, end - start, axis=1)
                start = end
            return
        half = 1 << (level - 1)
        if start < half:
            earlier = self._half(level, memories, 0)
            yield from self._frames(level - 1, earlier, start, min(stop, half), to)
        if stop > half:
            later = self._half(level, memories, 1)
            yield from self._frames(level - 1, later, max(start - half, 0), stop - half, to)

    def _half(self, level: int, memories: NDArray[Any], side: int) -> Integers:
        """Memories (N, C) of `level` → those of level − 1 of their earlier (0) or later (1) frames."""
        sweeper = np.split(self._sweepers[level - 1], 2, axis=1)[side]
        centre = np.split(self._centres[level - 1], 2)[side]
        values = memories.astype(np.float64) @ sweeper + centre * _UP
        return _rounded_to(values, 14, -LARGEST, LARGEST).astype(np.int32)

    def _split(self, level: int, start: int, stop: int) -> Factors:
        """What makes the pixels of frames start … stop − 1 of memories of `level`, at most top."""
        if (level, start, stop) not in self._splits:
            pixels = slice(start * self._patch, stop * self._patch)
            mean = self._means[level][pixels] * _UP
            self._splits[level, start, stop] = factors(self._merges[level][pixels].T, mean)
        return self._splits[level, start, stop]

    def _reach(self, level: int) -> Reach:
        """That of all frames."""
        if level not in self._reaches:
            merge, mean = self._merges[level], self._means[level]
            largest = np.maximum(merge.max(axis=0), -merge.min(axis=0)).astype(np.int64)
            self._reaches[level] = Reach(largest, int(np.abs(mean).max()) * _UP + _TO_PIXELS.add)
        return self._reaches[level]

    def _merged(self, rows: NDArray[Any], merge: Floats, offset: Floats) -> Integers:
        found = np.empty((len(rows), self.channels), np.int32)
        for part in _parts(rows):
            values = rows[part].astype(np.float64) @ merge
            values *= 64
            values -= offset
            found[part] = _to_memory(values)
        return found

    def _check(self) -> None:
        """Raise ModelError unless every sum that can occur is a whole number that float64 holds exactly."""
        largest = [64 * WHITE * _sums(merge, 0) for merge in self._merges]
        largest += [np.abs(offset).max() for offset in self._offsets]
        largest += [LARGEST * _sums(merge, 1) for merge in self._merges]
        largest += [4 * LARGEST * max(_sums(sweeper, 0), _sums(sweeper, 1)) for sweeper in self._sweepers]
        largest += [_UP * np.abs(mean).max() for mean in (*self._means, *self._centres)]
        # Two of them come together. Not `>`: nothing compares with what is no number.
        if not all(value < _EXACT / 2 for value in largest):
            raise ModelError("the model's maps are not orthonormal; --gop 0 does without groups of pictures")


def _sums(matrix: Floats, axis: int) -> float:
    """The largest sum of magnitudes along an axis."""
    return float(np.abs(matrix).sum(axis=axis).max())


def _means(network: IMFN, bases: list[Floats]) -> tuple[list[Floats], list[Floats]]:
    """What zero memories of each level stand for, (2^l · P,), and the sweepers' centres (2C,), in 1/1024."""
    unit, levels = 255 * _MEAN_UNIT, range(1, network.config.levels + 1)
    centres = [_whole(network.sweeper(level).map.mean, unit) for level in levels]
    means = [_whole(network.leaf.map.mean, unit)]
    for basis, centre in zip(bases[:-1], centres, strict=False):
        halves = np.split(centre, 2)
        around = [means[-1] + rounded(half @ basis / (1 << WORKING_BITS)) for half in halves]
        means.append(np.concatenate(around))
    return means, centres


def _to_memory(values: Floats) -> Integers:
    """Sums in 1/2^24 grey levels → memories."""
    return _rounded_to(values, 16, -LARGEST, LARGEST).astype(np.int32)


def _rounded_to(values: Floats, bits: int, low: int, high: int) -> Floats:
    """⌊v / 2^bits⌉ between two limits, in place."""
    values += 1 << (bits - 1)
    values *= 2.0**-bits
    np.floor(values, out=values)
    return np.clip(values, low, high, out=values)


def _parts(rows: NDArray[Any]) -> Iterator[slice]:
    at_once = max(1, _AT_ONCE // rows.shape[1])
    return (slice(first, first + at_once) for first in range(0, len(rows), at_once))


def _whole(weight: Tensor, unit: int) -> Floats:
    """Weights as whole numbers in 1/unit."""
    return np.asarray(rounded(weight.detach().cpu().double().numpy() * unit))
