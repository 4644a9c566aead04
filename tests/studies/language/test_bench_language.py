"""`imfn bench language` from end to end, tiny."""

import json
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import pytest
from PIL import Image

from imfn_cli import studies
from imfn_cli.cli.main import run
from imfn_cli.studies.language.language_model import LanguageShape
from imfn_cli.studies.language.settings import LanguageSettings
from imfn_cli.studies.language.study import run_language
from tests.conftest import read_csv
from tests.docs.schema import differences

from ..conftest import in_steps

needs_extras = pytest.mark.skipif(
    find_spec("transformers") is None or find_spec("matplotlib") is None,
    reason="no transformers or matplotlib (extras 'baselines' and 'eval')",
)
pytestmark = pytest.mark.usefixtures("quick_collection")
NAMES = [
    "PCA",
    "KLT tree",
    "tree, level by level",
    "tree, end to end",
    "student",
    "Transformer",
    "Mamba",
]


@needs_extras
def test_everything_is_measured_and_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    quick = LanguageSettings.quick

    def tiny(settings: LanguageSettings) -> LanguageSettings:
        shape = LanguageShape(width=16, lower=1, upper=1, heads=2, context=32)
        plan = replace(settings.plan, steps=5, batch=2)
        return replace(
            quick(settings),
            shape=shape,
            plan=plan,
            minutes=0.01,
            levels=3,
            width=16,
            train_contexts=64,
            held_contexts=8,
            long_states=128,
        )

    monkeypatch.setattr(LanguageSettings, "quick", tiny)
    monkeypatch.setattr(studies, "run_language", partial(run_language, clock=in_steps(0.03)))
    results, cache = tmp_path / "new" / "results", tmp_path / "cache"
    words = ["bench", "language", "--quick", "--results", str(results), "--cache", str(cache)]
    assert run(words) == 0, capfd.readouterr().err
    out = capfd.readouterr().out
    for text in ("past windows restored", "no past", "one memory of many"):
        assert text in out
    tables = {name: read_csv(results / f"language{name}.csv") for name in ("", "-models", "-long", "-times")}
    assert [row["model"] for row in tables["-models"]] == NAMES
    sizes = {row["model"]: int(row["parameters"]) for row in tables["-models"]}
    assert all(sizes[name] >= sizes["tree, end to end"] for name in ("Transformer", "Mamba"))
    assert {(row["model"], row["ratio"]) for row in tables[""]} == {
        (name, ratio) for name in NAMES for ratio in "248"
    }
    assert len(read_csv(results / "language-without.csv")) == 3
    # A committed file only changes with the results.
    for name, columns in tables.items():
        assert ("seconds" in columns[0]) == (name == "-times")
    assert "merge_seconds" in read_csv(results / "language-long-times.csv")[0]
    (model,) = read_csv(results / "language-model.csv")
    assert len(model["sha256"]) == 64
    assert float(model["perplexity"]) < 256
    with Image.open(results / "language.png") as picture:
        assert picture.width > 500

    # Again: what was trained is taken from the cache, and gives the same numbers.
    before = (results / "language.csv").read_bytes()
    assert run([*words, "--json"]) == 0
    document = json.loads(capfd.readouterr().out)
    assert differences(document, "imfn bench language") == []
    assert before == (results / "language.csv").read_bytes()


@pytest.mark.skipif(find_spec("matplotlib") is None, reason="no matplotlib (extra 'eval')")
def test_without_mamba_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("imfn_cli.studies.vectors.baselines.find_spec", lambda name: None)
    assert run(["bench", "language", "--quick", "--results", str(tmp_path / "none")]) == 1
    assert "pip install 'imfn[baselines]'" in capfd.readouterr().err
    assert not (tmp_path / "none").exists()
