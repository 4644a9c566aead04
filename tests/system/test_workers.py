"""Worker processes: one that is told to end does, whatever it is at."""

import multiprocessing
import time
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest

from imfn_cli.system.workers import worker_processes


def nothing() -> None:
    """How the workers start."""


def at_work(begun: str, tidy: str) -> None:
    Path(begun).touch()
    try:
        time.sleep(60)
    finally:
        Path(tidy).touch()


def test_one_that_is_ended_at_work_tidies_up_and_is_gone(tmp_path: Path) -> None:
    """The pool learns that it is gone, not what it raised: it would be waited for otherwise."""
    others = set(multiprocessing.active_children())
    with worker_processes(1, nothing) as workers:
        future = workers.submit(at_work, str(tmp_path / "begun"), str(tmp_path / "tidy"))
        while not (tmp_path / "begun").exists():
            time.sleep(0.02)
        (child,) = set(multiprocessing.active_children()) - others
        child.terminate()
        with pytest.raises(BrokenProcessPool):
            future.result(timeout=30)
    assert child.exitcode == 128 + 15
    assert (tmp_path / "tidy").exists()
