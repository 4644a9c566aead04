"""The order of samples: dyadic lattices in time and in space, each predicted from those before it.

In time frame 0 comes first, then the frames half way, a quarter way and so on: the two neighbours of a
frame, `distance` before and after, are complete when it is coded. Within a frame it goes alike both ways.
"""

from collections.abc import Iterator
from dataclasses import dataclass

# The first lattice of a frame is no wider than this.
_WIDEST = 32
# Samples three steps away are looked at where a step is no longer than this.
_FAR = 4

Offset = tuple[int, int]


@dataclass(frozen=True)
class Pass:
    """Positions (top + i · stride, left + j · stride) of a frame, and where their neighbours are.

    near: offsets (dy, dx) of known neighbours, the nearest first.   far: on the same line, three steps away.
    step: distance to the near ones.   columns, rows: (outside, inside), lines beyond the frame that
    neighbours ask for, and the known line that stands for each.
    """

    top: int
    left: int
    stride: int
    step: int
    near: tuple[Offset, ...]
    far: tuple[Offset, ...]
    columns: tuple[tuple[int, int], ...]
    rows: tuple[tuple[int, int], ...]


def passes(height: int, width: int) -> list[Pass]:
    """The passes of a frame, in coding order; together they hold every position once."""
    stride = 1
    while stride < min(_WIDEST, max(height, width)):
        stride *= 2
    found = [Pass(0, 0, stride, stride, (), (), (), ())]
    step = stride // 2
    while step:
        found += _of_step(height, width, step)
        step //= 2
    return found


def _of_step(height: int, width: int, d: int) -> Iterator[Pass]:
    vertical, horizontal = d < height, d < width
    if vertical and horizontal:
        yield _pass(height, width, d, d, d, [(-d, -d), (-d, d), (d, -d), (d, d)], [])
    across, down = [(0, -d), (0, d)], [(-d, 0), (d, 0)]
    far_across = [(0, -3 * d), (0, 3 * d)] if d <= _FAR and 3 * d < width else []
    far_down = [(-3 * d, 0), (3 * d, 0)] if d <= _FAR and 3 * d < height else []
    if horizontal:
        yield _pass(height, width, 0, d, d, across + (down if vertical else []), far_across)
    if vertical:
        corners = [(-d, -d), (-d, d), (d, -d), (d, d)] if horizontal else []
        yield _pass(height, width, d, 0, d, down + (across if horizontal else []) + corners, far_down)


def _pass(
    height: int, width: int, top: int, left: int, d: int, near: list[Offset], far: list[Offset]
) -> Pass:
    offsets = near + far
    rows = _beyond(height, top, d, {dy for dy, _ in offsets})
    columns = _beyond(width, left, d, {dx for _, dx in offsets})
    return Pass(top, left, 2 * d, d, tuple(near), tuple(far), columns, rows)


def _beyond(length: int, first: int, d: int, offsets: set[int]) -> tuple[tuple[int, int], ...]:
    """Lines outside 0 … length − 1, and for each one inside, a multiple of 2d away, known alike."""
    # Only the first and the last positions look beyond; there may be very many between.
    every = range(first, length, 2 * d)
    few = max(map(abs, offsets), default=0) // (2 * d) + 1
    asked = {at + off for off in offsets for at in (*every[:few], *every[-few:])}
    pairs = []
    for line in sorted(at for at in asked if not 0 <= at < length):
        inside = line % (2 * d) if line < 0 else line - 2 * d * -(-(line - length + 1) // (2 * d))
        pairs.append((line, inside))
    return tuple(pairs)


def margin(length: int, found: list[Pass], axis: int) -> int:
    """Lines that are needed beyond either end of an axis (0: rows, 1: columns), at least one."""
    asked = [pair for one in found for pair in ((one.rows, one.columns)[axis])]
    return max([1, *(-at for at, _ in asked), *(at - length + 1 for at, _ in asked)])


def levels(frames: int) -> Iterator[tuple[slice, int]]:
    """Which frames come together, and the distance to their neighbours in time; 0: none."""
    yield slice(0, 1), 0
    distance = 1
    while distance < frames:
        distance *= 2
    while distance := distance // 2:
        yield slice(distance, frames, 2 * distance), distance
