"""Rows from worker processes, and from a cluster's."""

import multiprocessing
import os
import signal
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from imfn_cli.errors import ClusterError
from imfn_cli.evaluation import peers
from imfn_cli.evaluation.clip import Clip, clips_of
from imfn_cli.evaluation.engine import Evaluation, Failure, evaluate
from imfn_cli.evaluation.rows import IMFN, Setting
from imfn_cli.media import Sequence, expand_inputs

from .conftest import evaluated, steady


def test_one_job_and_two_give_the_same(clip_path: Path, tiny_model_dir: Path) -> None:
    # As in test_engine.py: of frames so small other presets give other bytes at each run.
    x264 = peers.sweep("x264", [30], "superfast")
    settings = [Setting(IMFN, 8, 40), Setting(IMFN, 2, in_float=True), *x264]
    one = evaluated(clip_path, *settings, model=tiny_model_dir, jobs=1, stop=16)
    two = evaluated(clip_path, *settings, model=tiny_model_dir, jobs=2, stop=16)
    assert len(one.rows) == 3
    assert steady(one.rows) == steady(two.rows)
    assert one.clips == two.clips
    assert multiprocessing.active_children() == []


def test_leaving_early_ends_the_processes(clip_path: Path, tiny_model_dir: Path) -> None:
    def stop(done: int, total: int) -> None:
        if done:
            raise KeyboardInterrupt

    settings = [Setting(IMFN, 8, quality) for quality in range(30)]
    with pytest.raises(KeyboardInterrupt):
        evaluated(clip_path, *settings, model=tiny_model_dir, jobs=1, progress=stop)
    assert multiprocessing.active_children() == []


@dataclass(frozen=True)
class Deadly(Clip):
    """A clip that kills the first `deaths` processes that open it, and leaves a mark for each in `marks`."""

    deaths: int = 0
    marks: Path = Path()

    def open(self) -> Sequence:
        tried = len(list(self.marks.iterdir()))
        (self.marks / str(tried)).touch()
        if tried < self.deaths:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().open()


@pytest.fixture
def clips(tmp_path: Path) -> list[Clip]:
    """Three small ones: one that kills once, one that always does, one that does not."""
    found: list[Clip] = []
    for name, deaths in (("once", 1), ("always", 99), ("never", 0)):
        np.save(tmp_path / f"{name}.npy", np.full((4, 16, 16, 3), len(found), np.uint8))
        (tmp_path / name).mkdir()
        (clip,) = clips_of(expand_inputs([str(tmp_path / f"{name}.npy")]))
        found.append(Deadly(clip.name, clip.source, deaths=deaths, marks=tmp_path / name))
    return found


@pytest.mark.parametrize("ray", [None, "local"])
def test_a_worker_that_dies_is_replaced(
    clips: list[Clip], tiny_model_dir: Path, tmp_path: Path, ray: str | None
) -> None:
    """And its row begun anew, three times at most; the other rows are not touched by it."""
    if ray is not None:
        pytest.importorskip("ray", reason="no Ray: pip install 'imfn[cluster]', 240 MB")
    told: list[Failure] = []

    def run() -> Evaluation:
        return evaluate(
            clips,
            [Setting(IMFN, 4, 50)],
            model=str(tiny_model_dir),
            jobs=2,
            ray=ray,
            cache=tmp_path / "cache",
            failed=told.append,
        )

    found = run()
    assert [row.clip for row in found.rows] == ["once.npy", "never.npy"]
    (failure,) = found.failures
    assert (failure.clip, failure.codec) == ("always.npy", None)
    assert failure.error.startswith("always.npy: its process died 3 times")
    assert [(one.clip, one.error) for one in told] == [("always.npy", failure.error)]
    assert len(list((tmp_path / "always").iterdir())) == 3
    assert len(list((tmp_path / "once").iterdir())) == 2
    assert multiprocessing.active_children() == []
    # A second run tries that one alone.
    again = run()
    assert (again.computed, again.rows, again.clips) == (0, found.rows, found.clips)
    assert len(list((tmp_path / "never").iterdir())) == 1


def test_without_a_cluster_all_is_said_at_once(clips: list[Clip], tiny_model_dir: Path) -> None:
    with pytest.raises(ClusterError, match=r"^--ray"):
        evaluate(clips, [Setting(IMFN, 4, 50)], model=str(tiny_model_dir), ray="127.0.0.1:1")
