"""The order in which a memory's grid positions are coded: coarse lattices first, then the points between.

stride 4:   a . . . a      a first, b from its four diagonal neighbours a, then c from the four
            . . . . .      straight neighbours a and b; then again at half the distance, until every
            . . b . .      position has its turn.
            . . . . .
            a . . . a
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

FIRST, DIAGONAL, STRAIGHT = range(3)
#: Kinds of pass, and the distances 1, 2, 4, … that predictions tell apart.
KINDS = 3
DISTANCES = 3
_OFFSETS = {
    DIAGONAL: ((-1, -1), (-1, 1), (1, -1), (1, 1)),
    STRAIGHT: ((-1, 0), (1, 0), (0, -1), (0, 1)),
}


@dataclass(frozen=True)
class Pass:
    """Positions that are coded at once, given those of the passes before.

    kind: FIRST (no neighbours known), DIAGONAL or STRAIGHT.
    distance: to the known neighbours, in positions.
    positions (P,): flat indices into the grid.
    neighbours (4, P): flat indices of the known neighbours; those outside the grid are mirrored to the other
        side, which is as far away and known as well; h·w, one past the end, where there is neither.
    """

    kind: int
    distance: int
    positions: NDArray[np.intp]
    neighbours: NDArray[np.intp]


@lru_cache(maxsize=64)
def passes(h: int, w: int, stride: int) -> tuple[Pass, ...]:
    """The passes over an h × w grid whose first lattice has `stride`, a power of two; none is empty."""
    y, x = (axis.ravel() for axis in np.mgrid[:h, :w])
    made = [_pass(FIRST, stride, (y % stride == 0) & (x % stride == 0), h, w)]
    distance = stride // 2
    while distance:
        step = 2 * distance
        made.append(_pass(DIAGONAL, distance, (y % step == distance) & (x % step == distance), h, w))
        between = (y % distance == 0) & (x % distance == 0) & ((y + x) // distance % 2 == 1)
        made.append(_pass(STRAIGHT, distance, between, h, w))
        distance //= 2
    return tuple(p for p in made if p.positions.size)


def _pass(kind: int, distance: int, mask: NDArray[np.bool_], h: int, w: int) -> Pass:
    positions = np.flatnonzero(mask)
    y, x = np.divmod(positions, w)
    found = []
    for dy, dx in _OFFSETS.get(kind, ()):
        ny, nx = y + dy * distance, x + dx * distance
        ny = np.where((ny < 0) | (ny >= h), y - dy * distance, ny)
        nx = np.where((nx < 0) | (nx >= w), x - dx * distance, nx)
        inside = (ny >= 0) & (ny < h) & (nx >= 0) & (nx < w)
        found.append(np.where(inside, ny * w + nx, h * w))
    return Pass(kind, distance, positions, np.array(found, dtype=np.intp).reshape(len(found), positions.size))
