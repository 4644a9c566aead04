"""What is known of a symbol before it is coded: integer features for the entropy model.

A memory's channels are coded group by group (falling energy), and within a group pass by pass of the
scan (`scan.py`). Known of a symbol are then the earlier groups, everywhere, and its own group at the four
neighbours of the coarser lattices.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .scan import Pass, passes

Integers = NDArray[np.int32]

#: Magnitudes above this count as this, so that the sums below stay small.
_CLIP = 1023


@dataclass(frozen=True)
class Part:
    """One pass over one group, with what is known of its symbols.

    low, high: the channels coded.   scan: the pass, with the P grid positions coded.
    shared (P, 2·G + 1): log-magnitude sums of each earlier group at the position and of each around it, and
        of this group around it (0 where not known).
    own (P, high − low): log-magnitude sums of each channel at the four neighbours; None in a FIRST pass.
    signed (P, 4 · predicted): symbols of the predicted channels at the neighbours; None where none is.
    """

    group: int
    low: int
    high: int
    scan: Pass
    shared: Integers
    own: Integers | None
    signed: Integers | None


@dataclass(frozen=True)
class Grouping:
    """How channels are grouped.

    ends, strides: end channel and first lattice's stride of each of the G groups.
    predicted: how many of the first group's channels are predicted from their neighbours.
    logs: log-magnitude (integer) of every sum from 0 to len(logs) − 1; larger sums count as the last.
    """

    ends: tuple[int, ...]
    strides: tuple[int, ...]
    predicted: int
    logs: NDArray[np.int16]

    def walk(self, h: int, w: int, active: int, visit: Callable[[Part], Integers]) -> Integers:
        """Call `visit` with each part in coding order; it returns the part's symbols (P, high − low).

        Channels from `active` on are all zero and not visited. Returns the symbols (C, h, w).
        """
        size, count = h * w, len(self.ends)
        # Position-major, so that a neighbour's channels are one run of memory; the extra row is "outside".
        symbols = np.zeros((size + 1, self.ends[-1]), np.int32)
        known = np.zeros((size, 2 * count + 1), np.int32)
        straight = neighbours_around(h, w)
        low = 0
        for group, (end, stride) in enumerate(zip(self.ends, self.strides, strict=True)):
            high = min(end, active)
            if high <= low:
                break
            magnitudes = np.zeros((size + 1, high - low), np.int32)
            for scan in passes(h, w, stride):
                symbols_here = visit(self._part(group, low, high, scan, symbols, magnitudes, known))
                symbols[scan.positions, low:high] = symbols_here
                magnitudes[scan.positions] = np.minimum(np.abs(symbols_here), _CLIP)
            total = magnitudes.sum(axis=1)
            known[:, 2 * group] = self._log(total[:-1])
            known[:, 2 * group + 1] = self._log(total[straight].sum(axis=0))
            low = end
        return np.ascontiguousarray(symbols[:-1].T).reshape(-1, h, w)

    def _part(
        self,
        group: int,
        low: int,
        high: int,
        scan: Pass,
        symbols: Integers,
        magnitudes: Integers,
        known: Integers,
    ) -> Part:
        shared = known[scan.positions]
        own = signed = None
        if len(scan.neighbours):
            around = magnitudes[scan.neighbours[0]]
            for neighbour in scan.neighbours[1:]:
                around += magnitudes[neighbour]
            own = self._log(around)
            shared[:, -1] = self._log(around.sum(axis=1))
            if group == 0 and self.predicted:
                near = symbols[scan.neighbours, : self.predicted]
                signed = near.transpose(1, 0, 2).reshape(len(scan.positions), -1)
        return Part(group, low, high, scan, shared, own, signed)

    def _log(self, sums: Integers) -> Integers:
        return self.logs[np.minimum(sums, len(self.logs) - 1)].astype(np.int32)


def neighbours_around(h: int, w: int) -> NDArray[np.intp]:
    """(4, h·w) flat indices of the straight neighbours of every position; h·w stands for outside the grid."""
    index = np.full((h + 2, w + 2), h * w, np.intp)
    index[1:-1, 1:-1] = np.arange(h * w).reshape(h, w)
    return np.stack([index[:-2, 1:-1], index[2:, 1:-1], index[1:-1, :-2], index[1:-1, 2:]]).reshape(4, -1)
