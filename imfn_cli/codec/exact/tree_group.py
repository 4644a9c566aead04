"""A group of an array's frames as the memories of a tree, and back.

varint    size of the exceptions
…         exceptions (`exceptions.py`): samples that are infinite or not a number
the rest  grids (`bitstream.exact.grid_coder`): all roots together, then the smaller trees of frames that
          fill no whole one, each alone, the largest first
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...bitstream.entropy.varint import read_varint, varint
from ...bitstream.exact import grid_coder
from ...network.array_tree import ArrayTree
from .exceptions import filled, packed_exceptions, put_exceptions

Array = NDArray[Any]
# Values are rounded up from 1 less this part of a step on, which takes fewer bits than from a half.
_ROUNDING = 0.42
# Samples that go through the tree at once, about.
_AT_ONCE = 1 << 23


class Span(NamedTuple):
    """What samples are numbers of: 0 stands for `low`, 1 for `high`.   bounds: none comes back outside."""

    low: float
    high: float
    bounds: tuple[float, float]

    @property
    def half(self) -> float:
        """Half of the width, which a float always holds; 1 where there is none."""
        return (self.high / 2 - self.low / 2) or 1.0

    def unit(self, samples: Array) -> NDArray[np.float32]:
        """Samples → float32, 0 … 1."""
        values = samples.astype(np.float64) / 2
        values -= self.low / 2
        values /= self.half
        return values.astype(np.float32)

    def samples(self, values: NDArray[np.float32], dtype: np.dtype[Any]) -> Array:
        """float32 → samples of `dtype`, within the bounds."""
        wide = values.astype(np.float64)
        wide *= self.half
        wide += self.low / 2
        wide = np.clip(wide, self.bounds[0] / 2, self.bounds[1] / 2) * 2
        if dtype.kind == "f":
            with np.errstate(over="ignore"):
                return wide.astype(dtype)
        wide = np.rint(wide)
        if dtype.kind == "b":
            return wide > 0
        limits = np.iinfo(dtype)
        # As floats the ends of 64 bits are one too far.
        low, high = float(limits.min), np.nextafter(float(limits.max) + 1, 0)
        return wide.clip(low, high).astype(dtype)


class TreeCoder(NamedTuple):
    """tree: the maps.   levels: of a whole tree's merges.   step: of the quantiser, in parts of the span."""

    tree: ArrayTree
    levels: int
    step: float
    span: Span

    def encode(self, samples: Array) -> bytes:
        """samples: (T, H, W, C)."""
        finite = np.isfinite(samples) if samples.dtype.kind == "f" else None
        exceptions = b""
        if finite is not None and not finite.all():
            exceptions = packed_exceptions(samples, ~finite)
            samples = filled(samples, finite)
        memories = [
            self._quantised(samples[start:stop], level) for start, stop, level in self.runs(len(samples))
        ]
        numbers = sum(one.size for one in memories)
        grids = grid_coder.encoder(self.tree.channels, numbers)
        for one in memories:
            grid_coder.write(grids, one)
        return varint(len(exceptions)) + exceptions + grid_coder.to_bytes(grids)

    def climbed(self, samples: Array) -> Iterator[tuple[int, Tensor]]:
        """The memories of frames (T, H, W, C) in floats: level and (K, h, w); what is no number is filled."""
        if samples.dtype.kind == "f":
            finite = np.isfinite(samples)
            samples = samples if finite.all() else filled(samples, finite)
        for start, stop, level in self.runs(len(samples)):
            for one in np.split(samples[start:stop], (stop - start) >> level):
                yield level, self._climb(one, level)[0].movedim(-1, 0).contiguous()

    def memories(
        self, data: bytes, shape: tuple[int, int, int, int]
    ) -> list[tuple[int, NDArray[np.float32]]]:
        """The memories of a group of `shape` (T, H, W, C): level and (N, K, h, w), in order of time.

        Raises ValueError where bytes are damaged.
        """
        size, at = read_varint(data, 0)
        return self._memories(data[at + size :], shape)

    def decode(self, data: bytes, shape: tuple[int, int, int, int], dtype: np.dtype[Any]) -> Array:
        """The samples (T, H, W, C) of a group. Raises ValueError where its bytes are damaged."""
        size, at = read_varint(data, 0)
        restored = np.empty(shape, dtype)
        start = 0
        for level, memories in self._memories(data[at + size :], shape):
            for memory in memories:
                rows = torch.from_numpy(memory).movedim(0, -1)[None]
                start = self._restore(rows, level, restored, start)
        if size:
            put_exceptions(restored, data[at : at + size])
        return restored

    def _memories(
        self, data: bytes, shape: tuple[int, int, int, int]
    ) -> list[tuple[int, NDArray[np.float32]]]:
        grids = grid_coder.decoder(self.tree.channels, data)
        if not self.tree.fits(shape[1:]):
            raise ValueError("patches are larger than frames")
        h, w = self.tree.grid(*shape[1:])
        found = []
        for start, stop, level in self.runs(shape[0]):
            values = grid_coder.read(grids, ((stop - start) >> level, self.tree.channels, h, w))
            found.append((level, values.astype(np.float32) * np.float32(self.step)))
        if grid_coder.spent(grids, len(data)):
            raise ValueError("bytes run out")
        return found

    def runs(self, frames: int) -> list[tuple[int, int, int]]:
        """(start, stop, level): whole trees together, then one of each level that the rest fills."""
        whole = frames >> self.levels << self.levels
        runs = [(0, whole, self.levels)] if whole else []
        for level in range(self.levels - 1, -1, -1):
            if frames >> level & 1:
                runs.append((whole, whole + (1 << level), level))
                whole += 1 << level
        return runs

    def _quantised(self, samples: Array, level: int) -> NDArray[np.int32]:
        trees = [self._climb(one, level) for one in np.split(samples, len(samples) >> level)]
        scaled = torch.cat(trees).movedim(-1, 1).numpy() / self.step
        whole = np.sign(scaled) * np.floor(np.abs(scaled) + _ROUNDING)
        return whole.clip(-grid_coder.LARGEST, grid_coder.LARGEST).astype(np.int32)

    def _climb(self, samples: Array, level: int) -> Tensor:
        """The memory (1, h, w, K) of 2^level frames."""
        if level and samples.size > _AT_ONCE:
            half = len(samples) // 2
            left, right = (self._climb(part, level - 1) for part in (samples[:half], samples[half:]))
            return self.tree.merge(left, right, level)
        return self.tree.climb(torch.from_numpy(self.span.unit(samples)), level)

    def _restore(self, memory: Tensor, level: int, restored: Array, start: int) -> int:
        """Write the frames of a memory (1, h, w, K) from `start` on; returns where they end."""
        size = restored.shape[1:]
        if level and (int(np.prod(size)) << level) > _AT_ONCE:
            for part in self.tree.split(memory, level):
                start = self._restore(part, level - 1, restored, start)
            return start
        frames = self.tree.descend(memory, level, (size[0], size[1], size[2])).numpy()
        restored[start : start + len(frames)] = self.span.samples(frames, restored.dtype)
        return start + len(frames)
