"""A linear tree of whole numbers: what a latent carries of a model that was fitted to its array.

Matrices are relative to reference bases that both sides know, so that most of their entries are zero.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..entropy.varint import read_varint, varint
from . import grid_coder

#: Units of the leaf's mean: 2^-MEAN_BITS of the samples' range.
MEAN_BITS = 14
#: Most samples in a patch, and most levels.
MOST_PATCH, MOST_LEVELS = 256, 6
_MOST_BITS = 14

Integers = NDArray[np.int32]


@dataclass(frozen=True)
class Matrix:
    """Rows of numbers entries · 2^-bits.   entries: (rows, size) whole numbers.   bits: (rows,) 0 … 14."""

    entries: Integers
    bits: Integers

    @property
    def values(self) -> NDArray[np.float64]:
        """The numbers."""
        scaled: NDArray[np.float64] = np.ldexp(self.entries.astype(np.float64), -self.bits[:, None])
        return scaled


@dataclass(frozen=True)
class TreeModel:
    """patch: rows, columns, channels of a frame that one position of a memory holds.

    mean: (P,) of a patch's samples, in 2^-14 of the range.   leaf: (K, P).   sweepers: (K, 2K), lowest first.
    """

    patch: tuple[int, int, int]
    mean: Integers
    leaf: Matrix
    sweepers: tuple[Matrix, ...]

    @property
    def channels(self) -> int:
        """K, numbers at each position of a memory."""
        return len(self.leaf.bits)

    @property
    def patch_size(self) -> int:
        """P, samples of a patch."""
        return int(np.prod(self.patch))

    def to_bytes(self) -> bytes:
        """varints: patch (3), K, levels; then a stream of grids: mean, of each matrix bits and entries."""
        head = b"".join(varint(one) for one in (*self.patch, self.channels, len(self.sweepers)))
        matrices = (self.leaf, *self.sweepers)
        grids = grid_coder.encoder(
            1, self.mean.size + sum(one.entries.size + one.bits.size for one in matrices)
        )
        for flat in (self.mean[None], *(part for one in matrices for part in (one.bits[None], one.entries))):
            grid_coder.write(grids, flat[None, None])
        return head + grid_coder.to_bytes(grids)

    @classmethod
    def from_bytes(cls, data: bytes) -> "TreeModel":
        """What `to_bytes` gave. Raises ValueError where it is malformed."""
        numbers: list[int] = []
        at = 0
        for _ in range(5):
            number, at = read_varint(data, at)
            numbers.append(number)
        *patch, channels, levels = numbers
        size = int(np.prod(patch, dtype=object))
        if not (1 <= size <= MOST_PATCH and 1 <= channels <= size and levels <= MOST_LEVELS):
            raise ValueError("a tree of such a shape cannot be")
        grids = grid_coder.decoder(1, data[at:])

        def flat(rows: int, columns: int) -> Integers:
            found: Integers = grid_coder.read(grids, (1, 1, rows, columns))[0, 0]
            # After each matrix: a few bytes that claim the largest tree cost one of them.
            if grid_coder.spent(grids, len(data) - at):
                raise ValueError("a tree's bytes run out")
            return found

        mean = flat(1, size)[0]
        shapes = [(channels, size)] + [(channels, 2 * channels)] * levels
        leaf, *sweepers = [
            Matrix(bits=flat(1, rows)[0].clip(0, _MOST_BITS), entries=flat(rows, columns))
            for rows, columns in shapes
        ]
        return cls((patch[0], patch[1], patch[2]), mean, leaf, tuple(sweepers))


def rounded(rows: NDArray[np.float64], bits: NDArray[np.int64], kept: NDArray[np.bool_]) -> Matrix:
    """Rows of orthonormal numbers, rounded to so many bits each; those that are not kept are zeros."""
    chosen = bits.clip(0, _MOST_BITS).astype(np.int32) * kept
    entries = np.rint(np.ldexp(rows, chosen[:, None])) * kept[:, None]
    return Matrix(entries.astype(np.int32), chosen)
