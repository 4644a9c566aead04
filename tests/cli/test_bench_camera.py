"""`imfn bench camera` on a clip that is made here."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from imfn_cli.training import own_footage
from tests.conftest import make_clip, read_csv

from .conftest import Ran


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("footage") / "footage.npy"
    np.save(path, make_clip(33, 48, 64))
    return path


def test_both_models_see_the_first_half_and_are_measured_on_the_second(
    cli: Callable[..., Ran],
    footage: Path,
    tiny_model_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Coding tables of a few positions: the fit takes a second, not minutes, and files are a little larger.
    monkeypatch.setattr(own_footage, "recipe_for", partial(own_footage.recipe_for, table_positions=200))
    results, cache = tmp_path / "results", tmp_path / "cache"
    words = ("bench", "camera", footage, "-m", tiny_model_dir, "-r", "2,8", "--time-limit", "1s")
    args = (*words, "--cache", cache)
    ran = cli(*args, "--results", results, "--jobs", 1)
    assert ran.code == 0, ran.err
    rows = read_csv(results / "camera.csv")
    names = {row["model"] for row in rows}
    assert names == {"x264", "tiny", "tiny, closed form", "tiny, trained"}
    assert {row["frames"] for row in rows} == {"17"}
    assert "BD-rate of" in ran.out
    assert (cache / "trained" / "recipe.toml").is_file()
    # What is there is not made again.
    before = (cache / "trained" / "model.safetensors").stat().st_mtime_ns
    assert cli(*args, "--results", results, "--jobs", 1, "--json").code == 0
    assert (cache / "trained" / "model.safetensors").stat().st_mtime_ns == before


def test_a_single_frame_cannot_be_cut(cli: Callable[..., Ran], tmp_path: Path, tiny_model_dir: Path) -> None:
    path = tmp_path / "one.npy"
    np.save(path, make_clip(1, 16, 16))
    ran = cli("bench", "camera", path, "-m", tiny_model_dir, "--results", tmp_path)
    assert ran.code == 1
    assert "one.npy: has a single frame" in ran.err
