"""A training run on disk: everything that it needs to go on after a kill at any moment."""

import pickle
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..defaults import CHECKPOINT_SECONDS
from ..errors import InputError
from ..system.files import replacing, writing

#: Folder inside a model's that holds its run's checkpoint and log.
FOLDER = "training"


class Checkpoints:
    """Writes a run's state into one file, again and again.

    path: of the file, which is replaced at once; its folder is made.   seconds: between two writes.
    """

    def __init__(self, path: Path, seconds: float = CHECKPOINT_SECONDS) -> None:
        self.path = path
        self.seconds = seconds
        self._saved = time.monotonic()

    def keep(self, state: Callable[[], dict[str, Any]], *, now: bool = False) -> None:
        """Write `state()` (tensors and plain values) if it is time for it, or `now`. Raises `OutputError`."""
        if not now and time.monotonic() - self._saved <= self.seconds:
            return
        with writing(self.path.parent):
            self.path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(self.path, force=True) as temporary, writing(self.path):
            torch.save(state(), temporary)
        self._saved = time.monotonic()


def checkpoint_of(folder: Path) -> Path:
    """Where a model's training run keeps its checkpoint."""
    return folder / FOLDER / "checkpoint.pt"


def has_checkpoint(folder: Path) -> bool:
    """Whether a run under this model folder was interrupted, or ended, and can be gone on with."""
    return checkpoint_of(folder).is_file()


def remove_checkpoint(folder: Path) -> None:
    """Forget the run under a model folder, except for its log."""
    checkpoint_of(folder).unlink(missing_ok=True)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """The state last written to `path`, on the CPU. Raises `InputError` for none, or a damaged one."""
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is nothing to resume; start without --resume") from error
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise InputError(f"{path}: not a checkpoint ({str(error).splitlines()[0]}); start anew") from error
    return state


def random_state(random: np.random.Generator) -> dict[str, Any]:
    """Where a random generator stands, for a checkpoint: its 128-bit integers as text."""
    return _plain(random.bit_generator.state)


def set_random_state(random: np.random.Generator, state: dict[str, Any]) -> None:
    """Go on where `random_state` was taken."""
    random.bit_generator.state = _unplain(state)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return f"int:{value}" if isinstance(value, int) else value


def _unplain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _unplain(inner) for key, inner in value.items()}
    return int(value[4:]) if isinstance(value, str) and value.startswith("int:") else value
