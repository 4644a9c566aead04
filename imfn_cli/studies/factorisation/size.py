"""As large as the tree: how wide the one-step networks must be."""

from collections.abc import Iterable
from itertools import count

from ...network import IMFN, Branch, IMFNConfig, MemoryNetwork
from .one_step import OneStepMerge


def trained_numbers(network: MemoryNetwork, level: int) -> int:
    """Numbers that training moves and that ratio 2**level uses: all of its branches, both ways."""
    return _numbers(network.branches(level))


def equal_widths(tree: IMFN) -> tuple[int, ...]:
    """For each ratio 2, 4, … the least width with no fewer numbers than the tree's levels up to it together.

    A ratio of the tree uses all levels below too, and so the one-step networks grow with the ratio. Since
    they share nothing, all of them together have more numbers than the tree. 0 where the tree is linear so
    far.
    """
    levels = range(1, tree.config.levels + 1)
    return tuple(_width(tree.config, level, trained_numbers(tree, level)) for level in levels)


def _width(config: IMFNConfig, level: int, wanted: int) -> int:
    if not wanted:
        return 0
    # A polynomial of the second degree in the width: three widths say which.
    merges = (OneStepMerge(config, level, width) for width in (1, 2, 3))
    first, second, third = (_numbers(merge.branches()) for merge in merges)
    square = (third - 2 * second + first) // 2
    line = second - first - 3 * square
    rest = first - square - line
    return next(width for width in count(1) if (square * width + line) * width + rest >= wanted)


def _numbers(branches: Iterable[Branch]) -> int:
    return sum(p.numel() for branch in branches for p in branch.parameters())
