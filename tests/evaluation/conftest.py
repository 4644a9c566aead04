"""Evaluations of small clips by a small model, in this process."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from imfn_cli.errors import ImfnError
from imfn_cli.evaluation.clip import HELD_BYTES, ClipInfo, clips_of, held
from imfn_cli.evaluation.engine import Evaluation, evaluate
from imfn_cli.evaluation.measure import Measured, Task, measure
from imfn_cli.evaluation.rows import Row, Setting
from imfn_cli.media import expand_inputs

UNSTEADY: dict[str, Any] = {"compress_fps": 0.0, "restore_fps": 0.0, "peak_memory_mb": 0.0}


@dataclass
class Here:
    """Rows that are measured in this process. done: the tasks so far.   held_bytes: see `held`."""

    model: Path
    folder: Path
    held_bytes: int = HELD_BYTES
    done: list[Task] = field(default_factory=list)

    def __call__(self, name: Path | str, *settings: Setting, **more: Any) -> Evaluation:
        """Evaluate a clip, or a folder of them; start and stop: its frames."""
        return evaluated(name, *settings, model=self.model, measure=self.measure, **more)

    def measure(
        self, tasks: Sequence[Task], jobs: int, ray: str | None
    ) -> Generator[tuple[Task, Measured], None, None]:
        """As `measure_tasks`, without processes."""
        for task in tasks:
            self.done.append(task)
            try:
                with task.clip.open() as sequence:
                    row = measure(task, held(sequence, most=self.held_bytes), self.folder)
                    yield task, Measured(row, clip=ClipInfo.of(task.clip, sequence))
            except ImfnError as error:
                yield task, Measured(None, str(error))


def evaluated(
    name: Path | str,
    *settings: Setting,
    model: Path,
    start: int = 0,
    stop: int | None = None,
    **more: Any,
) -> Evaluation:
    """Evaluate frames start … stop − 1 of a clip, or of a folder of them."""
    return evaluate(clips_of(expand_inputs([str(name)]), start, stop), settings, model=str(model), **more)


def steady(rows: Sequence[Row]) -> list[Row]:
    """The rows without what differs from run to run."""
    return [replace(row, **UNSTEADY) for row in rows]


@pytest.fixture
def here(quick_collection: None, tiny_model_dir: Path, tmp_path: Path) -> Here:
    """Evaluates by `tiny_model` in this process."""
    folder = tmp_path / "files"
    folder.mkdir()
    return Here(tiny_model_dir, folder)
