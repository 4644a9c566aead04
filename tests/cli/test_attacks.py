"""Small files that claim much: every command refuses them in one line, or is done within bounds."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import imfn_cli as imfn

from .. import attack_runs, attacks
from .running import PATIENCE, Ran, environment

Cli = Callable[..., Ran]
# Above what the process had; the model is tiny. Restoring a few frames takes most of it.
MEGABYTES = 400

#: What has to be refused, and by which words.
REFUSED = {
    "frame-16384": "--limit-pixels",
    "frame-8192": "--limit-pixels",
    "frame-7900": "--limit-memory",
    "raw-part-100MB": "is damaged (no node of such frames is so large)",
    "metadata-90MB": "at most 1,048,576 are read",
    "levels-of-20": "--limit-frames",
    "frames-of-a-lifetime": "--limit-frames",
    "ticks-beyond-64-bits": "need more than 64 bits",
    "ticks-not-increasing": "do not increase",
    "ticks-backwards": "do not increase",
    "frame-ticks-highest": "need more than 64 bits",
    "time-base-of-a-billion-digits": "its header says time_base = '1e999999999'",
    "rate-beyond-64-bits": "its header says frame_rate = ",
    "aspect-beyond-64-bits": "its header says sample_aspect_ratio = ",
    "escapes-in-model": "was written by model",
    "adaptive-frames": "--limit-frames",
    "growing-levels-of-20": "--limit-frames",
    "growing-levels-of-20-100": "--limit-frames",
    "fading-time-base": "time_base is '1e999999999'",
    "fading-frames": "--limit-frames",
    "fading-size": "--limit-pixels",
    "fading-times": "times do not increase",
}


@pytest.fixture(scope="module")
def found(tiny_model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What every command makes of every attack, in a process that may not take the machine down."""
    import resource

    def bounded() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))

    folder = tmp_path_factory.mktemp("attacks")
    words = [sys.executable, "-m", "tests.attack_runs", str(folder), str(tiny_model_dir), "--few"]
    ran = subprocess.run(
        words,
        env=environment(),
        cwd=Path(attacks.__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=10 * PATIENCE,
        check=False,
        preexec_fn=bounded,
    )
    assert ran.returncode == 0, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()]


def test_every_command_ends_with_a_line(found: list[dict[str, Any]]) -> None:
    assert {row["file"] for row in found} == set(attacks.FILES)
    for row in found:
        what = f"{row['file']}, {row['command']}: {row['said']}"
        assert row["code"] in (0, 1), what
        assert "IMFN_DEBUG" not in row["said"], what
        assert "Traceback" not in row["said"], what
        assert len(row["said"].splitlines()) <= 22, what
        assert row["code"] == 0 or row["said"].startswith("imfn: "), what


def test_memory_is_bounded(found: list[dict[str, Any]]) -> None:
    for row in found:
        assert row["megabytes"] is None or row["megabytes"] < MEGABYTES, row


def test_what_fails_leaves_nothing(found: list[dict[str, Any]]) -> None:
    for row in found:
        # Of damaged nodes the last good frame is repeated, and that is said.
        kept = row["code"] == 0 or row["command"] == "skip"
        assert kept or row["left"] == [], row
        assert not any(".part" in name for name in row["left"]), row


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_with_the_reason(found: list[dict[str, Any]], name: str) -> None:
    (row,) = (row for row in found if row["file"] == name and row["command"] == "npy")
    assert row["code"] == 1
    assert REFUSED[name] in row["said"]


def test_a_ratio_above_the_models_is_one_line(found: list[dict[str, Any]]) -> None:
    rows = [row for row in found if "levels-of-20" in row["file"] and row["command"] == "verify"]
    assert len(rows) == 3
    for row in rows:
        assert row["said"].endswith("its ratio is 1048576, the model's 8 at most\n")


def test_no_escape_reaches_the_terminal(found: list[dict[str, Any]]) -> None:
    for row in found:
        for text in (row["said"], row["out"]):
            assert all(one.isprintable() or one == "\n" for one in text), row


def test_models(tmp_path: Path, learned_dir: Path, clip_frames: np.ndarray) -> None:
    clip = tmp_path / "clip.npy"
    np.save(clip, clip_frames[:4])
    for row in attack_runs.model_runs(tmp_path, learned_dir, clip):
        what = f"{row['file']}, {row['command']}: {row['said']}"
        assert len(row["said"].splitlines()) <= 1, what
        assert "IMFN_DEBUG" not in row["said"], what
        # The weights are whole where only the student is not.
        whole = row["command"] == "info" or ("student" in row["file"] and row["command"] == "compress")
        whole = whole and row["file"] != "model: long-config"
        assert row["code"] == (0 if whole else 1), what
        assert whole or row["left"] == [], what
        assert row["megabytes"] is None or row["megabytes"] < MEGABYTES, what


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (("decompress", "--limit-pixels", 3000), "--limit-pixels 3072"),
        (("decompress", "--limit-frames", 12), "--limit-frames 13"),
        (("decompress", "--limit-memory", "100MB"), "--limit-memory 0."),
        (("verify", "--limit-pixels", 3000), "--limit-pixels 3072"),
        (("verify", "--limit-memory", "100MB"), "--limit-memory 0."),
        (("info", "--limit-memory", "1kB"), "--limit-memory 0.1GB"),
    ],
)
def test_limits_can_be_set_and_the_message_names_what_lifts_them(
    cli: Cli, latent: Path, tiny_model_dir: Path, words: tuple[object, ...], option: str
) -> None:
    command, name, value = words
    more = () if command == "info" else ("-m", tiny_model_dir)
    ran = cli(command, latent, name, value, *more)
    assert ran.code == 1
    assert option in ran.line
    lifted = ran.line.split(f"{name} ")[1].split()[0]
    assert cli(command, latent, name, lifted, *more).code == 0
    assert list(latent.parent.glob("*.part*")) == []


def test_python_has_the_limits_too(latent: Path, tiny_model: imfn.Model) -> None:
    limits = imfn.Limits(frames=12)
    with pytest.raises(imfn.LimitError, match="13 frames of 64x48 are more than 12"):
        imfn.read_frames(latent, model=tiny_model, limits=limits)
    assert len(list(imfn.read_frames(latent, 1, 13, model=tiny_model, limits=limits))) == 12
    with imfn.open(latent, model=tiny_model, limits=limits) as opened:
        assert len(opened[:12]) == 12
        with pytest.raises(imfn.LimitError):
            opened[:]
    with pytest.raises(ValueError, match="a limit of 0 pixels"):
        imfn.Limits(pixels=0)


def test_a_long_film_needs_bytes_of_its_own() -> None:
    """What a film of a few bytes may hold, and one whose bytes are there."""
    limits = imfn.Limits()
    day = 24 * 3600 * 25
    with pytest.raises(imfn.LimitError, match="--limit-frames 2160000"):
        limits.check_frames("x", day, 1080, 1920, 1_000_000)
    limits.check_frames("x", day, 1080, 1920, 10**10)
    imfn.Limits(frames=day).check_frames("x", day, 1080, 1920, 1000)
