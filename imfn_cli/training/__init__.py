"""Making models: data, closed-form fits, training with gradients, distillation."""

from typing import TYPE_CHECKING

from ..system.lazy import lazy_attributes

if TYPE_CHECKING:
    from .distillation import Distillation, Distilled, distil, resumed_distillation
    from .export import export_step, require_packages
    from .klt_fit import fit_linear
    from .machine import hardware, hardware_and_torch
    from .places import disjoint, short_names, sources_of
    from .pool import read_pool
    from .processes import joined, local_rank
    from .recipe import RECIPE_FILE, Recipe, read_recipe
    from .run import changed, device_of, recipe_for, resumed_recipe, train_model

__all__ = [
    "RECIPE_FILE",
    "Distillation",
    "Distilled",
    "Recipe",
    "changed",
    "device_of",
    "disjoint",
    "distil",
    "export_step",
    "fit_linear",
    "hardware",
    "hardware_and_torch",
    "joined",
    "local_rank",
    "read_pool",
    "read_recipe",
    "recipe_for",
    "require_packages",
    "resumed_distillation",
    "resumed_recipe",
    "short_names",
    "sources_of",
    "train_model",
]

__getattr__, __dir__ = lazy_attributes(
    __name__,
    {
        "distillation": ("Distillation", "Distilled", "distil", "resumed_distillation"),
        "export": ("export_step", "require_packages"),
        "machine": ("hardware", "hardware_and_torch"),
        "klt_fit": ("fit_linear",),
        "places": ("disjoint", "short_names", "sources_of"),
        "pool": ("read_pool",),
        "processes": ("joined", "local_rank"),
        "recipe": ("RECIPE_FILE", "Recipe", "read_recipe"),
        "run": ("changed", "device_of", "recipe_for", "resumed_recipe", "train_model"),
    },
)
