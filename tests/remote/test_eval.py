"""`imfn eval` of clips in a bucket: as of files here, by few requests, and whatever the server does."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ..cli.running import Ran
from ..conftest import make_clip
from .conftest import Bucket

Cli = Callable[..., Ran]
_UNSTEADY = ("compress_fps", "restore_fps", "peak_memory_mb")


@pytest.fixture
def footage(bucket: Bucket, tmp_path: Path) -> list[str]:
    """Three clips in a bucket, below in/, and the same here, in "here"; their names."""
    names = ["day/a.npy", "day/b.npy", "night/c.npy"]
    for seed, name in enumerate(names):
        place = tmp_path / "here" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        np.save(place, make_clip(6, 16, 24, seed=seed))
        bucket.put(f"in/{name}", place.read_bytes())
    return names


@pytest.fixture
def words(tiny_model_dir: Path) -> tuple[object, ...]:
    return ("-m", tiny_model_dir, "-r", "4", "-q", "30,60", "-j", "2")


def steady(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows without what differs from run to run."""
    return [{name: value for name, value in row.items() if name not in _UNSTEADY} for row in document["rows"]]


def test_rows_are_those_of_files_here(
    cli: Cli, bucket: Bucket, footage: list[str], words: tuple[object, ...], tmp_path: Path
) -> None:
    there = cli("eval", f"{bucket.address}/in/", *words, "--cache", tmp_path / "cache", "--json")
    assert there.code == 0, there.err
    here = cli("eval", (tmp_path / "here").as_uri(), *words, "--json")
    assert here.code == 0, here.err
    assert len(there.json[0]["rows"]) == 6
    assert steady(there.json[0]) == steady(here.json[0])
    sources = [clip["source"] for clip in there.json[0]["clips"]]
    assert sources == [f"{bucket.address}/in/{name}" for name in footage]
    assert [clip["frames"] for clip in there.json[0]["clips"]] == [6, 6, 6]
    # A second run lists, and fetches nothing.
    bucket.requests.clear()
    again = cli("eval", f"{bucket.address}/in/", *words, "--cache", tmp_path / "cache", "--json")
    assert again.json[0]["rows"] == there.json[0]["rows"]
    assert again.json[0]["clips"] == there.json[0]["clips"]
    assert f"6 of 6 rows were in {tmp_path / 'cache'}" in again.err
    assert sum(bucket.requests.values()) < 6
    # What has changed since, with the same size, is measured anew, by its ETag.
    np.save(tmp_path / "clip.npy", make_clip(6, 16, 24, seed=9))
    bucket.put("in/day/b.npy", (tmp_path / "clip.npy").read_bytes())
    changed = cli("eval", f"{bucket.address}/in/", *words, "--cache", tmp_path / "cache", "--json")
    assert f"4 of 6 rows were in {tmp_path / 'cache'}" in changed.err
    others = [row["clip"] for row in changed.json[0]["rows"] if row in there.json[0]["rows"]]
    assert others == ["a.npy", "a.npy", "c.npy", "c.npy"]


def test_what_cannot_be_fetched_stops_no_other(
    cli: Cli, bucket: Bucket, footage: list[str], words: tuple[object, ...], tmp_path: Path
) -> None:
    bucket.put("in/day/bad.npy", b"\x93NUMPY, or not")

    def fails(method: str, path: str) -> int | str | None:
        return 404 if "/in/day/a.npy" in path and method == "GET" else None

    bucket.fails = fails
    ran = cli("eval", f"{bucket.address}/in/", *words, "--cache", tmp_path / "cache", "--json")
    assert ran.code == 1
    errors = {failure["clip"]: failure["error"] for failure in ran.json[0]["failures"]}
    assert errors.keys() == {"a.npy", "bad.npy"}
    assert errors["a.npy"] == f"{bucket.address}/in/day/a.npy: no such file; check the address"
    assert errors["bad.npy"].startswith(f"{bucket.address}/in/day/bad.npy: ")
    lines = ran.err.splitlines()
    assert lines.count(f"imfn: {errors['a.npy']}") == lines.count(f"imfn: {errors['bad.npy']}") == 1
    assert lines[-1] == "imfn: 2 of 4 clips failed"
    bucket.fails = lambda method, path: None
    bucket.files.rm(f"{bucket.address}/in/day/bad.npy")
    ran = cli("eval", f"{bucket.address}/in/", *words, "--cache", tmp_path / "cache", "--json")
    assert ran.code == 0, ran.err
    assert f"4 of 6 rows were in {tmp_path / 'cache'}" in ran.err


def test_pictures_of_clips_elsewhere(
    cli: Cli, bucket: Bucket, footage: list[str], words: tuple[object, ...], tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    ran = cli("eval", f"{bucket.address}/in/night/", *words, "--report", page)
    assert ran.code == 0, ran.err
    assert "data:image/" in page.read_text(encoding="utf-8")


def test_clips_in_memory(cli: Cli, words: tuple[object, ...], tmp_path: Path) -> None:
    """Workers do not see them: they get copies."""
    fsspec = pytest.importorskip("fsspec", reason="no fsspec: pip install 'imfn[remote]'")
    np.save(tmp_path / "a.npy", make_clip(6, 16, 24))
    files = fsspec.filesystem("memory")
    files.pipe_file("/eval/a.npy", (tmp_path / "a.npy").read_bytes())
    try:
        ran = cli("eval", "memory://eval/a.npy", "memory://eval/gone.npy", *words, "--json")
    finally:
        files.rm("/eval", recursive=True)
    assert ran.code == 1
    assert [clip["source"] for clip in ran.json[0]["clips"]] == ["memory://eval/a.npy"]
    assert len(ran.json[0]["rows"]) == 2
    (failure,) = ran.json[0]["failures"]
    assert failure["error"] == "memory://eval/gone.npy: no such file; check the address"
