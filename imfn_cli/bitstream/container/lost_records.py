"""What stands for damaged records of a growing latent, so that every frame keeps its number and its time."""

from collections.abc import Iterator

import numpy as np

from .header import Header
from .journal import HEAD_SIZE, LONGEST_SPAN, Gap, Record
from .spread import Spread


def without_gaps(pieces: list[Record | Gap], header: Header) -> Iterator[Record]:
    """The records, and lost ones for each run of gaps, so that every frame keeps its number and its time."""
    whole = header.ratio.bit_length() - 1
    records = [piece for piece in pieces if isinstance(piece, Record)]
    typical = sum(_stored(record) for record in records) / len(records)
    before: Record | None = None
    gaps: list[Gap] = []
    for piece in pieces:
        if isinstance(piece, Gap):
            gaps.append(piece)
            continue
        if gaps:
            nominal = header.frame_ticks or 1
            missing = _frames_between(before, piece, nominal)
            largest, smallest = _between(before, piece, whole, adaptive=header.adaptive)
            levels = _lost_levels(gaps, largest, smallest, typical, missing)
            yield from _lost(levels, before, piece, nominal)
        yield piece
        before, gaps = piece, []


def _stored(record: Record) -> int:
    """Bytes of a record in the journal, its head included."""
    times = record.times.nbytes if isinstance(record.times, np.ndarray) else 0
    return HEAD_SIZE + times + record.size


def _between(before: Record | None, after: Record, whole: int, *, adaptive: bool) -> tuple[int, int]:
    """The largest and smallest level between two records, `before` None at the beginning.

    whole: that of a full tree. Full trees come first; in the tail every node is smaller than the one before
    it. In an adaptive forest every GOP begins with a single frame.
    """
    if adaptive:
        return whole, 0
    largest = whole if before is None or before.level >= whole else max(0, before.level - 1)
    return largest, whole if after.level >= whole else after.level + 1


def _lost_levels(
    gaps: list[Gap], largest: int, smallest: int, typical: float, missing: int | None
) -> list[int]:
    """The levels of the nodes in a gap, by the largest and smallest that may be there.

    typical: bytes of a record.   missing: frames, None where not known. What tells, the surest first: whole
    heads, of which only the times are damaged; what is left of the one head; the frames that are missing; the
    bytes.
    """
    if all(gap.certain for gap in gaps):
        return [gap.level for gap in gaps]
    if len(gaps) == 1 and gaps[0].alone:
        if missing is None:
            return [max(smallest, min(gaps[0].level, largest))]
        if missing.bit_count() == 1 and missing <= 1 << largest:
            return [missing.bit_length() - 1]
        return [largest] if missing else []
    size = sum(gap.size for gap in gaps)
    # More nodes than have room there need not be counted.
    if missing is not None and (missing >> largest) * HEAD_SIZE <= size:
        levels = [largest] * (missing >> largest)
        levels += [level for level in reversed(range(largest)) if missing >> level & 1]
        if len(levels) * HEAD_SIZE <= size:
            return levels
    return [largest] * min(max(1, round(size / typical)), size // HEAD_SIZE)


def _frames_between(before: Record | None, after: Record, nominal: int) -> int | None:
    """How many frames are missing between two records of evenly spaced ones; None where that is not known."""
    if before is None or not isinstance(before.times, range) or not isinstance(after.times, range):
        return None
    # Single frames have no step of their own.
    steps = {one.times.step for one in (before, after) if isinstance(one.times, range) and one.level}
    if len(steps) > 1:
        return None
    count, rest = divmod(after.times[0] - before.times[-1], steps.pop() if steps else nominal)
    return count - 1 if rest == 0 and count > 0 else None


def _lost(levels: list[int], before: Record | None, after: Record, tick: int) -> Iterator[Record]:
    """Lost records of these levels, their frames' times spread evenly between the records around them.

    Those that have no room in time are left out: times increase.
    """
    end = int(after.times[0])
    if isinstance(after.times, range) and after.level:
        tick = after.times.step
    # Before the first record time ends only where 64 bits do.
    beginning = min(end + (1 << 63), LONGEST_SPAN)
    room = beginning // tick - 1 if before is None else end - int(before.times[-1]) - 1
    kept: list[int] = []
    frames = 0
    for level in levels:
        if frames + (1 << level) <= room:
            kept.append(level)
            frames += 1 << level
    start = end - (frames + 1) * tick if before is None else int(before.times[-1])
    first = 0
    for level in kept:
        yield Record(level, 0, 0, 0, Spread(start, end, frames, first, 1 << level).plain, lost=True)
        first += 1 << level
