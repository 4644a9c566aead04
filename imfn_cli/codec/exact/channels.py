"""Which channels of a group are coded as differences to others: what is cheapest along rows of a sample."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...bitstream.exact.channel_plan import ChannelPlan, difference_limits
from ...bitstream.exact.group import MOST_BITS

Costs = NDArray[np.float64]

#: More channels than these are coded as they are.
MOST_CHANNELS = 32
# Positions that are looked at, fewer where there are many pairs of channels.
_POSITIONS, _PAIRS = 1 << 15, 1 << 21


def may_differ(size: tuple[int, int, int], limits: tuple[int, int], error_steps: int) -> bool:
    """Whether a group's channels may be differences. size: (H, W, C) of frames; others as in its header."""
    low, high = difference_limits(limits)
    narrow = max(-low, high) + 2 * error_steps + 1 < 1 << MOST_BITS - 1
    return 2 <= size[2] <= MOST_CHANNELS and size[1] >= 3 and narrow


def cheapest_plan(values: NDArray[Any], error_steps: int) -> ChannelPlan:
    """The plan of a group of whole numbers (T, H, W, C); a row has at least three."""
    frames, height, width, channels = values.shape
    few = values[sorted({0, frames // 2, frames - 1})]
    positions = min(_POSITIONS, _PAIRS // channels**2)
    every = max(1, len(few) * height * width // positions)
    # Of very wide frames the first part of a row stands for it.
    rows = few[:, ::every, : max(3, positions)]
    # What is left of a sample when its neighbours in the row have predicted it: twice as much.
    rest = 2 * rows[:, :, 1:-1] - rows[:, :, :-2] - rows[:, :, 2:]
    rest = rest.reshape(-1, channels).T / (2.0 * error_steps + 1)
    return _tree(np.array([_bits(one) for one in rest]), _between(rest))


def _between(rest: Costs) -> Costs:
    """(C, C): bits of the difference of any two channels."""
    costs = np.zeros((len(rest), len(rest)))
    for one in range(len(rest)):
        for other in range(one):
            costs[one, other] = costs[other, one] = _bits(rest[one] - rest[other])
    return costs


def _bits(rest: Costs) -> float:
    return float(np.log2(1 + np.abs(rest)).mean())


def _tree(own: Costs, between: Costs) -> ChannelPlan:
    """The tree of least cost over all channels, as Prim grows it: a channel alone costs its own bits."""
    cost = own.copy()
    references: list[int | None] = [None] * len(own)
    order: list[int] = []
    left = list(range(len(own)))
    while left:
        best = min(left, key=lambda one: cost[one])
        order.append(best)
        left.remove(best)
        for one in left:
            if between[one, best] < cost[one]:
                cost[one], references[one] = between[one, best], best
    plan = ChannelPlan(tuple(order), tuple(references))
    return plan if plan.differs else ChannelPlan.plain(len(own))
