"""The paper's questions, each answered with tables and pictures: factorisation, MNIST, student, camera."""

from typing import TYPE_CHECKING

from ..system.lazy import lazy_attributes

if TYPE_CHECKING:
    from .factorisation.budget import check_unseen, one_step_seconds, tree_recipe, tree_share
    from .factorisation.comparison import (
        FactorisationResults,
        compare_networks,
        contenders_of,
        write_factorisation,
    )
    from .factorisation.train_one_step import TrainedOneStep, one_step_recipe, train_one_step

__all__ = [
    "FactorisationResults",
    "TrainedOneStep",
    "check_unseen",
    "compare_networks",
    "contenders_of",
    "one_step_recipe",
    "one_step_seconds",
    "train_one_step",
    "tree_recipe",
    "tree_share",
    "write_factorisation",
]

__getattr__, __dir__ = lazy_attributes(
    __name__,
    {
        "factorisation.budget": ("check_unseen", "one_step_seconds", "tree_recipe", "tree_share"),
        "factorisation.comparison": (
            "FactorisationResults",
            "compare_networks",
            "contenders_of",
            "write_factorisation",
        ),
        "factorisation.train_one_step": ("TrainedOneStep", "one_step_recipe", "train_one_step"),
    },
)
