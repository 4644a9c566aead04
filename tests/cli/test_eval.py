"""`imfn eval`: its table, its documents, what it refuses, and how it stops."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from imfn_cli.evaluation.document import COLUMNS
from tests.conftest import read_csv

from .conftest import Ran, environment

Cli = Callable[..., Ran]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for all tests here: each row is measured once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def evaluate(cli: Cli, short: Path, tiny_model_dir: Path, cache: Path) -> Cli:
    """`imfn eval` of `short`, small."""

    def call(*words: object, clips: tuple[object, ...] = (short,)) -> Ran:
        return cli("eval", *clips, "-m", tiny_model_dir, "-r", "2,8", "-q", "20,60", "--cache", cache, *words)

    return call


def test_a_table_for_people(evaluate: Cli) -> None:
    ran = evaluate("--float", "--against", "x264", "--crf", "x264=20,40")
    assert ran.code == 0
    assert "mean over 1 clip, model tiny" in ran.out
    for cell in (
        "PSNR RGB",
        "bits/pixel",
        "compress/s",
        "imfn 8:1 float",
        "x264 medium",
        "crf 40",
    ):
        assert cell in ran.out
    # Frames are too small for it.
    assert "MS-SSIM" not in ran.out
    # A narrow table folds its title.
    assert "BD-rate, BD-PSNR against each codec" in " ".join(ran.out.split())
    assert "x264 medium: -c:v libx264 -preset medium -crf 20,40 -threads 1" in ran.out
    assert "Bjøntegaard, pchip" in ran.out
    assert "measuring …" in ran.err


def test_json_is_one_document(evaluate: Cli, short: Path) -> None:
    ran = evaluate("--json", "--against", "x264", "--crf", "x264=20,40")
    (document,) = ran.json
    assert ran.code == 0
    assert document["schema"] == "imfn.eval/1"
    assert [clip["name"] for clip in document["clips"]] == ["short.npy"]
    settings = [(row["codec"], row["ratio"], row["quality"], row["crf"]) for row in document["rows"]]
    assert settings == [
        *[("imfn", ratio, quality, None) for ratio in (2, 8) for quality in (20, 60)],
        *[("x264", None, None, crf) for crf in (20, 40)],
    ]
    assert {delta["codec"] for delta in document["bd"]} == {"imfn 2:1", "imfn 8:1", "imfn best"}
    assert len(document["means"]) == 6


def test_files_beside_the_table(evaluate: Cli, tmp_path: Path) -> None:
    sheet, plot, page = (tmp_path / name for name in ("rows.csv", "plot.png", "page.html"))
    ran = evaluate("--csv", sheet, "--plot", plot, "--report", page, "--quiet")
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    rows = read_csv(sheet)
    assert tuple(rows[0]) == COLUMNS
    assert [(row["clip"], row["ratio"], row["quality"]) for row in rows] == [
        ("short.npy", ratio, quality) for ratio in "28" for quality in ("20", "60")
    ]
    assert all(float(row["psnr_rgb"]) > 10 and int(row["bytes"]) > 0 for row in rows)
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert "imfn.eval/1" in page.read_text(encoding="utf-8")
    assert "data:image/" in page.read_text(encoding="utf-8")
    # They are not overwritten, and that is said before anything is measured.
    again = evaluate("--csv", sheet)
    assert again.code == 1
    assert "rows.csv: exists already" in again.line


def test_finished_rows_are_not_computed_again(evaluate: Cli, cache: Path) -> None:
    evaluate()
    before = {path: path.stat().st_mtime_ns for path in cache.iterdir()}
    ran = evaluate()
    assert f"4 of 4 rows were in {cache}" in ran.err
    assert {path: path.stat().st_mtime_ns for path in cache.iterdir()} == before


def test_a_bad_clip_does_not_stop_the_others(evaluate: Cli, short: Path, tmp_path: Path) -> None:
    bad, gone = tmp_path / "bad.mp4", tmp_path / "gone.mp4"
    bad.write_bytes(bytes(range(256)) * 8)
    ran = evaluate("--json", clips=(bad, short, gone))
    assert ran.code == 1
    (document,) = ran.json
    assert {row["clip"] for row in document["rows"]} == {"short.npy"}
    assert [failure["clip"] for failure in document["failures"]] == ["bad.mp4", "gone.mp4"]
    lines = ran.err.splitlines()
    assert len([line for line in lines if line.startswith(f"imfn: {bad}: ")]) == 1
    assert f"imfn: {gone}: No such file or directory; check the name" in lines
    assert lines[-1] == "imfn: 2 of 3 clips failed"


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--against", "x264,h266"], "no codec 'h266'; known: x264, x265, av1, vp9"),
        (["--against", "x264", "--preset", "x264=quick"], "x264 has no preset 'quick'; choose ultrafast"),
        (["--against", "x264", "--preset", "x264"], "'x264': write CODEC=VALUE"),
        (["--against", "x264", "--crf", "x264=20,x"], "'20,x' is not a list of numbers"),
        (["--against", "x264", "--crf", "x264=99"], "crf 99 is not in 0 … 51"),
        (["--crf", "x264=20"], "x264 is not among --against"),
        (["-q", "20,101"], "101.0: must be a number from 0 to 100"),
        (["-r", "eight"], "'eight' is no ratio; name a power of two from 1 to 64, or auto"),
        (["--frames", "9:3"], "selects no frames"),
        (["--cache", "s3://bucket/rows"], "rows are kept on this machine; name a folder"),
        (["--ray", "nowhere"], "name auto, local or ray://HOST:PORT"),
        (["-r", "4,16"], "ratio 16: this model offers powers of two from 1 to 8"),
    ],
)
def test_wrong_usage(evaluate: Cli, words: list[str], problem: str) -> None:
    ran = evaluate(*words)
    assert ran.code == 2
    assert problem in ran.line


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--plot", "plot.bmp"], "plot.bmp: plots are written as .png, .svg, .pdf"),
        (["--csv", "no/such/rows.csv"], "no such directory"),
        (["-m", "no-such-model"], "no model 'no-such-model'"),
    ],
)
def test_what_cannot_be_done(evaluate: Cli, words: list[str], problem: str) -> None:
    ran = evaluate(*words)
    assert ran.code == 1
    assert problem in ran.line


def test_the_student_beside_the_tree(evaluate: Cli) -> None:
    ran = evaluate("--student", "--float", "-r", "4", "-q", "50", "--json")
    assert ran.code == 0
    rows = ran.json[0]["rows"]
    assert [(row["float"], row["student"]) for row in rows] == [
        (False, False),
        (True, False),
        (False, True),
        (True, True),
    ]
    assert rows[2]["label"] == "imfn 4:1 student"
    assert rows[2]["options"] == "-m tiny -r 4 --student -q 50 -g 256"
    tree, student = (np.array(row["psnr_per_frame"]) for row in (rows[1], rows[3]))
    # The same but for the tail, whose frames a finer node of the tree holds.
    whole = len(tree) // 4 * 4
    assert tree[:whole] == pytest.approx(student[:whole], abs=0.05)


def test_without_the_extra(
    evaluate: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cache: Path
) -> None:
    """What it would have added is left out, with one note; rows without it do not stand for whole ones."""
    monkeypatch.setattr("imfn_cli.evaluation.extra.find_spec", lambda name: None)
    plot, page = tmp_path / "plot.png", tmp_path / "page.html"
    ran = evaluate("--plot", plot, "--report", page, "--cache", tmp_path / "cache")
    assert ran.code == 0
    notes = [line for line in ran.err.splitlines() if "imfn[eval]" in line]
    assert notes == ["imfn: without SSIM and MS-SSIM and plots; pip install 'imfn[eval]'"]
    assert "PSNR RGB" in ran.out
    assert not plot.exists()
    assert page.stat().st_size > 10_000


def test_ctrl_c_leaves_finished_rows_and_nothing_else(
    command: list[str], clip_path: Path, tiny_model_dir: Path, tmp_path: Path
) -> None:
    cache, temporary = tmp_path / "cache", tmp_path / "temporary"
    temporary.mkdir()
    words = [
        "eval",
        str(clip_path),
        "-m",
        str(tiny_model_dir),
        "-j",
        "1",
        "--cache",
        str(cache),
        "-r",
        "2,4,8",
    ]
    words += ["-q", ",".join(map(str, range(0, 100, 2))), "--csv", str(tmp_path / "rows.csv")]
    run = subprocess.Popen(
        [*command, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment() | {"TMPDIR": str(temporary)},
        # Ctrl-C reaches the whole group.
        start_new_session=True,
    )
    deadline = time.monotonic() + 50
    while not (cache.is_dir() and list(cache.glob("[!.]*.json"))):
        assert run.poll() is None, run.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(run.pid, signal.SIGINT)
    out, err = run.communicate(timeout=30)
    assert run.returncode == 130
    assert out == ""
    assert err.splitlines()[-1] == "imfn: interrupted; nothing half-written was left"
    assert "Traceback" not in err
    assert list(temporary.iterdir()) == []
    assert not (tmp_path / "rows.csv").exists()
    stored = list(cache.glob("[!.]*.json"))
    assert len(list(cache.iterdir())) == len(stored) + 1
    assert 1 <= len(stored) < 150
    assert all(json.loads(path.read_text())["row"]["clip"] == "clip.mkv" for path in stored)
