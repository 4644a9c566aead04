"""Ratios and the levels that they stand for; the levels of a forest's nodes."""

from ..errors import RatioError


def level_of_ratio(ratio: int, levels: int) -> int:
    """log2 of `ratio`, a power of two from 1 to 2**levels; of others `RatioError` names the nearest."""
    if ratio >= 1 and ratio & (ratio - 1) == 0 and ratio <= 1 << levels:
        return ratio.bit_length() - 1
    offered = [1 << level for level in range(levels + 1)]
    below = max((r for r in offered if r <= ratio), default=offered[0])
    above = min((r for r in offered if r >= ratio), default=offered[-1])
    nearest = f"{below} or {above}" if below != above else f"{below}"
    raise RatioError(
        f"ratio {ratio}: this model offers powers of two from 1 to {offered[-1]}; nearest: {nearest}"
    )


def forest_levels(frame_count: int, level: int) -> list[int]:
    """Levels of the nodes that hold `frame_count` frames: full trees, then the binary expansion of the rest.

    >>> forest_levels(29, 3)
    [3, 3, 3, 2, 0]
    """
    rest = frame_count % (1 << level)
    return [level] * (frame_count >> level) + [bit for bit in reversed(range(level)) if rest >> bit & 1]
