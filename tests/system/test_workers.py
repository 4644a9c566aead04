"""Worker processes: one that is told to end does, whatever it is at; one that dies takes nobody along."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from imfn_cli.errors import InputError
from imfn_cli.system.workers import WorkerDied, worker_processes


def nothing() -> None:
    """How the workers start."""


def at_work(begun: str, tidy: str) -> None:
    Path(begun).write_text(str(os.getpid()))
    try:
        time.sleep(60)
    finally:
        Path(tidy).touch()


def pid_of(begun: Path) -> int:
    """Of the process that is at work, once it is."""
    while not (begun.exists() and begun.read_text()):
        time.sleep(0.02)
    return int(begun.read_text())


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def fails() -> None:
    raise InputError("clip.mp4: is bad")


def leaves() -> None:
    sys.exit(3)


def unsendable() -> object:
    return lambda: None


def number(value: int) -> int:
    return value


def test_one_that_is_ended_at_work_tidies_up_and_is_gone(tmp_path: Path) -> None:
    """It is known that it is gone, not what it raised: it would be waited for otherwise."""
    with worker_processes(1, nothing) as workers:
        task = workers.submit(at_work, str(tmp_path / "begun"), str(tmp_path / "tidy"))
        os.kill(pid_of(tmp_path / "begun"), signal.SIGTERM)
        assert workers.done() is task
        assert isinstance(task.error, WorkerDied)
    assert (tmp_path / "tidy").exists()


def test_a_block_that_is_left_ends_who_is_at_work(tmp_path: Path) -> None:
    with worker_processes(1, nothing) as workers:
        workers.submit(at_work, str(tmp_path / "begun"), str(tmp_path / "tidy"))
        pid = pid_of(tmp_path / "begun")
    assert (tmp_path / "tidy").exists()
    assert not is_running(pid)


def test_many_deaths_at_any_moment_are_seen() -> None:
    """Tasks are submitted while processes die: each is given back, and none is waited for."""
    with worker_processes(2, nothing) as workers:
        dying = [workers.submit(die) for _ in range(6)]
        living = [workers.submit(number, value) for value in range(6)]
        seen = {workers.done() for _ in range(12)}
    assert seen == {*dying, *living}
    assert all(isinstance(task.error, WorkerDied) for task in dying)
    assert [task.result for task in living] == list(range(6))


def test_one_that_dies_at_rest_is_replaced() -> None:
    with worker_processes(1, nothing) as workers:
        workers.submit(os.getpid)
        pid = workers.done().result
        os.kill(pid, signal.SIGKILL)
        workers.submit(number, 7)
        first = workers.done()
        if isinstance(first.error, WorkerDied):  # It took the task before the signal reached it.
            workers.submit(number, 7)
            first = workers.done()
        assert first.result == 7


def test_what_is_raised_comes_back() -> None:
    with worker_processes(1, nothing) as workers:
        tasks = [workers.submit(function) for function in (fails, leaves, unsendable)]
        assert [workers.done() for _ in tasks] == tasks
        workers.submit(number, 1)
        assert workers.done().result == 1
    failed, left, unsent = (task.error for task in tasks)
    assert isinstance(failed, InputError)
    assert str(failed) == "clip.mp4: is bad"
    assert "in fails" in failed.__notes__[0]
    assert isinstance(left, SystemExit)
    assert unsent is not None
    assert "function" in str(unsent)


def test_nothing_submitted() -> None:
    with worker_processes(1, nothing) as workers, pytest.raises(ValueError, match="nothing is submitted"):
        workers.done()
