"""`imfn bench`: the tables of docs/RESULTS.md, on clips that are made here."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from imfn_cli.cli.bench.common import benchmark_sources
from imfn_cli.errors import InputError
from tests.conftest import read_csv

from .conftest import Ran, environment

COMMANDS = (
    "factorisation",
    "mnist",
    "language",
    "camera",
    "student",
    "ucf101",
    "codecs",
    "speed",
    "memory",
    "windows",
    "coder",
    "arrays",
)

#: Few settings, so that the tests are quick.
FEW = ("-r", "2,8", "-q", "20,60")


def test_ucf101(cli: Callable[..., Ran], short: Path, tiny_model_dir: Path, tmp_path: Path) -> None:
    results = tmp_path / "new" / "results"
    ran = cli("bench", "ucf101", short, "-m", tiny_model_dir, *FEW, "--results", results, "--jobs", 1)
    assert ran.code == 0, ran.err
    assert "float memories" in ran.out
    assert "files on disk" in ran.out
    floats, files = read_csv(results / "ucf101-float-tiny.csv"), read_csv(results / "ucf101-files-tiny.csv")
    assert [(row["ratio"], row["frames"]) for row in floats] == [
        ("1", "9"),
        ("2", "8"),
        ("4", "8"),
        ("8", "8"),
    ]
    assert [(row["ratio"], row["quality"]) for row in files] == [
        ("2", "20"),
        ("2", "60"),
        ("8", "20"),
        ("8", "60"),
    ]
    assert all(float(row["bits_per_pixel"]) > 0 and int(row["bytes"]) > 0 for row in files)
    # Nothing that changes from run to run: a committed file only changes with the results.
    assert not any("fps" in name or "memory" in name for name in files[0])


def test_codecs(cli: Callable[..., Ran], short: Path, tiny_model_dir: Path, tmp_path: Path) -> None:
    words = ("bench", "codecs", short, "-m", tiny_model_dir, *FEW, "--against", "x264")
    # What the first run measured, the second finds.
    args = (*words, "--results", tmp_path, "--cache", tmp_path / "cache", "--jobs", 1)
    ran = cli(*args, "--json")
    assert ran.code == 0, ran.err
    rows, deltas = read_csv(tmp_path / "codecs-tiny.csv"), read_csv(tmp_path / "codecs-bd-tiny.csv")
    assert [row["codec"] for row in rows] == ["imfn"] * 4 + ["x264"] * 4
    assert {(row["clip"], row["codec"]) for row in deltas} == {
        (clip, codec) for clip in ("short.npy", "") for codec in ("imfn 2:1", "imfn 8:1", "imfn best")
    }
    # Against itself a model gains nothing.
    ran = cli(*args, "--beside", tiny_model_dir)
    assert ran.code == 0, ran.err
    assert "+0.0% bits" in ran.out
    own = [row for row in read_csv(tmp_path / "codecs-bd-tiny.csv") if row["anchor"] == str(tiny_model_dir)]
    assert {float(row["bd_rate"]) for row in own} == {0.0}
    assert not any("fps" in name or "memory" in name for name in rows[0])


def test_speed(cli: Callable[..., Ran], short: Path, tiny_model_dir: Path, tmp_path: Path) -> None:
    words = ("bench", "speed", short, "-m", tiny_model_dir, "-r", "2,auto", "--runs", 1)
    ran = cli(*words, "--results", tmp_path, "--json")
    assert ran.code == 0, ran.err
    rows = json.loads(ran.out)["rows"]
    codecs = ["imfn tiny 2:1", "imfn tiny auto", "libx264 preset medium crf 23"]
    assert [(row["codec"], row["frames"]) for row in rows] == [(codec, 9) for codec in codecs]
    assert all(row["compress"] > 0 and row["decompress"] > 0 and row["bytes"] > 0 for row in rows)


def test_windows(cli: Callable[..., Ran], clip_path: Path, tmp_path: Path) -> None:
    words = ("bench", "windows", clip_path, "--runs", 1, "--each", 9, "--results", tmp_path)
    kept = (*words, "--work", tmp_path / "work")
    ran = cli(*kept, "--only", "-r 16 -g 0", "--only", "keyint 16", "--json")
    assert ran.code == 0, ran.err
    # That one is left out where it is not installed.
    rows = [row for row in json.loads(ran.out)["rows"] if row["reader"] != "torchcodec"]
    assert [(row["coding"], row["reader"]) for row in rows] == [
        ("x264 keyint 16", "PyAV"),
        *(
            (f"{model} -r 16 -g 0", reader)
            for model in ("video-linear", "video")
            for reader in ("frames", "memories", "memories, float16")
        ),
    ]
    assert all(min(row["windows_per_second"], row["by_threads"], row["cpu_ms"]) > 0 for row in rows)
    # The readers find the frames that were asked for.
    assert all(row["psnr"] > 20 for row in rows if row["psnr"] is not None)
    assert {row["reader"] for row in rows if row["psnr"] is None} == {"memories", "memories, float16"}
    assert len({row["bytes"] for row in rows}) == 3
    assert "no coding" in cli(*kept, "--only", "x265").err


def test_coder(cli: Callable[..., Ran], short: Path, tiny_model_dir: Path, tmp_path: Path) -> None:
    output = tmp_path / "tables.npz"
    words = ("bench", "coder", short, "-m", tiny_model_dir, "-o", output, "--frames", 2)
    ran = cli(*words, "--json")
    assert ran.code == 0, ran.err
    assert json.loads(ran.out) == {"path": str(output), "clips": 1, "bytes": output.stat().st_size}
    assert "--force" in cli(*words).err


def test_help_is_quick() -> None:
    """Explaining a command loads no network and no frames."""
    lines = [
        "import sys",
        "from imfn_cli.cli.main import run",
        f"assert run(['eval', '--help']) == 0 and not any(run(['bench', c, '--help']) for c in {COMMANDS})",
        "print(sorted({'torch', 'numpy', 'av', 'matplotlib'} & set(sys.modules)))",
    ]
    words = [sys.executable, "-c", "; ".join(lines)]
    ran = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False, env=environment())
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[-1] == "[]"
    assert "x264, x265, av1, vp9" in " ".join(ran.stdout.split())


def test_the_data_folder(
    cli: Callable[..., Ran], short: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = tmp_path / "data" / "ucf101" / "test"
    clips.mkdir(parents=True)
    for index in range(6):
        (clips / f"{index}.npy").write_bytes(short.read_bytes())
    assert len(benchmark_sources(None, tmp_path / "data")) == 6
    assert len(benchmark_sources(None, tmp_path / "data", quick=True)) == 4
    assert [source.paths for source in benchmark_sources([str(short)], None)] == [(short,)]
    for data in (None, tmp_path):
        with pytest.raises(InputError, match=r"say with --data \(or set IMFN_DATA to\) a folder"):
            benchmark_sources(None, data)
    # Both ways to say where it is reach the command; the model is looked for after the clips.
    monkeypatch.delenv("IMFN_DATA", raising=False)
    words = ("bench", "ucf101", "-m", "no-such-model", "--results", tmp_path / "results")
    assert "--data" in cli(*words).err
    assert "no model" in cli(*words, "--data", tmp_path / "data").err
    monkeypatch.setenv("IMFN_DATA", str(tmp_path / "data"))
    assert "no model" in cli(*words).err
