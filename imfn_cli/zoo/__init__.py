"""Models: their names and folders, weights, cards and students. The one room that knows where they lie."""

from typing import TYPE_CHECKING

from ..system.lazy import lazy_attributes

if TYPE_CHECKING:
    from .array_model import ArrayModel, is_array_model, read_array_model, tree_of, write_array_model
    from .cache import CachedModel, add_to_cache, remove_from_cache
    from .card import linear_card, trained_card
    from .embedding import files_of, load_embedded
    from .folder import STUDENT_FILE, read_config, weights_sha256
    from .model import Model
    from .places import (
        PACKAGED,
        ModelPlace,
        folder_of_weights,
        full_name,
        installed_folder,
        model_folders,
        short_name,
    )
    from .registry import default_model, every_model, find_model, own_place
    from .student_file import read_update, write_student
    from .weights import load, pick_device, save

__all__ = [
    "PACKAGED",
    "STUDENT_FILE",
    "ArrayModel",
    "CachedModel",
    "Model",
    "ModelPlace",
    "add_to_cache",
    "default_model",
    "every_model",
    "files_of",
    "find_model",
    "folder_of_weights",
    "full_name",
    "installed_folder",
    "is_array_model",
    "linear_card",
    "load",
    "load_embedded",
    "model_folders",
    "own_place",
    "pick_device",
    "read_array_model",
    "read_config",
    "read_update",
    "remove_from_cache",
    "save",
    "short_name",
    "trained_card",
    "tree_of",
    "weights_sha256",
    "write_array_model",
    "write_student",
]

__getattr__, __dir__ = lazy_attributes(
    __name__,
    {
        "array_model": (
            "ArrayModel",
            "is_array_model",
            "read_array_model",
            "tree_of",
            "write_array_model",
        ),
        "card": ("linear_card", "trained_card"),
        "embedding": ("files_of", "load_embedded"),
        "folder": ("STUDENT_FILE", "read_config", "weights_sha256"),
        "model": ("Model",),
        "cache": ("CachedModel", "add_to_cache", "remove_from_cache"),
        "places": (
            "PACKAGED",
            "ModelPlace",
            "folder_of_weights",
            "full_name",
            "installed_folder",
            "model_folders",
            "short_name",
        ),
        "registry": ("default_model", "every_model", "find_model", "own_place"),
        "student_file": ("read_update", "write_student"),
        "weights": ("load", "pick_device", "save"),
    },
)
