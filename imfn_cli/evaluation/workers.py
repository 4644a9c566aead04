"""Worker processes that measure rows, each with one compute thread."""

import gc
import os
import tempfile
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from ..errors import ImfnError
from ..media import Sequence as Frames
from ..system.allocator import reuse_freed_memory
from ..system.workers import WorkerDied, worker_processes
from .clip import Clip, held
from .measure import Task, measure
from .rows import Row


def measure_tasks(tasks: Sequence[Task], jobs: int) -> Generator[tuple[Task, Row | str], None, None]:
    """Each task with its row, or with why there is none, as they are done, `jobs` at a time.

    However the iterator is left, the processes are ended and their files are gone.
    """
    if not tasks:
        return
    with (
        tempfile.TemporaryDirectory(prefix="imfn-eval-") as folder,
        worker_processes(min(jobs, len(tasks)), _start_worker, (folder,)) as workers,
    ):
        given = {workers.submit(_work, task): task for task in tasks}
        while given:
            done = workers.done()
            if isinstance(done.error, WorkerDied):
                raise ImfnError(
                    "a worker process died, perhaps for want of memory; try fewer --jobs, or fewer --frames"
                ) from done.error
            if done.error is not None:
                raise done.error
            yield given.pop(done), done.result


@dataclass
class _Worker:
    """What a worker process holds: its folder for files, and the frames of the clip that it saw last."""

    folder: Path
    clip: Clip | None = None
    frames: Frames | None = None

    def frames_of(self, clip: Clip) -> Frames:
        """The frames of `clip`. Raises `InputError` where it cannot be read."""
        if self.clip != clip or self.frames is None:
            if self.frames is not None:
                self.frames.close()
            self.clip = self.frames = None
            self.frames = held(clip.open())
            self.clip = clip
        return self.frames


_worker: _Worker | None = None


def _start_worker(folder: str) -> None:
    global _worker
    reuse_freed_memory()
    torch.set_num_threads(1)
    own = Path(folder) / str(os.getpid())
    own.mkdir()
    _worker = _Worker(own)
    # Before every row garbage is collected; what was imported by now is none, and long to look through.
    gc.freeze()


def _work(task: Task) -> Row | str:
    assert _worker is not None
    try:
        return measure(task, _worker.frames_of(task.clip), _worker.folder)
    except ImfnError as error:
        return str(error)
    except MemoryError:
        return f"{task.clip.name}: out of memory; try fewer --jobs, or fewer --frames"
    except Exception as error:
        if os.environ.get("IMFN_DEBUG") == "1":
            raise
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        return f"{task.clip.name}: {reason} (IMFN_DEBUG=1 shows where)"
