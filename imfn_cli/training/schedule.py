"""The learning rate's schedule: a warm-up, then half a cosine down to zero."""

import math

# Of a budget: what the first step counts as, so that it learns something.
_FIRST = 1e-3


def learning_rate(peak: float, warm: float, done: float) -> float:
    """The learning rate at one step.

    peak: the largest.   warm: part of the warm-up that is behind, from 1 on all of it.   done: where on the
    cosine the step is, from 0 (and below), at its top, to 1, at zero.
    """
    position = min(1.0, max(0.0, done))
    return peak * min(1.0, warm) * (1 + math.cos(math.pi * position)) / 2


def learning_rate_at(peak: float, part: float, warmup: float) -> float:
    """The learning rate after `part` (0 … 1) of a run that has all of its schedule in one budget.

    peak: the largest, reached after `warmup` (0 … 1) of the budget along a line from next to nothing.
    """
    done = (part - warmup) / (1 - warmup) if part > warmup else 0.0
    return learning_rate(peak, (part + _FIRST) / (warmup + _FIRST), done)
