"""Running the command line, in this process and in one of its own."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import imfn_cli as imfn
from imfn_cli.cli.main import run

from ..docs.schema import undocumented
from .running import PATIENCE, Ran, Running, environment


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Run the command in this process; what libraries print by themselves is caught as well.

    What it prints with --json is compared with docs/json.md.
    """

    def call(*words: object) -> Ran:
        capfd.readouterr()
        code = run([str(word) for word in words])
        ran = Ran(code, *capfd.readouterr())
        if "--json" in words:
            assert undocumented([str(word) for word in words], ran.json) == []
        return ran

    return call


@contextmanager
def standard_input(descriptor: int) -> Iterator[None]:
    """What this process reads from its standard input (descriptor 0) comes from `descriptor` in the block."""
    before = os.dup(0)
    os.dup2(descriptor, 0)
    try:
        yield
    finally:
        os.dup2(before, 0)
        os.close(before)


@pytest.fixture(scope="session")
def command() -> list[str]:
    """The words that start the command in a process of its own."""
    return [sys.executable, "-m", "imfn_cli"]


@pytest.fixture
def process(command: list[str]) -> Callable[..., Ran]:
    """Run the command in a process of its own; options are those of `subprocess.run`."""

    def call(*words: object, **options: Any) -> Ran:
        options["env"] = environment() | options.get("env", {})
        ran = subprocess.run(
            [*command, *map(str, words)],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
            **options,
        )
        return Ran(ran.returncode, ran.stdout, ran.stderr)

    return call


@pytest.fixture
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Running]]:
    """Start the command in a process of its own, in a folder, to feed it or to send it signals."""
    started: list[Running] = []

    def one(*words: object, folder: Path) -> Running:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PYTHONPATH", environment()["PYTHONPATH"])
            started.append(Running([str(word) for word in words], folder, tmp_path_factory.mktemp("process")))
        return started[-1]

    yield one
    for running in started:
        running.close()


@pytest.fixture(scope="session")
def latent_bytes(
    clip_frames: np.ndarray, tiny_model: imfn.Model, tmp_path_factory: pytest.TempPathFactory
) -> bytes:
    """A latent of 13 frames, 64×48, at 4:1: nodes of 4, 4, 4 and 1 frames, each of which stands alone."""
    path = tmp_path_factory.mktemp("latent") / "clip.safetensors"
    imfn.compress(clip_frames[:13], path, model=tiny_model, ratio=4, gop=0)
    return path.read_bytes()


@pytest.fixture
def latent(latent_bytes: bytes, tmp_path: Path) -> Path:
    """A file with `latent_bytes`, to damage at will."""
    path = tmp_path / "clip.safetensors"
    path.write_bytes(latent_bytes)
    return path


@pytest.fixture
def clip(clip_frames: np.ndarray, tmp_path: Path) -> Path:
    """Nine frames of the clip as an array file."""
    path = tmp_path / "clip.npy"
    np.save(path, clip_frames[:9])
    return path


@pytest.fixture(scope="session")
def short(clip_frames: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine frames of the clip as an array file, where nothing is written."""
    path = tmp_path_factory.mktemp("short") / "short.npy"
    np.save(path, clip_frames[:9])
    return path


def recipe_text(data: Path, **changes: object) -> str:
    """A recipe of a small model, ratios 1 to 4, that is trained on `data` in seconds."""
    values = {
        "train": [str(data)],
        "start": "",
        "levels": 2,
        "channels": 24,
        "widths": [8, 8],
        "merge_blocks": 1,
        "split_blocks": 1,
        "kernel": 3,
        "steps": 12,
        "warmup": 2,
        "evaluate": 6,
        "crop": 32,
        "trees": 1,
        "table_positions": 60,
    }
    # What JSON writes of these is TOML.
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in (values | changes).items())


def digests(folder: Path) -> dict[str, str]:
    """Every file below `folder`, hidden ones too, with a hash of what it holds."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
