"""Folders and many files: mirrored outputs, what is there already, several at a time, one summary."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import imfn_cli as imfn
from imfn_cli.corpus.manifest import NAME

from .conftest import Ran, digests, environment

Cli = Callable[..., Ran]


@pytest.fixture
def model(tiny_model_dir: Path) -> list[str]:
    return ["-m", str(tiny_model_dir), "-r", "4"]


@pytest.fixture
def footage(clip_frames: np.ndarray, tmp_path: Path) -> Path:
    """day/a.npy, day/b.npy, night/a.npy, each of other frames."""
    for index, name in enumerate(("day/a.npy", "day/b.npy", "night/a.npy")):
        path = tmp_path / "footage" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, clip_frames[index : index + 5])
    return tmp_path / "footage"


def names(folder: Path) -> list[str]:
    """Of all files in it, the manifest aside."""
    return [name for name in digests(folder) if name != NAME]


@pytest.mark.parametrize("jobs", [1, 2])
def test_there_and_back_in_the_same_folders(
    cli: Cli, footage: Path, model: list[str], tmp_path: Path, jobs: int
) -> None:
    latents, restored = tmp_path / "latents", tmp_path / "restored"
    ran = cli("compress", footage, "-o", latents, "-j", jobs, *model, "--json")
    assert (ran.code, ran.err.splitlines()[-1]) == (0, "imfn: 3 inputs done")
    assert names(latents) == [f"{name}.safetensors" for name in ("day/a", "day/b", "night/a")]
    # In the order of the inputs, whoever is done first.
    assert [report["source"] for report in ran.json] == [str(footage / name) for name in names(footage)]
    ran = cli("decompress", latents, "-o", restored, "-j", jobs, *model[:2])
    assert ran.code == 0
    assert names(restored) == names(footage)
    for name in names(footage):
        assert np.load(restored / name).shape == np.load(footage / name).shape


def test_jobs_give_the_same_files(cli: Cli, footage: Path, model: list[str], tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    assert cli("compress", footage, "-o", one, *model).code == 0
    assert cli("compress", footage, "-o", two, "-j", 2, *model).code == 0
    for name in names(one):
        pixels = [list(imfn.read_frames(folder / name, model=model[1])) for folder in (one, two)]
        assert np.abs(np.array(pixels[0], int) - np.array(pixels[1], int)).max() <= 1


def test_a_second_run_does_what_is_missing(
    cli: Cli, footage: Path, model: list[str], clip_frames: np.ndarray
) -> None:
    assert cli("compress", footage, *model).code == 0
    before = digests(footage)
    assert cli("compress", footage, *model).code == 1
    np.save(footage / "new.npy", clip_frames[:3])
    ran = cli("compress", footage, "--skip-existing", *model, "--json")
    assert (ran.code, ran.err.splitlines()[-1]) == (0, "imfn: 4 inputs: 1 done, 3 were there already")
    assert [report.get("skipped", False) for report in ran.json] == [False, True, True, True]
    assert digests(footage).items() >= before.items()
    ran = cli("decompress", footage, "--skip-existing", *model[:2])
    assert (ran.code, ran.err.splitlines()[-1]) == (0, "imfn: 4 inputs done")
    assert (
        "4 inputs: 0 done, 4 were there already"
        in cli("decompress", footage, "--skip-existing", *model[:2]).err
    )


def test_one_bad_file_stops_no_other(cli: Cli, footage: Path, model: list[str], tmp_path: Path) -> None:
    (footage / "day" / "bad.mp4").write_bytes(bytes(range(256)) * 8)
    ran = cli("compress", footage, "-o", tmp_path / "latents", "-j", 2, *model, "--json")
    assert (ran.code, ran.err.splitlines()[-1]) == (1, "imfn: 1 of 4 inputs failed")
    assert [report["source"] for report in ran.json if "error" in report] == [str(footage / "day/bad.mp4")]
    assert len(names(tmp_path / "latents")) == 3


def test_names_that_differ_in_their_ending_alone(
    cli: Cli, clip_frames: np.ndarray, model: list[str], tmp_path: Path
) -> None:
    np.save(tmp_path / "clip.npy", clip_frames[:3])
    np.savez(tmp_path / "clip.npz", clip_frames[3:7])
    assert cli("compress", tmp_path, *model).code == 0
    latents = tmp_path.glob("*.safetensors")
    frames = {path.name: len(list(imfn.read_frames(path, model=model[1]))) for path in latents}
    assert frames == {"clip.safetensors": 3, "clip.npz.safetensors": 4}


def test_a_format_for_all(cli: Cli, footage: Path, model: list[str], tmp_path: Path) -> None:
    assert cli("compress", footage, "-o", tmp_path / "latents", *model).code == 0
    ran = cli("decompress", tmp_path / "latents", "-o", tmp_path / "out", "--format", "mkv", *model[:2])
    assert ran.code == 0
    assert names(tmp_path / "out") == ["day/a.mkv", "day/b.mkv", "night/a.mkv"]


def test_a_folder_without_any(cli: Cli, tmp_path: Path) -> None:
    ran = cli("decompress", tmp_path)
    assert (ran.code, ran.line) == (1, f"{tmp_path}: no latent found; name a file, or a folder with some")


@pytest.mark.parametrize("command", ["compress", "eval"])
def test_without_a_cluster_that_is_said_once(
    cli: Cli,
    footage: Path,
    model: list[str],
    tmp_path: Path,
    command: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing can go on, so no input is called a failure."""
    monkeypatch.setitem(sys.modules, "ray", None)
    more = ["-o", tmp_path / "out"] if command == "compress" else ["-q", "40"]
    ran = cli(command, footage, *more, *model, "--ray", "local")
    assert ran.code == 1
    told = [line for line in ran.err.splitlines() if "…" not in line]
    assert told == ["imfn: --ray: Ray is not installed; pip install 'imfn[cluster]'"]


def test_ctrl_c_ends_all_of_them_and_leaves_nothing_half(
    command: list[str], clip_frames: np.ndarray, model: list[str], tmp_path: Path
) -> None:
    for index in range(4):
        np.save(tmp_path / f"{index}.npy", np.concatenate([clip_frames] * 40))
    words = [*command, "compress", str(tmp_path), "-o", str(tmp_path / "latents"), "-j", "2", *model]
    how: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    running = subprocess.Popen(words, env=environment(), start_new_session=True, **how)
    until = time.monotonic() + 100
    while not list(tmp_path.glob("latents/.*.part*")) and running.poll() is None:
        # The name is taken when the work begins; the file appears at its end.
        if list(tmp_path.glob("latents/*.safetensors")):
            break
        assert time.monotonic() < until
        time.sleep(0.02)
    os.killpg(running.pid, signal.SIGINT)
    _, told = running.communicate(timeout=60)
    assert running.returncode == 130, told
    assert "Traceback" not in told
    assert not list(tmp_path.glob("latents/.*"))
