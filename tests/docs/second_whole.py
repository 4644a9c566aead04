"""Whole numbers, after docs/FORMAT.md, section 7, alone: numpy, for linear models of gray frames."""

import numpy as np
from numpy.typing import NDArray

from .second_decoder import Field, Model

Ints = NDArray[np.int64]
LARGEST = 2**28 - 1
LARGEST_BASIS = 2**22
TAPS = np.array(
    [
        [0, 256, 0, 0],
        [-11, 255, 13, -1],
        [-18, 248, 29, -3],
        [-24, 238, 47, -5],
        [-27, 225, 67, -9],
        [-28, 209, 88, -13],
        [-28, 192, 109, -17],
        [-27, 173, 131, -21],
        [-24, 152, 152, -24],
    ]
)
TAPS = np.concatenate((TAPS, TAPS[7:0:-1, ::-1]))


def step_of(quality: float) -> int:
    """The step in 1/256 grey levels."""
    d, h = divmod(1100 - round(10 * quality), 100)
    return int(max(1, (round(2 ** (20 + h / 100)) * 256 * 2**d + (1 << 20)) >> 21))


class WholeNetwork:
    """Merges, predictions, frames in whole numbers."""

    def __init__(self, model: Model, height: int, width: int) -> None:
        self.patch = model.patch[0]
        self.h, self.w = -(-height // self.patch), -(-width // self.patch)
        self.groups = model.groups
        weights = model.weights
        levels = model.tensors["shared"].shape[0] - 1

        def whole(name: str, unit: int) -> Ints:
            tensor = weights[name]
            return np.floor(np.array(tensor.data, float).reshape(tensor.shape) * unit + 0.5).astype(np.int64)

        maps, self.mu = [whole("leaf.map.weight", 1 << 20)], [whole("leaf.map.mean", 261_120)]
        channels, pixels = maps[0].shape
        self.top = min(levels, max(0, (LARGEST_BASIS // (channels * pixels)).bit_length() - 1))
        self.sweepers, self.centres = {}, {}
        for level in range(1, levels + 1):
            sweeper = whole(f"sweepers.{level - 1}.map.weight", 1 << 20)
            self.sweepers[level] = (sweeper + 32) >> 6
            self.centres[level] = whole(f"sweepers.{level - 1}.map.mean", 261_120)
            if level > self.top:
                continue
            halves, centres = np.split(sweeper, 2, axis=1), np.split(self.centres[level], 2)
            around = [self.mu[-1] + ((half @ maps[-1] + (1 << 19)) >> 20) for half in centres]
            maps.append(np.concatenate([(half @ maps[-1] + (1 << 19)) >> 20 for half in halves], axis=1))
            self.mu.append(np.concatenate(around))
        self.bases = [(one + 32) >> 6 for one in maps]

    def predicted(self, reference: Ints, field: Field, level: int) -> Ints:
        """(C, h, w): what counts of the memory of the compensated window."""
        frames = range(1, (1 << level) + 1)
        window = np.stack([self.compensated(reference, field, t, 1 << level) for t in frames])
        cut = window.reshape(-1, self.h, self.patch, self.w, self.patch).transpose(1, 3, 0, 2, 4)
        memory = np.moveaxis(self.merged(cut.reshape(self.h, self.w, 1 << level, -1), level), -1, 0)
        low = 0
        for (end, _), gain in zip(self.groups, field.gains, strict=True):
            memory[low:end] = (gain * memory[low:end] + 4) >> 3
            low = end
        for (row, column), intra in field.intra.items():
            if intra:
                memory[:, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2] = 0
        return memory

    def merged(self, window: Ints, level: int) -> Ints:
        """Patches (h, w, 2^level, P) → their memory (h, w, C)."""
        if level > self.top:
            left, right = (self.merged(half, level - 1) for half in np.split(window, 2, axis=2))
            pair = 4 * np.concatenate((left, right), axis=-1) - self.centres[level]
            return clipped((pair @ self.sweepers[level].T + (1 << 15)) >> 16)
        basis = self.bases[level]
        sums = 64 * (window.reshape(self.h, self.w, -1) @ basis.T) - basis @ self.mu[level]
        return clipped((sums + (1 << 15)) >> 16)

    def frames(self, memory: Ints, level: int) -> Ints:
        """A memory (C, h, w) → its frames (2^level, h · patch, w · patch)."""
        return np.stack(self._frames(np.moveaxis(memory, 0, -1), level))

    def _frames(self, memory: Ints, level: int) -> list[Ints]:
        if level > self.top:
            found = []
            halves = np.split(self.sweepers[level], 2, axis=1), np.split(self.centres[level], 2)
            for half, centre in zip(*halves, strict=True):
                below = clipped((memory @ half + (centre << 12) + (1 << 13)) >> 14)
                found += self._frames(below, level - 1)
            return found
        sums = memory @ self.bases[level] + (self.mu[level] << 12)
        values = ((sums + (1 << 17)) >> 18).clip(0, 4080)
        cut = values.reshape(self.h, self.w, -1, self.patch, self.patch).transpose(2, 0, 3, 1, 4)
        return list(cut.reshape(-1, self.h * self.patch, self.w * self.patch))

    def compensated(self, reference: Ints, field: Field, t: int, ratio: int) -> Ints:
        """Frame t = 1 … ratio of the compensated window, (h · patch, w · patch)."""
        size, span = 2 * self.patch, max(4, ratio)
        missing = [(0, -side % size) for side in reference.shape]
        whole = np.pad(reference, missing, mode="edge")
        height, width = whole.shape
        found = np.zeros_like(whole)
        for (row, column), (vx, vy) in field.vectors.items():
            y = 16 * size * row - (32 * t * vy + span) // (2 * span)
            x = 16 * size * column - (32 * t * vx + span) // (2 * span)
            y = min(max(y, -16 * 79), 16 * (height + 78 - size))
            x = min(max(x, -16 * 79), 16 * (width + 78 - size))
            rows = np.arange((y >> 4) - 1, (y >> 4) + size + 2).clip(0, height - 1)
            columns = np.arange((x >> 4) - 1, (x >> 4) + size + 2).clip(0, width - 1)
            source, a, b = whole[rows][:, columns], TAPS[y & 15], TAPS[x & 15]
            lines = sum(b[n] * source[:, n : n + size] for n in range(4))
            block = (sum(a[m] * lines[m : m + size] for m in range(4)) + (1 << 15)) >> 16
            found[size * row : size * (row + 1), size * column : size * (column + 1)] = block
        return found[: reference.shape[0], : reference.shape[1]].clip(0, 4080)


def clipped(memory: Ints) -> Ints:
    """A memory's numbers between its limits."""
    return memory.clip(-LARGEST, LARGEST)
