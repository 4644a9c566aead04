"""What a run trains at each moment: one level after another, then the tree, last what refines its leaves."""

from collections.abc import Sequence
from typing import NamedTuple

from .recipe import Recipe

#: Name of the last stage, in which the branch that refines leaves is trained, and nothing else.
LEAVES = "leaves"


class Stage(NamedTuple):
    """What is trained: one level (1 … levels), or with level 0 the tree end to end, or its leaves' branch.

    done: part of the learning rate's schedule, 0 … 1; the leaves have one of their own.
    """

    name: str
    level: int
    done: float


def stage_at(done: float, recipe: Recipe, learned: Sequence[int], *, refines: bool) -> Stage:
    """What is trained when that part of the run is done, 0 … 1.

    learned: the levels that have branches, lowest first.   refines: whether there is a branch for leaves.
    """
    leaf_share = recipe.leaf_share if refines else 0.0
    tree_share = 1 - leaf_share
    if done >= tree_share and leaf_share:
        return Stage(LEAVES, 0, (done - tree_share) / leaf_share)
    done /= tree_share
    share = recipe.local_share
    if done >= share:
        return Stage("end to end", 0, done)
    level = learned[min(int(done / share * len(learned)), len(learned) - 1)]
    return Stage(f"level {level}", level, done)
