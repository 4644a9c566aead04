"""What took long to train, on disk between runs."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from ..errors import ImfnError
from ..system.files import replacing, writing


def trained_path(cache: Path | None, name: str, *depends: Any) -> Path | None:
    """Where the checkpoint of a run lies; None without a folder.

    depends: all that its result depends on, as JSON can hold it; the file's name does too.
    """
    if cache is None:
        return None
    key = json.dumps(depends, sort_keys=True)
    return cache / f"{name}-{hashlib.sha256(key.encode()).hexdigest()[:12]}.pt"


def save_trained(path: Path, state: dict[str, Any]) -> None:
    """Write tensors and plain values, whole or not at all. Raises `OutputError`."""
    with replacing(path, force=True) as temporary, writing(path):
        torch.save(state, temporary)


@contextmanager
def load_trained(path: Path) -> Iterator[dict[str, Any]]:
    """What `save_trained` wrote, to be taken over inside the block; `ImfnError` where it does not fit."""
    try:
        yield torch.load(path, weights_only=True)
    except Exception as error:
        raise ImfnError(f"{path}: damaged, or of another version; delete it to train again") from error
