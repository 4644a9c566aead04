"""Rows from worker processes."""

import multiprocessing
from pathlib import Path

import pytest

from imfn_cli.evaluation import peers
from imfn_cli.evaluation.rows import IMFN, Setting

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
