"""Jobs, and who does them: this process, processes of this machine, or a Ray cluster.

A runner takes jobs as long as there are any, a few more than there are workers at a time, and gives each back
with what came of it. A job whose process dies is begun anew, three times at most. Between two results whoever
runs them may add jobs.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any

from ..errors import ImfnError
from .workers import Task, WorkerDied, worker_processes

#: How often a job is begun.
TRIES = 3


@dataclass
class Job:
    """Something to do for an input.   index: of the input.   argument: what the function is given."""

    index: int
    argument: Any
    tries: int = 0


class Queue:
    """Jobs that wait: those that were added, then those that `source` gives, when they are wanted."""

    def __init__(self, source: Iterator[Job]) -> None:
        self._source, self._added = source, deque[Job]()

    def add(self, *jobs: Job) -> None:
        """To be done next."""
        self._added.extend(jobs)

    def take(self) -> Job | None:
        """The next one; None: there is none now."""
        return self._added.popleft() if self._added else next(self._source, None)


#: A job, and what it returned or raised.
Outcome = tuple[Job, Any]


def died(tries: int) -> ImfnError:
    """What is told of a job whose processes died."""
    return ImfnError(f"its process died {tries} times, perhaps for want of memory; try fewer --jobs")


def in_this_process(queue: Queue, work: Callable[[Job], Any]) -> Generator[Outcome]:
    """One job after another."""
    while (job := queue.take()) is not None:
        try:
            result = work(job)
        except (BrokenPipeError, KeyboardInterrupt):
            raise
        except Exception as error:
            result = error
        yield job, result


def in_processes(
    queue: Queue,
    work: Callable[..., Any],
    count: int,
    start: Callable[..., None],
    arguments: tuple[Any, ...] = (),
) -> Generator[Outcome]:
    """By `count` processes, each of which calls start(*arguments) first."""
    flight: dict[Task, Job] = {}
    with worker_processes(count, start, arguments) as workers:
        while True:
            while len(flight) < count and (job := queue.take()) is not None:
                flight[workers.submit(work, job.argument, None)] = job
            if not flight:
                return
            task = workers.done()
            job = flight.pop(task)
            if isinstance(task.error, WorkerDied):
                job.tries += 1
                if job.tries < TRIES:
                    queue.add(job)
                else:
                    yield job, died(job.tries)
            else:
                yield job, task.result if task.error is None else task.error
