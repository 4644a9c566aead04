"""`imfn bench mnist` from end to end, on strokes instead of digits."""

import csv
import json
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
from PIL import Image

from imfn_cli.cli.main import run
from imfn_cli.evaluation.mnist import baselines
from imfn_cli.evaluation.mnist.probes import ProbePlan
from imfn_cli.evaluation.mnist.study import PARAMETERS_FACTOR, Settings
from imfn_cli.model import Model

needs_extras = pytest.mark.skipif(
    find_spec("transformers") is None or find_spec("matplotlib") is None,
    reason="no transformers or matplotlib (extras 'baselines' and 'eval')",
)
TABLES = ("", "-models", "-files", "-probes", "-positions", "-long", "-curves", "-times", "-long-times")


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, mnist_data: Path) -> None:
    """A run of seconds, on the data made here."""
    monkeypatch.setenv("IMFN_DATA", str(mnist_data))

    def quick(settings: Settings) -> Settings:
        probes = ProbePlan(train=64, epochs=2, clip=4, test_clips=8)
        return replace(
            settings,
            minutes=0.01,
            width=32,
            layers=1,
            epochs=1,
            probes=probes,
            qualities=(50,),
            lengths=(8, 13),
        )

    monkeypatch.setattr(Settings, "quick", quick)


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def bench(*words: object) -> int:
    return run(["bench", "mnist", *map(str, words)])


@needs_extras
def test_everything_is_measured_and_kept(
    tiny: None, strokes_model: Model, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    results, cache = tmp_path / "new" / "results", tmp_path / "cache"
    words = ("-m", strokes_model.path, "--quick", "--results", results, "--cache", cache)
    assert bench(*words) == 0, capfd.readouterr().err
    out = capfd.readouterr().out
    for text in ("8 test images in one memory", "files on disk", "read from the memory", "long sequences"):
        assert text in out
    tables = {name: read(results / f"mnist{name}.csv") for name in TABLES}
    rows = tables[""]
    # A linear model is its own linear part.
    names = {"IMFN", "Transformer", "Mamba", "MLP", "PCA"}
    assert {row["model"] for row in rows} == names
    assert {row["length"] for row in rows} == {"2", "4", "8"}
    sizes = {row["model"]: int(row["parameters"]) for row in tables["-models"]}
    for name in ("Transformer", "Mamba", "MLP"):
        assert sizes[name] >= PARAMETERS_FACTOR * sizes["IMFN"]
        curve = [row for row in tables["-curves"] if row["model"] == name]
        assert len(curve) > 1
    for name, columns in tables.items():
        steady = not {"seconds", "merge_seconds", "peak_memory_mb"} & set(columns[0])
        assert steady == (not name.endswith("-times"))
    for name in ("digits", "growth"):
        with Image.open(results / f"mnist-{name}.png") as picture:
            assert picture.width > 500
            assert len(picture.convert("L").getcolors() or range(999)) > 20

    # Again: what was trained is taken from the cache, and gives the same numbers.
    before = (results / "mnist.csv").read_bytes(), (results / "mnist-probes.csv").read_bytes()
    assert bench(*words, "--json") == 0
    document = json.loads(capfd.readouterr().out)
    assert {row["model"] for row in document["restorations"]} == names
    assert before == ((results / "mnist.csv").read_bytes(), (results / "mnist-probes.csv").read_bytes())


@needs_extras
def test_seeds_have_a_spread_and_the_linear_part_a_row(
    tiny: None,
    branched_model: Model,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    # Files need weights that the folder holds; branches are made up here.
    monkeypatch.setattr("imfn_cli.model.load", lambda name, device: branched_model)
    monkeypatch.setattr("imfn_cli.evaluation.mnist.study.file_rows", lambda *_: [])
    words = ("-m", "any", "--quick", "--seeds", 2, "--against", "mamba,MLP", "--results", tmp_path)
    assert bench(*words) == 0, capfd.readouterr().err
    assert "±" in capfd.readouterr().out
    rows = read(tmp_path / "mnist.csv")
    assert {(row["model"], row["seed"]) for row in rows} == {
        (model, seed) for model in ("IMFN", "KLT tree", "Mamba", "MLP", "PCA") for seed in "01"
    }


def test_what_is_missing_is_told_in_one_line(
    tiny: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("imfn_cli.model.model_folders", dict)
    assert bench("--results", tmp_path) == 1
    assert "imfn train RECIPE.toml" in one_line(capfd)
    assert bench("-m", "x", "--against", "mamba,lstm", "--results", tmp_path) == 2
    assert "choose among transformer, mamba, mlp" in one_line(capfd)
    monkeypatch.setattr(baselines, "find_spec", lambda name: None)
    assert bench("-m", "x", "--results", tmp_path) == 1
    assert "imfn[" in one_line(capfd)


@needs_extras
def test_wrong_inputs_are_told_in_one_line(
    strokes_model: Model,
    tiny_model_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert bench("-m", tiny_model_dir, "--results", tmp_path) == 1
    assert "its leaf is 8x8" in one_line(capfd)
    monkeypatch.setenv("IMFN_DATA", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert bench("-m", strokes_model.path, "--results", tmp_path) == 1
    assert "set IMFN_DATA" in one_line(capfd)
    assert bench("-m", tmp_path / "nothing", "--results", tmp_path) == 1
    assert "no model" in one_line(capfd)
    assert list(tmp_path.iterdir()) == []


def one_line(capfd: pytest.CaptureFixture[str]) -> str:
    err = capfd.readouterr().err
    assert err.count("\n") == 1, err
    assert "Traceback" not in err
    return err
