"""Whole batches from bucket to bucket: mirrored, recognised, and sound whatever the server does."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import imfn_cli as imfn
from imfn_cli.corpus.manifest import NAME

from ..cli.running import Ran
from ..conftest import make_clip
from .conftest import Bucket

Cli = Callable[..., Ran]


@pytest.fixture
def footage(bucket: Bucket, tmp_path: Path) -> list[str]:
    """Four clips in a bucket, below in/; their names."""
    names = ["day/a.npy", "day/b.npy", "night/a.npy", "night/b.npy"]
    for seed, name in enumerate(names):
        np.save(tmp_path / "clip.npy", make_clip(6, 16, 24, seed=seed))
        bucket.put(f"in/{name}", (tmp_path / "clip.npy").read_bytes())
    return names


@pytest.fixture
def model(tiny_model_dir: Path) -> list[str]:
    return ["-m", str(tiny_model_dir), "-r", "4"]


def latents(bucket: Bucket) -> list[str]:
    """What is in the bucket beside the clips and the manifest."""
    names = [name for name in bucket.names() if not name.startswith("in/")]
    return [name for name in names if "imfn-manifest" not in name]


def lines(bucket: Bucket) -> list[dict[str, object]]:
    """Of the manifest, in which no part is left."""
    assert not [name for name in bucket.names() if "imfn-manifest.d" in name]
    text = bucket.files.cat_file(f"{bucket.address}/out/{NAME}").decode()
    return [json.loads(line) for line in text.splitlines()]


def test_there_and_back(
    cli: Cli, bucket: Bucket, footage: list[str], model: list[str], tmp_path: Path
) -> None:
    words = ("compress", f"{bucket.address}/in/", "-o", f"{bucket.address}/out/", *model)
    ran = cli(*words, "--json")
    assert ran.code == 0, ran.err
    wanted = [f"out/{name.replace('.npy', '.safetensors')}" for name in footage]
    assert latents(bucket) == wanted
    assert [report["source"] for report in ran.json] == [f"{bucket.address}/in/{name}" for name in footage]
    assert [report["output"] for report in ran.json] == [f"{bucket.address}/{name}" for name in wanted]
    assert [line["state"] for line in lines(bucket)] == ["done"] * 4
    # The same bytes as here.
    (tmp_path / "in").mkdir()
    for name in ("day/a.npy",):
        (tmp_path / "in" / "a.npy").write_bytes(bucket.files.cat_file(f"{bucket.address}/in/{name}"))
    imfn.compress(tmp_path / "in" / "a.npy", tmp_path / "a.safetensors", model=model[1], ratio=4)
    there = bucket.files.cat_file(f"{bucket.address}/out/day/a.safetensors")
    assert there == (tmp_path / "a.safetensors").read_bytes()
    # A second run asks a few questions, whatever the number of files.
    bucket.requests.clear()
    ran = cli(*words)
    assert (ran.code, ran.err.splitlines()[-1]) == (0, "imfn: 4 inputs: 0 done, 4 were there already")
    assert sum(bucket.requests.values()) < 12
    # A source that has changed is told of, and made anew where that is wanted.
    np.save(tmp_path / "clip.npy", make_clip(7, 16, 24, seed=9))
    bucket.put("in/day/b.npy", (tmp_path / "clip.npy").read_bytes())
    ran = cli(*words)
    assert ran.code == 1
    assert "--update" in ran.err
    ran = cli(*words, "--update")
    assert (ran.code, ran.err.splitlines()[-1]) == (0, "imfn: 4 inputs: 1 done, 3 were there already")
    ran = cli("decompress", f"{bucket.address}/out/", "-o", tmp_path / "back", *model[:2])
    assert ran.code == 0, ran.err
    assert np.load(tmp_path / "back" / "day" / "b.npy").shape == (7, 16, 24, 3)
    ran = cli("verify", f"{bucket.address}/out/", *model[:2], "--manifest", tmp_path / "verified.jsonl")
    assert ran.code == 0, ran.err
    ran = cli("verify", f"{bucket.address}/out/", *model[:2], "--manifest", tmp_path / "verified.jsonl")
    assert "0 done, 4 were there already" in ran.err


def test_keys_that_vanish_and_uploads_that_break(
    cli: Cli, bucket: Bucket, footage: list[str], model: list[str]
) -> None:
    words = ("compress", f"{bucket.address}/in/", "-o", f"{bucket.address}/out/", *model, "--json")
    tries: Iterator[int | str] = iter([503, "cut"])

    def fails(method: str, path: str) -> int | str | None:
        if "/in/day/a.npy" in path and method == "GET":
            return 404
        if "/out/day/b" in path and method in ("PUT", "POST"):
            return "cut"
        if "/out/night/a" in path and method in ("PUT", "POST"):
            return next(tries, None)
        return None

    bucket.fails = fails
    ran = cli(*words)
    assert (ran.code, ran.err.splitlines()[-1]) == (1, "imfn: 2 of 4 inputs failed")
    errors = {
        report["source"].rpartition("/in/")[2]: report["error"] for report in ran.json if "error" in report
    }
    assert errors["day/a.npy"] == f"{bucket.address}/in/day/a.npy: no such file; check the address"
    assert errors["day/b.npy"].startswith(f"{bucket.address}/out/day/b.safetensors: cannot be written")
    assert "Traceback" not in ran.err
    bucket.fails = lambda method, path: None
    assert latents(bucket) == ["out/night/a.safetensors", "out/night/b.safetensors"]
    assert sorted(str(line["state"]) for line in lines(bucket)) == ["done", "done", "failed", "failed"]
    # What failed is done by the next run, the rest is not touched.
    ran = cli(*words)
    assert (ran.code, ran.err.splitlines()[-1]) == (0, "imfn: 4 inputs: 2 done, 2 were there already")
    assert len(latents(bucket)) == 4


def test_a_run_that_was_killed_before_it_could_say_so(
    cli: Cli, bucket: Bucket, footage: list[str], model: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("compress", f"{bucket.address}/in/", "-o", f"{bucket.address}/out/", *model)
    with monkeypatch.context() as patch:
        # No line after those that say what begins: as SIGKILL leaves it.
        patch.setattr("imfn_cli.corpus.manifest.Manifest.done", lambda *_: None)
        patch.setattr("imfn_cli.corpus.manifest.Manifest.close", lambda *_: None)
        assert cli(*words).code == 0
    ran = cli(*words)
    assert (ran.code, ran.err.splitlines()[-1]) == (0, "imfn: 4 inputs: 0 done, 4 were there already")
