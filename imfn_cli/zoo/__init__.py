"""Models: their names and folders, weights, cards and students. The one room that knows where they lie."""

from typing import TYPE_CHECKING

from ..system.lazy import lazy_attributes

if TYPE_CHECKING:
    from .card import linear_card, trained_card
    from .folder import STUDENT_FILE, read_config, weights_sha256
    from .model import Model
    from .registry import default_model, find_model, folder_of_weights, model_folders, shipped_models
    from .student_file import read_update, write_student
    from .weights import load, pick_device, save

__all__ = [
    "STUDENT_FILE",
    "Model",
    "default_model",
    "find_model",
    "folder_of_weights",
    "linear_card",
    "load",
    "model_folders",
    "pick_device",
    "read_config",
    "read_update",
    "save",
    "shipped_models",
    "trained_card",
    "weights_sha256",
    "write_student",
]

__getattr__, __dir__ = lazy_attributes(
    __name__,
    {
        "card": ("linear_card", "trained_card"),
        "folder": ("STUDENT_FILE", "read_config", "weights_sha256"),
        "model": ("Model",),
        "registry": ("default_model", "find_model", "folder_of_weights", "model_folders", "shipped_models"),
        "student_file": ("read_update", "write_student"),
        "weights": ("load", "pick_device", "save"),
    },
)
