"""The linear tree of an array of any shape: patches to leaves, pairs to memories, and back.

frames (T, H, W, C) ──patches──▶ (T, h, w, P) ──leaf──▶ (T, h, w, K) ──merge──▶ … ──▶ memories (N, h, w, K)
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Patch = tuple[int, int, int]
Array = NDArray[np.float64]
# A row that has so little of its own beside those before it is none.
_LEAST = 0.05


class ArrayTree:
    """Linear maps with orthonormal rows, each with its transpose as its inverse.

    patch: rows, columns, channels of a frame that a position of a memory holds.   mean: (P,) of a patch.
    leaf: (K, P) relative to `patch_basis`; sweepers: (K, 2K) each relative to `pair_basis`, lowest first.
    Rows are made orthonormal from the first one on, so that they may have been rounded.
    """

    def __init__(self, patch: Patch, mean: Array, leaf: Array, sweepers: list[Array]) -> None:
        self.patch = patch
        self.mean = torch.from_numpy(np.asarray(mean, np.float32))
        self.leaf = _tensor(orthonormal(leaf) @ patch_basis(patch))
        basis = pair_basis(len(leaf))
        self.sweepers = [_tensor(orthonormal(one) @ basis) for one in sweepers]

    @property
    def channels(self) -> int:
        """K, numbers at each position of a memory."""
        return len(self.leaf)

    @property
    def levels(self) -> int:
        """Merges that there are."""
        return len(self.sweepers)

    def grid(self, height: int, width: int, channels: int) -> tuple[int, int]:
        """(h, w) of memories; where a patch has fewer channels than a frame, those parts lie side by side."""
        parts = -(-channels // self.patch[2])
        return -(-height // self.patch[0]), -(-width // self.patch[1]) * parts

    def fits(self, size: tuple[int, int, int]) -> bool:
        """Whether frames of `size` (H, W, C) fill their patches, but for a border."""
        h, w = self.grid(*size)
        return h * w * math.prod(self.patch) <= 8 * math.prod(size)

    def leaves(self, frames: Tensor) -> Tensor:
        """Frames (T, H, W, C) float32, about 0 … 1 → leaves (T, h, w, K)."""
        return (patches(frames, self.patch) - self.mean) @ self.leaf.T

    def frames(self, leaves: Tensor, size: tuple[int, int, int]) -> Tensor:
        """Leaves (T, h, w, K) → frames (T, *size); size: (H, W, C)."""
        (height, width, channels), (ph, pw, pc) = size, self.patch
        rows, parts = -(-height // ph), -(-channels // pc)
        cut = (leaves @ self.leaf + self.mean).reshape(len(leaves), rows, -1, parts, ph, pw, pc)
        whole = cut.permute(0, 1, 4, 2, 5, 3, 6).reshape(len(leaves), rows * ph, -1, parts * pc)
        return whole[:, :height, :width, :channels]

    def merge(self, left: Tensor, right: Tensor, level: int) -> Tensor:
        """Two memories of level − 1, (N, h, w, K) each → their memory of `level`."""
        return torch.cat((left, right), dim=-1) @ self.sweepers[level - 1].T

    def split(self, memory: Tensor, level: int) -> tuple[Tensor, Tensor]:
        """A memory of `level`, (N, h, w, K) → left and right memories of level − 1."""
        left, right = (memory @ self.sweepers[level - 1]).chunk(2, dim=-1)
        return left, right

    def climb(self, frames: Tensor, level: int) -> Tensor:
        """Frames (N · 2^level, H, W, C) → their memories (N, h, w, K)."""
        memories = self.leaves(frames)
        for above in range(1, level + 1):
            memories = self.merge(memories[0::2], memories[1::2], above)
        return memories

    def descend(self, memories: Tensor, level: int, size: tuple[int, int, int]) -> Tensor:
        """Memories (N, h, w, K) of `level` → frames (N · 2^level, *size)."""
        for above in range(level, 0, -1):
            memories = torch.stack(self.split(memories, above), dim=1).flatten(0, 1)
        return self.frames(memories, size)


def patches(frames: Tensor, patch: Patch) -> Tensor:
    """Frames (T, H, W, C) → patches (T, h, w, P); borders are repeated to whole patches."""
    for axis, side in enumerate(patch, 1):
        missing = -frames.shape[axis] % side
        if missing:
            border = frames.narrow(axis, frames.shape[axis] - 1, 1)
            frames = torch.cat((frames, *[border] * missing), dim=axis)
    count, height, width, channels = frames.shape
    ph, pw, pc = patch
    cut = frames.reshape(count, height // ph, ph, width // pw, pw, channels // pc, pc)
    return cut.permute(0, 1, 3, 5, 2, 4, 6).reshape(count, height // ph, -1, ph * pw * pc)


def patch_basis(patch: Patch) -> Array:
    """(P, P): the cosine transform of a patch's rows and columns; of a vector, or channels, the samples."""
    rows = [_cosines(side) if patch[0] > 1 else np.eye(side) for side in patch[:2]]
    return np.kron(np.kron(rows[0], rows[1]), np.eye(patch[2]))


def _cosines(side: int) -> Array:
    angles = np.pi / side * np.outer(np.arange(side), np.arange(side) + 0.5)
    basis = np.cos(angles) * np.sqrt(2 / side)
    basis[0] /= np.sqrt(2)
    return basis


def pair_basis(channels: int) -> Array:
    """(2K, 2K): sums of both memories' channels, then differences, over √2."""
    one = np.eye(channels) / np.sqrt(2)
    return np.block([[one, one], [one, -one]])


def orthonormal(rows: Array) -> Array:
    """Each row without what it shares with those before it, of length one; zeros where nothing is left."""
    made = np.zeros(rows.shape)
    for index, row in enumerate(rows):
        # Twice: what rounding left the first time.
        for _ in range(2):
            row = row - made[:index].T @ (made[:index] @ row)
        length = float(np.linalg.norm(row))
        if length > _LEAST:
            made[index] = row / length
    return made


def _tensor(array: Array) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, np.float32))
