"""A batch's windows by several threads of one process: nothing is handed from process to process."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class ByThreads:
    """Calls a function for each of several things, `threads` at a time.

    The threads stay, and with them the work arrays that the entropy model keeps for each: `map_ordered`,
    which begins new ones, takes twice the time for a batch of memories. It can be pickled and forked:
    another process makes threads of its own.
    """

    def __init__(self, threads: int) -> None:
        if threads < 1:
            raise ValueError(f"threads {threads}: at least 1")
        self.threads = threads
        self._pool: tuple[int, ThreadPoolExecutor] | None = None

    def __call__(self, function: Callable[[T], R], things: Iterable[T]) -> list[R]:
        """What it gives for each, in order. Raises what it raises."""
        if self.threads == 1:
            return [function(thing) for thing in things]
        if self._pool is None or self._pool[0] != os.getpid():
            # Threads do not come along into a forked process.
            self._pool = os.getpid(), ThreadPoolExecutor(self.threads, "imfn-window")
        return list(self._pool[1].map(function, things))

    def __getstate__(self) -> dict[str, Any]:
        return {"threads": self.threads, "_pool": None}
