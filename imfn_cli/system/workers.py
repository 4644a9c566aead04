"""Worker processes that end with the work, however it is left, and leave nothing behind.

Each has a pipe of its own, and no thread or lock stands between: one that dies takes nobody along, and it is
known what it was at. The standard library's pool ends all of them, and that of Python 3.11 can wait for ever
where a process dies while work is submitted: what marks it as broken does not hold the lock of `submit`.
"""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkContext, SpawnContext
from traceback import format_exception
from types import FrameType
from typing import Any

from .signals import ignored_interrupts
from .work_file import let_go

#: How processes begin: fresh ones, as threads of this one may hold locks.
CONTEXT: SpawnContext | ForkContext = SpawnContext()

# Seconds that a process which is told to end has for its temporary files.
_PATIENCE = 60.0

_working = False


class WorkerDied(Exception):
    """A process ended before it gave its result."""


@dataclass(eq=False)
class Task:
    """What was submitted: once it is done its `result`, or the `error` that it raised, or `WorkerDied`."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    result: Any = None
    error: BaseException | None = None


class Workers:
    """Fresh processes that do what is submitted, each one thing at a time."""

    def __init__(self, count: int, start: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        self._count, self._start = count, (start, arguments)
        self._workers: list[_Worker] = []
        self._waiting = deque[Task]()

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Task:
        """Have function(*arguments) called, as soon as a process is free."""
        task = Task(function, arguments)
        self._waiting.append(task)
        self._hand_out()
        return task

    def done(self) -> Task:
        """Wait for a task that is done. There must be one that was submitted and not yet given back."""
        while True:
            self._hand_out()
            busy = {worker.connection: worker for worker in self._workers if worker.task is not None}
            if not busy:
                raise ValueError("nothing is submitted")
            # The end of a process closes its pipe, so that waiting for pipes is enough.
            for connection in wait(busy):
                worker = busy[connection]  # type: ignore[index]
                task = worker.finished()
                if isinstance(task.error, WorkerDied):
                    self._workers.remove(worker)
                    worker.end()
                return task

    def end(self) -> None:
        """End the processes: at once those at rest, those at work by a signal; wait for them."""
        for worker in self._workers:
            worker.tell()
        for worker in self._workers:
            worker.end()
        self._workers.clear()

    def _hand_out(self) -> None:
        while self._waiting:
            free = next((worker for worker in self._workers if worker.task is None), None)
            if free is None and len(self._workers) == self._count:
                return
            if free is None:
                free = _Worker(*self._start)
                self._workers.append(free)
            if free.takes(self._waiting[0]):
                self._waiting.popleft()
            else:  # It died at rest, and nobody's work with it.
                self._workers.remove(free)
                free.end()


class _Worker:
    """A process, its pipe, and what it is at."""

    def __init__(self, start: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        self.task: Task | None = None
        self.connection, theirs = CONTEXT.Pipe()
        self.process = CONTEXT.Process(target=_serve, args=(theirs, start, arguments))
        # Ctrl-C is for the parent alone.
        with ignored_interrupts():
            self.process.start()
        theirs.close()

    def takes(self, task: Task) -> bool:
        """Hand `task` over. False: the process is gone."""
        try:
            self.connection.send((task.function, task.arguments))
        except ConnectionError:
            return False
        self.task = task
        return True

    def finished(self) -> Task:
        """What came of its task; wait for it."""
        assert self.task is not None
        task, self.task = self.task, None
        try:
            task.result, task.error = self.connection.recv()
        except (EOFError, OSError):
            task.error = WorkerDied("a worker process died")
        except Exception as error:  # What it raised cannot be made here again.
            task.error = error
        return task

    def tell(self) -> None:
        """Tell it to end."""
        if self.task is not None:
            self.process.terminate()
            return
        with suppress(ConnectionError):
            self.connection.send(None)

    def end(self) -> None:
        """Wait until it has ended."""
        self.connection.close()
        self.process.join(_PATIENCE)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.process.close()


@contextmanager
def worker_processes(
    count: int, start: Callable[..., None], arguments: tuple[Any, ...] = ()
) -> Iterator[Workers]:
    """At most `count` processes, each of which calls start(*arguments) first.

    However the block is left, what runs is ended, and its temporary files go.
    """
    workers = Workers(count, start, arguments)
    try:
        yield workers
    finally:
        workers.end()


def _serve(connection: Connection, start: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    """What a process does: one task after another, until it is told to end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    threading.Thread(target=_follow_parent, name="imfn-parent", daemon=True).start()
    start(*arguments)
    while True:
        try:
            called = connection.recv()
        except EOFError:
            return
        if called is None:
            return
        result, error = _call(*called)
        try:
            connection.send((result, error))
        except ConnectionError:
            return
        except Exception as unsendable:
            connection.send((None, TypeError(f"{unsendable} (of {type(error or result).__name__})")))


def _follow_parent() -> None:
    """End when the parent is gone: SIGKILL gives it no time to end its workers."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _call(function: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[Any, BaseException | None]:
    global _working
    try:
        _working = True
        try:
            return function(*arguments), None
        finally:
            _working = False
    except _ToldToLeave as told:
        let_go()
        os._exit(told.code)
    except BaseException as error:
        # Where it was raised is not sent; the note is.
        error.add_note("".join(format_exception(error)))
        return None, error


class _ToldToLeave(SystemExit):
    code: int


def _leave(number: int, frame: FrameType | None) -> None:
    # At work it unwinds through every `with`; at rest there is nothing to unwind.
    if _working:
        raise _ToldToLeave(128 + number)
    os._exit(128 + number)
