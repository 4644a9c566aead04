"""Making models: data, closed-form fits, training with gradients, distillation."""

from typing import TYPE_CHECKING

from ..system.lazy import lazy_attributes

if TYPE_CHECKING:
    from .array_fit import MOST_SAMPLES, fit_tree, patch_for
    from .budget import Budget
    from .distillation import Distillation, Distilled, distil, resumed_distillation
    from .export import export_step, require_packages
    from .linear_run import fit_linear
    from .machine import hardware, hardware_and_torch
    from .own_footage import recipe_for
    from .places import disjoint, short_names, sources_of
    from .pool import read_pool
    from .processes import joined, local_rank
    from .recipe import RECIPE_FILE, Recipe, changed, read_recipe
    from .run import device_of, train_model
    from .stages import Stages, begun_with, check_unfinished

__all__ = [
    "MOST_SAMPLES",
    "RECIPE_FILE",
    "Budget",
    "Distillation",
    "Distilled",
    "Recipe",
    "Stages",
    "begun_with",
    "changed",
    "check_unfinished",
    "device_of",
    "disjoint",
    "distil",
    "export_step",
    "fit_linear",
    "fit_tree",
    "hardware",
    "hardware_and_torch",
    "joined",
    "local_rank",
    "patch_for",
    "read_pool",
    "read_recipe",
    "recipe_for",
    "require_packages",
    "resumed_distillation",
    "short_names",
    "sources_of",
    "train_model",
]

__getattr__, __dir__ = lazy_attributes(
    __name__,
    {
        "array_fit": ("MOST_SAMPLES", "fit_tree", "patch_for"),
        "distillation": ("Distillation", "Distilled", "distil", "resumed_distillation"),
        "export": ("export_step", "require_packages"),
        "machine": ("hardware", "hardware_and_torch"),
        "linear_run": ("fit_linear",),
        "places": ("disjoint", "short_names", "sources_of"),
        "pool": ("read_pool",),
        "processes": ("joined", "local_rank"),
        "budget": ("Budget",),
        "own_footage": ("recipe_for",),
        "recipe": ("RECIPE_FILE", "Recipe", "changed", "read_recipe"),
        "run": ("device_of", "train_model"),
        "stages": ("Stages", "begun_with", "check_unfinished"),
    },
)
