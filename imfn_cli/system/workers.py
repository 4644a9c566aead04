"""Worker processes that end with the work, however it is left, and leave nothing behind."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar

from .signals import ignored_interrupts

R = TypeVar("R")

#: How processes begin: fresh ones, as threads of this one may hold locks.
METHOD = "spawn"

_working = False


class Workers:
    """Fresh processes that do what is submitted."""

    def __init__(self, count: int, start: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        context = multiprocessing.get_context(METHOD)
        self._pool = ProcessPoolExecutor(count, context, _begin, (start, arguments))

    def submit(self, function: Callable[..., R], *arguments: Any) -> "Future[R]":
        """Have function(*arguments) called; Ctrl-C is for the parent alone."""
        with ignored_interrupts():
            return self._pool.submit(_at_work, function, arguments)

    def end(self) -> None:
        """Wait for what runs; what has not begun is given up."""
        self._pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def worker_processes(
    count: int, start: Callable[..., None], arguments: tuple[Any, ...] = ()
) -> Iterator[Workers]:
    """`count` processes, each of which calls start(*arguments) first.

    If the block is left early, what runs is ended; its temporary files go.
    """
    others = set(multiprocessing.active_children())
    workers = Workers(count, start, arguments)
    try:
        yield workers
    except BaseException:
        for child in set(multiprocessing.active_children()) - others:
            child.terminate()
        raise
    finally:
        workers.end()


def _begin(start: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    threading.Thread(target=_follow_parent, name="imfn-parent", daemon=True).start()
    start(*arguments)


def _follow_parent() -> None:
    """End when the parent is gone: SIGKILL gives it no time to end its workers."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _at_work(function: Callable[..., R], arguments: tuple[Any, ...]) -> R:
    global _working
    try:
        _working = True
        try:
            return function(*arguments)
        finally:
            _working = False
    except _ToldToLeave as told:
        # The pool would take it for what came of the work, and wait for more.
        os._exit(told.code)


class _ToldToLeave(SystemExit):
    code: int


def _leave(number: int, frame: FrameType | None) -> None:
    # At work it unwinds through every `with`; at rest there is nothing to unwind.
    if _working:
        raise _ToldToLeave(128 + number)
    os._exit(128 + number)
