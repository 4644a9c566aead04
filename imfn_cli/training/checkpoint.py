"""A training run on disk: everything that it needs to go on after a kill at any moment."""

import pickle
from pathlib import Path
from typing import Any

import torch

from ..errors import InputError
from ..system.files import replacing, writing

#: Folder inside the model's that holds a run's checkpoint and log.
FOLDER = "training"
_NAME = "checkpoint.pt"


def save_checkpoint(folder: Path, state: dict[str, Any]) -> None:
    """Write `state` (tensors and plain values) under a model folder, replacing the one before at once."""
    with writing(folder):
        (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    with replacing(folder / FOLDER / _NAME, force=True) as path, writing(path):
        torch.save(state, path)


def has_checkpoint(folder: Path) -> bool:
    """Whether a run under this model folder was interrupted, or ended, and can be gone on with."""
    return (folder / FOLDER / _NAME).is_file()


def remove_checkpoint(folder: Path) -> None:
    """Forget the run under a model folder, except for its log."""
    (folder / FOLDER / _NAME).unlink(missing_ok=True)


def load_checkpoint(folder: Path) -> dict[str, Any]:
    """The state last saved under a model folder, on the CPU. Raises `InputError` where there is none."""
    path = folder / FOLDER / _NAME
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is nothing to resume; start without --resume") from error
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise InputError(f"{path}: not a checkpoint ({str(error).splitlines()[0]}); start anew") from error
    return state
