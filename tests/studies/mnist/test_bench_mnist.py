"""`imfn bench mnist` from end to end, on strokes instead of digits."""

import json
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import pytest
from PIL import Image

from imfn_cli.cli.main import run
from imfn_cli.studies.mnist.probes import ProbePlan
from imfn_cli.studies.mnist.settings import PARAMETERS_FACTOR, MnistSettings
from imfn_cli.studies.vectors import baselines, tuning
from imfn_cli.studies.vectors.train_baseline import train_baseline
from imfn_cli.zoo import Model
from tests.conftest import read_csv
from tests.docs.schema import differences

from ..conftest import in_steps

needs_extras = pytest.mark.skipif(
    find_spec("transformers") is None or find_spec("matplotlib") is None,
    reason="no transformers or matplotlib (extras 'baselines' and 'eval')",
)
pytestmark = pytest.mark.usefixtures("quick_collection")
TABLES = ("", "-models", "-files", "-probes", "-positions", "-long", "-curves", "-times", "-long-times")


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, mnist_data: Path) -> None:
    """A run of seconds, on the data made here; baselines are trained for twenty steps."""
    monkeypatch.setenv("IMFN_DATA", str(mnist_data))
    monkeypatch.setattr(tuning, "train_baseline", partial(train_baseline, clock=in_steps(0.03)))

    def quick(settings: MnistSettings) -> MnistSettings:
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

    monkeypatch.setattr(MnistSettings, "quick", quick)


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
    assert "learning rates of baselines" not in out
    tables = {name: read_csv(results / f"mnist{name}.csv") for name in TABLES}
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

    for row in tables["-long"]:
        assert 0 < float(row["mse"]) < float(row["mean_image_mse"]) < 1

    # Again: what was trained is taken from the cache, and gives the same numbers.
    before = (results / "mnist.csv").read_bytes(), (results / "mnist-probes.csv").read_bytes()
    assert bench(*words, "--json") == 0
    document = json.loads(capfd.readouterr().out)
    assert differences(document, "imfn bench mnist") == []
    assert {row["model"] for row in document["restorations"]} == names
    rates = {row["model"]: row["learning_rate"] for row in document["models"]}
    assert rates == {"IMFN": None, "PCA": None, **dict.fromkeys(("Transformer", "Mamba", "MLP"), 1e-3)}
    assert {row["outcome"] for row in document["times"]} == {"used"}
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
    monkeypatch.setattr("imfn_cli.zoo.weights.load", lambda name, device: branched_model)
    monkeypatch.setattr("imfn_cli.studies.mnist.study.file_rows", lambda *_: [])
    words = ("-m", "any", "--quick", "--seeds", 2, "--against", "mamba,MLP", "--results", tmp_path)
    assert bench(*words) == 0, capfd.readouterr().err
    assert "±" in capfd.readouterr().out
    rows = read_csv(tmp_path / "mnist.csv")
    assert {(row["model"], row["seed"]) for row in rows} == {
        (model, seed) for model in ("IMFN", "KLT tree", "Mamba", "MLP", "PCA") for seed in "01"
    }


@needs_extras
def test_learning_rates_are_swept_once_and_the_best_is_kept(
    tiny: None, strokes_model: Model, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    results = tmp_path / "results"
    words: tuple[object, ...] = ("-m", strokes_model.path, "--quick", "--results", results)
    words = (*words, "--cache", tmp_path / "cache", "--against", "mlp", "--seeds", 2)
    assert bench(*words, "--learning-rates", "1e-5, 3e-3,1e30,3e-3") == 0
    told = capfd.readouterr()
    assert "imfn: MLP diverged at learning rate 1e+30; another was chosen" in told.err
    runs = [row for row in read_csv(results / "mnist-times.csv") if row["model"] == "MLP"]
    errors = {row["learning_rate"]: float(row["training_mse"]) for row in runs[:2]}
    best = min(errors, key=errors.__getitem__)
    # All rates for the first seed, the best one for the second.
    assert [(row["seed"], row["learning_rate"], row["outcome"]) for row in runs] == [
        ("0", "1e-05", "used" if best == "1e-05" else "worse"),
        ("0", "0.003", "used" if best == "0.003" else "worse"),
        ("0", "1e+30", "diverged"),
        ("1", best, "used"),
    ]
    assert runs[2]["training_mse"] == ""
    rates = {row["model"]: row["learning_rate"] for row in read_csv(results / "mnist-models.csv")}
    assert rates == {"IMFN": "", "PCA": "", "MLP": best}
    assert {row["seed"] for row in read_csv(results / "mnist.csv") if row["model"] == "MLP"} == {"0", "1"}
    curves = read_csv(results / "mnist-curves.csv")
    found = list(dict.fromkeys((row["seed"], row["learning_rate"]) for row in curves))
    assert found == [(row["seed"], row["learning_rate"]) for row in runs]
    assert [row["mse"] for row in curves if row["learning_rate"] == "1e+30"][-1] == "nan"
    assert "nan" not in {row["mse"] for row in curves if row["learning_rate"] != "1e+30"}
    # The table of the sweep, and the rate beside the results.
    sweep = told.out.partition("learning rates of baselines")[2].partition("files on disk")[0]
    outcomes = [line.split()[-2] for line in sweep.splitlines() if "MLP" in line]
    assert outcomes == [row["outcome"] for row in runs[:3]]
    assert best.lstrip("0") in told.out.partition("MSE, then")[0]

    # Where none is left, the study cannot go on.
    assert bench(*words, "--learning-rates", "1e30,1e31") == 1
    err = capfd.readouterr().err
    assert "the loss is no number" in err
    assert "Traceback" not in err


def test_quick_trains_at_one_rate() -> None:
    assert MnistSettings(learning_rates=(2e-3, 1e-3)).quick().learning_rates == (2e-3,)


@pytest.mark.parametrize(
    "rates", ["", "fast", "1e-3;2e-3", "1e-3,", "0", "-1e-3", "nan", "1e-3,inf", "1e999"]
)
def test_rates_that_are_none_are_told_in_one_line(
    rates: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert bench("-m", "x", f"--learning-rates={rates}", "--results", tmp_path) == 2
    err = one_line(capfd)
    assert "--learning-rates" in err
    assert "3e-4,1e-3" in err


def test_what_is_missing_is_told_in_one_line(
    tiny: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("imfn_cli.zoo.registry.installed_folder", lambda _: None)
    assert bench("--results", tmp_path) == 1
    assert one_line(capfd) == "imfn: model 'mnist' is not installed; pip install 'imfn[mnist]'\n"
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
