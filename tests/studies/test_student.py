"""The benchmark of the student, on small clips."""

from pathlib import Path

import numpy as np
import pytest

import imfn_cli as imfn
from imfn_cli.media import Source, expand_inputs
from imfn_cli.studies.student.age import age_rows
from imfn_cli.studies.student.fidelity import fidelity_rows, mean_fidelity
from imfn_cli.studies.student.latency import LatencyRow, latency_rows
from imfn_cli.studies.student.plot import plot_ages, plot_fidelity, plot_latency


@pytest.fixture(scope="module")
def sources(clip_frames: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> list[Source]:
    """One clip of 20 frames and one of 5."""
    folder = tmp_path_factory.mktemp("clips")
    np.save(folder / "a.npy", clip_frames[:20])
    np.save(folder / "b.npy", clip_frames[:5])
    return expand_inputs([str(folder)])


def test_fidelity(tiny_model: imfn.Model, sources: list[Source]) -> None:
    rows = fidelity_rows(tiny_model, sources, frames=17)
    assert [(row.clip, row.ratio, row.frames) for row in rows] == [
        *(("a.npy", 2, 16), ("a.npy", 4, 16), ("a.npy", 8, 16)),
        *(("b.npy", 2, 4), ("b.npy", 4, 4)),
    ]
    for row in rows:
        assert row.psnr_student == pytest.approx(row.psnr_tree, abs=0.01)
        assert row.distance < 1e-4
        assert row.bytes_student == pytest.approx(row.bytes_tree, rel=0.01)
    means = mean_fidelity(rows)
    assert [mean["clips"] for mean in means] == [2, 2, 1]
    assert means[0]["psnr_tree"] > means[1]["psnr_tree"] > means[2]["psnr_tree"]


def test_latency(tiny_model: imfn.Model) -> None:
    rows = latency_rows(tiny_model, (8, 4), frames=32, long=64, size=(16, 24))
    assert [(row.method, row.ratio, row.frames) for row in rows] == [
        *(("tree", 8, 32), ("binary counter", 8, 32), ("student", 8, 32)),
        *(("tree", 4, 32), ("binary counter", 4, 32), ("student", 4, 64)),
    ]
    assert all(0 < row.mean_ms <= row.worst_ms for row in rows)
    assert all(row.p99_ms <= row.worst_ms for row in rows)


def test_ages(tiny_model: imfn.Model, sources: list[Source]) -> None:
    rows = age_rows(tiny_model, sources, (8,))
    by_method = {method: [row for row in rows if row.method == method] for method in {r.method for r in rows}}
    assert set(by_method) == {"forget, half-life 8", "last 8 frames", "average"}
    forget = by_method["forget, half-life 8"]
    assert [row.age for row in forget] == list(range(20))
    assert [row.clips for row in forget] == [2] * 5 + [1] * 15
    assert [row.age for row in by_method["last 8 frames"]] == list(range(8))
    assert forget[0].psnr > forget[10].psnr
    assert forget[0].psnr > by_method["average"][0].psnr


def test_the_same_rows_give_the_same_pictures(
    tiny_model: imfn.Model, sources: list[Source], tmp_path: Path
) -> None:
    fidelity = fidelity_rows(tiny_model, sources[:1], frames=8)
    latency = [LatencyRow("student", 8, 1, 10, 1.0, 2.0, 3.0, 100.0, 100.0)]
    ages = age_rows(tiny_model, sources[:1], (8,))
    for name in ("one", "two"):
        plot_fidelity(tmp_path / f"{name}.png", "tiny", fidelity)
        plot_latency(tmp_path / f"{name}-latency.png", latency)
        plot_ages(tmp_path / f"{name}-ages.png", "tiny", ages)
    for ending in (".png", "-latency.png", "-ages.png"):
        assert (tmp_path / f"one{ending}").read_bytes() == (tmp_path / f"two{ending}").read_bytes()
