"""Overlapping the stages of a pipeline: decoding, network and coding each keep a core busy."""

import math
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

_END = object()


def prefetch(items: Iterable[T], depth: int, *, stopping: Callable[[], bool] | None = None) -> Iterator[T]:
    """The same items, made by another thread up to `depth` ahead. Its exceptions are raised here.

    Leaving the iterator early (an error downstream, Ctrl-C) stops the thread. With `stopping`, the items end
    soon after it turns true, even while the thread waits for a source that gives nothing.
    """
    ready: queue.Queue[object] = queue.Queue(depth)
    stop = threading.Event()

    def put(item: object) -> None:
        while not stop.is_set():
            try:
                return ready.put(item, timeout=0.1)
            except queue.Full:
                continue

    def work() -> None:
        try:
            for item in items:
                put((item,))
                if stop.is_set():
                    return
            put(_END)
        except BaseException as error:
            put(error)

    thread = threading.Thread(target=work, name="imfn-prefetch", daemon=True)
    thread.start()
    try:
        while (item := _next(ready, stopping)) is not _END:
            if isinstance(item, BaseException):
                raise item
            yield item[0]  # type: ignore[index]
    finally:
        stop.set()
        # A daemon: should it not see the signal in time, the process still ends. A live source may never
        # give another item.
        thread.join(timeout=10 if stopping is None else 0.1)


def _next(ready: "queue.Queue[object]", stopping: Callable[[], bool] | None) -> object:
    while True:
        if stopping is not None and stopping():
            return _END
        try:
            return ready.get(timeout=None if stopping is None else 0.1)
        except queue.Empty:
            continue


def interruptible(function: Callable[[], T], seconds: float | None = None) -> T:
    """function(), in another thread, so that a signal is heard while it waits deep in a library.

    Raises `TimeoutError` where it takes longer than so many seconds; the thread is left to itself then.
    """
    done: list[T] = []
    failed: list[BaseException] = []

    def work() -> None:
        try:
            done.append(function())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=work, name="imfn-waiting", daemon=True)
    thread.start()
    until = math.inf if seconds is None else time.monotonic() + seconds
    while thread.is_alive():
        if time.monotonic() > until:
            raise TimeoutError
        thread.join(timeout=0.1)
    if failed:
        raise failed[0]
    return done[0]


def map_ordered(
    function: Callable[[T], R], items: Iterable[T], workers: int, *, ahead: int | None = None
) -> Iterator[R]:
    """function(item) for each item, in order, by `workers` threads.

    ahead: items that may wait, done or not, while the next one is taken; 2 · `workers` unless given.
    """
    ahead = 2 * workers if ahead is None else ahead
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[Future[R]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
