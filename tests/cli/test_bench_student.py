"""`imfn bench student`: tables and pictures, part by part."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import read_csv

from .conftest import Ran

Cli = Callable[..., Ran]


def test_parts_write_their_files(cli: Cli, clip_path: Path, tiny_model_dir: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    words = ("--only", "fidelity", "--only", "age", "--quick", "--threads", "1")
    ran = cli("bench", "student", clip_path, "-m", tiny_model_dir, "--results", tmp_path, *words, "--json")
    assert ran.code == 0, ran.err
    (values,) = ran.json
    assert [row["ratio"] for row in values["fidelity"]] == [2, 4, 8]
    assert "latency" not in values
    stems = ("student-tiny", "student-age-tiny")
    assert {path.name for path in tmp_path.iterdir()} == {
        f"{stem}{ending}" for stem in stems for ending in (".csv", ".png")
    }
    rows = read_csv(tmp_path / "student-tiny.csv")
    assert [row["ratio"] for row in rows] == ["2", "4", "8"]
    for row in rows:
        assert float(row["psnr_student"]) == pytest.approx(float(row["psnr_tree"]), abs=0.01)
