"""docs/json.md says what `--json` prints: fields and types are compared with what commands print.

The tests of `cli/` compare every line that they have printed too.
"""

import json
import shutil
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imfn_cli.cli.main import run
from imfn_cli.evaluation.peak_rss import PeakRssRow
from imfn_cli.evaluation.speed import SpeedRow

from ..conftest import make_clip
from .markdown import table
from .schema import JSON, differences, fits

Printed = list[dict[str, Any]]


class Commands:
    """Runs commands in a folder and gives the lines that they print."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *words: str, code: int = 0, model: bool = True) -> Printed:
        assert run([*words, "--json", *(["-m", "video-linear"] if model else [])]) == code
        return [json.loads(line) for line in self._capsys.readouterr().out.splitlines()]


@pytest.fixture
def imfn(
    capsys: pytest.CaptureFixture[str], clip_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Commands:
    """Commands in an empty folder with a small clip.mp4."""
    shutil.copy(clip_path, tmp_path / "clip.mp4")
    monkeypatch.chdir(tmp_path)
    return Commands(capsys)


def test_latents(imfn: Commands) -> None:
    (line,) = imfn("compress", "clip.mp4", "-r", "8")
    assert differences(line, "imfn compress") == []
    whole, missing = imfn("compress", "clip.mp4", "nothing.mp4", "-r", "8", "--force", code=1)
    assert differences(whole, "imfn compress") == []
    assert differences(missing, "Errors") == []
    (line,) = imfn("info", "clip.safetensors", model=False)
    assert differences(line, "imfn info LATENT") == []
    (line,) = imfn("verify", "clip.safetensors")
    assert differences(line, "imfn verify") == []
    latent = Path("clip.safetensors")
    content = bytearray(latent.read_bytes())
    content[-1] ^= 1
    latent.write_bytes(content)
    (line,) = imfn("verify", "clip.safetensors", code=1)
    assert line["damaged"]
    assert differences(line, "imfn verify") == []
    (line,) = imfn("decompress", "clip.safetensors", "-o", "out.npy", "--skip-damaged", code=1)
    assert line["damaged"]
    assert differences(line, "imfn decompress") == []


def test_streams(imfn: Commands) -> None:
    (line,) = imfn("stream", "clip.mp4", "-r", "4", "-o", "s.safetensors")
    assert differences(line, "imfn stream") == []
    (line,) = imfn("stream", "clip.mp4", "--forget", "-o", "f.safetensors")
    assert differences(line, "imfn stream --forget") == []
    (line,) = imfn("info", "f.safetensors", model=False)
    assert differences(line, "imfn info MEMORY") == []
    (line,) = imfn("verify", "f.safetensors")
    assert differences(line, "imfn verify") == []


def test_models(imfn: Commands) -> None:
    (line,) = imfn("models", model=False)
    assert differences(line, "imfn models") == []
    for name in ("video", "video-linear", "mnist"):
        (line,) = imfn("info", name, model=False)
    assert differences(line, "imfn info MODEL") == []


def test_training(imfn: Commands) -> None:
    np.save("data.npy", make_clip(8, 16, 16))
    np.save("test.npy", make_clip(8, 16, 16, seed=1))
    shape = ("--levels", "1", "--patch", "4", "--gray")
    words = ("train", "--linear", "data.npy", "--test", "test.npy", "-o", "made", *shape)
    (line,) = imfn(*words, model=False)
    assert "results" in line
    assert differences(line, "imfn train") == []
    (line,) = imfn("distill", "made", "-r", "2", "-o", "student.safetensors", model=False)
    assert differences(line, "imfn distill") == []


@pytest.mark.parametrize(
    ("title", "row"), [("imfn bench speed", SpeedRow), ("imfn bench memory", PeakRssRow)]
)
def test_measurements(title: str, row: type) -> None:
    """Those that take minutes: by the fields that are printed."""
    documented = [one[0].strip("`") for one in table(JSON, title).rows]
    printed = [f"rows[].{one.name}" for one in fields(row)]
    assert [name for name in documented if name.startswith("rows[].")] == printed


def test_kinds() -> None:
    """The comparison itself says no."""
    assert fits([[1, 2]], "list of pairs of integers")
    assert fits({"a": None}, "map of strings or null")
    assert not fits(True, "integer")
    assert not fits(1.5, "integer or null")
    assert not fits({"a": "1"}, "map of numbers")
    line = {"source": "a", "error": 3, "more": 1}
    found = differences(line, "Errors")
    assert len(found) == 2
    assert any("more" in one for one in found)


def test_every_kind_is_known() -> None:
    for line in JSON.read_text(encoding="utf-8").splitlines():
        if line.startswith("| `"):
            fits([], line.split("|")[2].strip())
