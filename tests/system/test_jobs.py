"""Who does the jobs: workers that die, jobs that fail, jobs that are added on the way."""

import os
import signal
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from imfn_cli.errors import ImfnError, InputError
from imfn_cli.system.cluster import on_cluster
from imfn_cli.system.jobs import Job, Outcome, Queue, in_processes, in_this_process


def start() -> None:
    pass


def work(argument: Any, progress: None = None) -> Any:
    """(what, value, a folder): what is to become of it."""
    what, value, folder = argument
    tried = Path(folder) / f"{value}.tried"
    tries = len(tried.read_text()) if tried.exists() else 0
    tried.write_text("x" * (tries + 1))
    if what == "dies" or (what == "dies once" and not tries):
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "sleeps":
        time.sleep(2)
    if what == "fails":
        raise InputError(f"{value}: is bad")
    return value


def processes(queue: Queue) -> Generator[Outcome]:
    return in_processes(queue, work, 2, start)


def cluster(queue: Queue) -> Generator[Outcome]:
    pytest.importorskip("ray", reason="no Ray: pip install 'imfn[cluster]', 240 MB")
    return on_cluster(queue, work, "local", 2, start)


@pytest.mark.parametrize("runner", [processes, cluster])
def test_whatever_happens_each_has_one_outcome(
    runner: Callable[[Queue], Generator[Outcome]], tmp_path: Path
) -> None:
    kinds = {3: "fails", 5: "dies once", 8: "dies"}
    jobs = [Job(number, (kinds.get(number, "works"), number, str(tmp_path))) for number in range(12)]
    queue = Queue(iter(jobs))
    came: dict[int, Any] = {}
    for job, outcome in runner(queue):
        assert job.index not in came
        came[job.index] = outcome
        if job.index == 0:
            queue.add(Job(100, ("works", 100, str(tmp_path))))
    assert came.keys() == {*range(12), 100}
    assert isinstance(came[3], InputError)
    assert str(came[3]) == "3: is bad"
    assert isinstance(came[8], ImfnError)
    assert "died 3 times" in str(came[8])
    assert (tmp_path / "8.tried").read_text() == "xxx"
    for number in came.keys() - {3, 8}:
        assert came[number] == number


@pytest.mark.parametrize("runner", [processes, cluster])
def test_one_that_dies_takes_nobody_along(
    runner: Callable[[Queue], Generator[Outcome]], tmp_path: Path
) -> None:
    """Who is at work beside it goes on."""
    kinds = ("sleeps", "dies once", "works")
    queue = Queue(Job(number, (what, number, str(tmp_path))) for number, what in enumerate(kinds))
    assert {job.index: outcome for job, outcome in runner(queue)} == {0: 0, 1: 1, 2: 2}
    assert (tmp_path / "0.tried").read_text() == "x"


def test_here(tmp_path: Path) -> None:
    queue = Queue(iter([Job(0, ("works", 0, str(tmp_path))), Job(1, ("fails", 1, str(tmp_path)))]))
    outcomes = [outcome for _, outcome in in_this_process(queue, lambda job: work(job.argument))]
    assert outcomes[0] == 0
    assert isinstance(outcomes[1], InputError)


def test_no_cluster_is_said_at_once() -> None:
    pytest.importorskip("ray", reason="no Ray: pip install 'imfn[cluster]', 240 MB")
    with pytest.raises(ImfnError, match=r"^--ray 127\.0\.0\.1:1: no cluster answers"):
        list(on_cluster(Queue(iter([])), work, "127.0.0.1:1", None, start))
