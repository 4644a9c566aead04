"""The stages of a run on disk: what each of them made, so that none is done twice after a kill."""

import contextlib
from pathlib import Path
from typing import Any

import torch

from ..errors import OutputError
from ..system.files import replacing, writing
from .budget import Budget
from .checkpoint import FOLDER, load_checkpoint, remove_checkpoint

_FILE = "stages.pt"


class Stages:
    """What the finished stages of the run in a model's folder made, by their names.

    Values are tensors, numbers, texts, and lists and maps of them. Only the process that `writes` keeps them,
    and none does without a folder.
    """

    def __init__(
        self, folder: Path | None = None, budget: Budget | None = None, *, writes: bool = True
    ) -> None:
        self.budget = budget or Budget()
        self._folder = folder
        self._writes = writes
        self._fresh = False
        self._values: dict[str, Any] = {}

    def begin(self, about: dict[str, Any]) -> None:
        """Begin a run anew; `about` is what it was asked for. Nothing is written until a stage is done."""
        self._values = {"about": about}
        self._fresh = True

    def go_on(self, about: dict[str, Any]) -> None:
        """Take over what the interrupted run made; `about` is what it is asked for now.

        Raises `InputError` where there is none.
        """
        assert self._folder is not None
        self._values = load_checkpoint(stages_of(self._folder))
        self.budget.before = max(self.budget.before, self._values["spent"])
        self.keep("about", about)

    def get(self, stage: str) -> Any:
        """What `keep` was given for a stage; None if it was not."""
        return self._values.get(stage)

    def keep(self, stage: str, value: Any) -> None:
        """Write what a stage made, or has made so far. Raises `OutputError`."""
        self._values[stage] = value
        self._write()

    def remove(self) -> None:
        """Forget the run, which has made its model."""
        if self._folder is not None and self._writes:
            stages_of(self._folder).unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                # Only where nothing else, such as a log, is in it.
                stages_of(self._folder).parent.rmdir()

    def _write(self) -> None:
        if self._folder is None or not self._writes:
            return
        if self._fresh:
            # Of another run, which nobody can go on with any more.
            remove_checkpoint(self._folder)
            self._fresh = False
        path = stages_of(self._folder)
        with writing(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path, force=True) as temporary, writing(path):
            torch.save(self._values | {"spent": self.budget.spent}, temporary)


def stages_of(folder: Path) -> Path:
    """Where the stages of the run in a model's folder are kept."""
    return folder / FOLDER / _FILE


def begun_with(folder: Path) -> dict[str, Any]:
    """What the run in a model's folder was asked for. Raises `InputError` if none was begun there."""
    about: dict[str, Any] = load_checkpoint(stages_of(folder))["about"]
    return about


def check_unfinished(folder: Path, config: str, *, force: bool) -> None:
    """Raise `OutputError` where a run in `folder` has not made its model (`config`) yet, without `force`."""
    if stages_of(folder).is_file() and not (folder / config).exists() and not force:
        raise OutputError(
            f"{folder}: holds a run that was interrupted; go on with 'imfn train --resume -o {folder}', "
            "or start anew with --force"
        )
