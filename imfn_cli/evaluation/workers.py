"""Rows from worker processes, here or on a cluster, each with one compute thread."""

import gc
import os
import tempfile
from collections.abc import Generator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import torch

from ..errors import ImfnError, InputError
from ..media import Sequence as Frames
from ..system.allocator import reuse_freed_memory
from ..system.cluster import on_cluster
from ..system.jobs import Job, Queue, in_processes
from ..system.leftovers import temporary_folder
from .clip import Clip, ClipInfo, HeldFrames, held
from .measure import Measured, Task, measure


def measure_tasks(
    tasks: Sequence[Task], jobs: int, ray: str | None = None
) -> Generator[tuple[Task, Measured], None, None]:
    """Each task with what came of it, as they are done, `jobs` at a time.

    ray: a cluster's address, which does the work then. A task whose process dies is begun anew, three times
    at most. However the iterator is left, the processes are ended and their files are gone.
    """
    if not tasks:
        return
    queue = Queue(Job(number, task) for number, task in enumerate(tasks))
    with tempfile.TemporaryDirectory(prefix="imfn-eval-") as folder:
        if ray is None:
            outcomes = in_processes(queue, _work, min(jobs, len(tasks)), _start_worker, (folder,))
        else:
            outcomes = on_cluster(queue, _work, ray, jobs, _start_worker)
        with closing(outcomes):
            for job, outcome in outcomes:
                if isinstance(outcome, ImfnError):
                    outcome = Measured(None, f"{job.argument.clip.name}: {outcome}")
                elif isinstance(outcome, Exception):
                    raise outcome
                yield job.argument, outcome


@dataclass
class _Worker:
    """What a worker process holds: where its files go, and the clip that it saw last.

    frames: of that clip, where they fit in memory.   problem: why it could not be read.
    """

    folder: str | None
    clip: Clip | None = None
    info: ClipInfo | None = None
    frames: Frames | None = None
    problem: str | None = None

    def frames_of(self, clip: Clip, stack: ExitStack) -> Frames:
        """The frames of `clip`; what is opened for them is closed by `stack`. Raises `InputError`."""
        if self.clip == clip and self.problem is not None:
            raise InputError(self.problem)
        if self.clip == clip and self.frames is not None:
            return self.frames
        self.clip = self.info = self.frames = self.problem = None
        try:
            opened = stack.enter_context(clip.open())
            self.info = ClipInfo.of(clip, opened)
            frames = held(opened)
            if isinstance(frames, HeldFrames):
                opened.close()
                self.frames = frames
        except ImfnError as error:
            self.problem = str(error)
            raise
        finally:
            self.clip = clip
        return frames


_worker = _Worker(None)


def _start_worker(folder: str | None = None) -> None:
    """folder: of all workers; None: this machine's for temporary files."""
    reuse_freed_memory()
    torch.set_num_threads(1)
    _worker.folder = folder
    # Before every row garbage is collected; what was imported by now is none, and long to look through.
    gc.freeze()


def _work(task: Task, progress: None = None) -> Measured:
    try:
        with (
            ExitStack() as stack,
            temporary_folder(Path(_worker.folder or tempfile.gettempdir()), "imfn-eval") as folder,
        ):
            frames = _worker.frames_of(task.clip, stack)
            return Measured(measure(task, frames, folder), clip=_worker.info)
    except ImfnError as error:
        problem = str(error)
    except MemoryError:
        problem = f"{task.clip.name}: out of memory; try fewer --jobs, or fewer --frames"
    except Exception as error:
        if os.environ.get("IMFN_DEBUG") == "1":
            raise
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        problem = f"{task.clip.name}: {reason} (IMFN_DEBUG=1 shows where)"
    return Measured(None, problem, _worker.info if _worker.clip == task.clip else None)
