"""The manifest: what is done, what is stale, what a run left that was killed at any byte."""

import json
from pathlib import Path

import pytest

from imfn_cli.corpus.manifest import NAME, Manifest, settings_hash
from imfn_cli.system.remote import Stamp, stamp_of

SOURCE = Stamp(100, "1")


def opened(folder: Path, settings: str = "s") -> Manifest:
    return Manifest(str(folder / NAME), settings)


def make(folder: Path, name: str = "a.safetensors", data: bytes = b"latent") -> None:
    (folder / name).write_bytes(data)


def test_done_until_anything_changes(tmp_path: Path) -> None:
    manifest = opened(tmp_path)
    assert manifest.state("a.safetensors", SOURCE) == "unknown"
    manifest.begin([("a.safetensors", "a.mp4", SOURCE)])
    assert manifest.state("a.safetensors", SOURCE) == "unknown"
    make(tmp_path)
    manifest.done("a.safetensors", "a.mp4", SOURCE, {"psnr": 31.5})
    manifest.close()
    again = opened(tmp_path)
    assert again.state("a.safetensors", SOURCE) == "done"
    assert again.state("a.safetensors", Stamp(101, "1")) == "stale"
    assert again.state("a.safetensors", Stamp(100, "2")) == "stale"
    assert opened(tmp_path, "other").state("a.safetensors", SOURCE) == "stale"
    assert again.done_from("a.mp4", SOURCE) == "a.safetensors"
    assert again.done_from("b.mp4", SOURCE) is None
    # Somebody else's by its size: not ours to write over.
    make(tmp_path, data=b"something else")
    assert again.state("a.safetensors", SOURCE) == "unknown"
    (tmp_path / "a.safetensors").unlink()
    assert again.state("a.safetensors", SOURCE) == "unknown"
    assert [json.loads(line) for line in (tmp_path / NAME).read_text().splitlines()] == [
        {
            "target": "a.safetensors",
            "state": "done",
            "source": "a.mp4",
            "size": 100,
            "changed": "1",
            "settings": "s",
            "bytes": 6,
            "psnr": 31.5,
        }
    ]


def test_a_file_that_was_finished_before_its_line(tmp_path: Path) -> None:
    opened(tmp_path).begin([("a.safetensors", "a.mp4", SOURCE)])
    make(tmp_path)
    assert opened(tmp_path).state("a.safetensors", SOURCE) == "done"
    # And from now on for good.
    assert json.loads((tmp_path / NAME).read_text().splitlines()[-1])["state"] == "done"


def test_what_was_there_before_the_work_is_not_taken_for_its_result(tmp_path: Path) -> None:
    make(tmp_path)
    opened(tmp_path).begin([("a.safetensors", "a.mp4", SOURCE)])
    assert opened(tmp_path).state("a.safetensors", SOURCE) == "unknown"
    make(tmp_path, data=b"replaced")
    assert opened(tmp_path).state("a.safetensors", SOURCE) == "done"


def test_cut_at_any_byte(tmp_path: Path) -> None:
    manifest = opened(tmp_path)
    for name in ("a", "b"):
        make(tmp_path, name)
        manifest.begin([(name, f"{name}.mp4", SOURCE)])
        manifest.done(name, f"{name}.mp4", SOURCE, {})
    whole = (tmp_path / NAME).read_bytes()
    ends = [index + 1 for index, byte in enumerate(whole) if byte == 10]
    for cut in range(0, len(whole), 7):
        (tmp_path / NAME).write_bytes(whole[:cut])
        again = opened(tmp_path)
        lines = sum(end <= cut for end in ends)
        assert [again.state(name, SOURCE) for name in ("a", "b")] == [
            "done" if lines >= 2 else "unknown",
            "done" if lines >= 4 else "unknown",
        ]
        again.failed("c", "c.mp4", SOURCE, "cut short")
        assert json.loads((tmp_path / NAME).read_bytes().splitlines()[-1])["error"] == "cut short"


def test_failed_is_tried_again(tmp_path: Path) -> None:
    manifest = opened(tmp_path)
    manifest.failed("a", "a.mp4", SOURCE, "is empty")
    make(tmp_path, "a")
    assert opened(tmp_path).state("a", SOURCE) == "unknown"


def test_settings_have_one_hash() -> None:
    assert settings_hash({"a": 1, "b": None}) == settings_hash({"b": None, "a": 1})
    assert settings_hash({"a": 1}) != settings_hash({"a": 2})


def test_two_at_a_time_lose_no_line(tmp_path: Path) -> None:
    one, other = opened(tmp_path), opened(tmp_path)
    for number in range(20):
        make(tmp_path, f"{number}")
        (one, other)[number % 2].done(f"{number}", f"{number}.mp4", SOURCE, {})
    assert all(opened(tmp_path).state(f"{number}", SOURCE) == "done" for number in range(20))


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_stamps(tmp_path: Path, kind: str) -> None:
    make(tmp_path, "x")
    assert stamp_of(str(tmp_path / "x")) == Stamp(6, str((tmp_path / "x").stat().st_mtime_ns))
    assert stamp_of(str(tmp_path / "none")) is None
