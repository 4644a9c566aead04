"""`imfn bench factorisation`: from a trained model to the table, and what is said where that cannot be."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imfn_cli.cli.main import run
from imfn_cli.studies.factorisation import train_one_step as training
from tests.conftest import make_clip, read_csv

from .conftest import Ran, recipe_text

Cli = Callable[..., Ran]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder named "mine" that 'imfn train' made in four steps, its footage beside it."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "footage").mkdir()
    for seed in range(2):
        np.save(folder / "footage" / f"clip{seed}.npy", make_clip(24, 16, 24, seed=seed))
    recipe = recipe_text(
        folder / "footage", steps=4, warmup=1, evaluate=4, crop=16, leaf_width=6, leaf_share=0.5
    )
    (folder / "mine.toml").write_text(recipe)
    assert run(["train", str(folder / "mine.toml"), "-o", str(folder / "mine"), "--device", "cpu"]) == 0
    # Four steps are rounded to no seconds at all.
    describe(folder / "mine", seconds=1)
    return folder / "mine"


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Nine frames that nobody has seen, 24×16."""
    path = tmp_path / "new.npy"
    np.save(path, make_clip(9, 16, 24, seed=7))
    return path


def describe(model: Path, **changes: Any) -> None:
    """Change what a model's configuration says."""
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    (model / "config.json").write_text(json.dumps(config | changes), encoding="utf-8")


def bench(cli: Cli, clip: Path, model: Path, *words: object) -> Ran:
    return cli("bench", "factorisation", clip, "-m", model, "--results", clip.parent / "results", *words)


def test_one_table_of_three_networks(
    cli: Cli, clip: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib")
    words = "--minutes", "0.01", "--cache", tmp_path / "cache"
    ran = bench(cli, clip, trained, *words, "--json")
    assert ran.code == 0, ran.err
    (values,) = ran.json
    assert (values["model"], values["clips"]) == ("mine", 1)
    networks = ["linear tree", "trained tree", "unfactorised"]
    assert [(row["network"], row["ratio"]) for row in values["ratios"]] == [
        (name, ratio) for name in networks for ratio in (2, 4)
    ]
    assert [row["network"] for row in values["growth"]] == networks
    # Half of the second went into the tree.
    assert [row["seconds"] for row in values["growth"]][1] == 0.5
    assert values["growth"][2]["steps"] > 0
    results = clip.parent / "results"
    rows = read_csv(results / "factorisation-mine.csv")
    assert [float(row["psnr"]) for row in rows] == pytest.approx(
        [row["psnr"] for row in values["ratios"]], abs=1e-4
    )
    assert (results / "factorisation-growth-mine.png").is_file()

    # A finished one-step network in the cache is not trained again.
    monkeypatch.setattr(training, "pools_of", None)
    again = bench(cli, clip, trained, *words)
    assert again.code == 0, again.err
    assert all(word in again.out for word in (*networks, "2:1", "4:1", "from 2:1"))
    assert "numbers at 4:1" in again.out


def test_as_long_as_the_model_and_where(cli: Cli, clip: Path, trained: Path) -> None:
    pytest.importorskip("matplotlib")
    ran = bench(cli, clip, trained, "--json")
    assert ran.code == 0, ran.err
    # As long as its tree: half of the second, to a tenth.
    assert ran.json[0]["growth"][2]["seconds"] >= 0.45
    assert "was trained on" not in ran.err


def test_another_machine_is_told(cli: Cli, clip: Path, trained: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    shutil.copytree(trained, tmp_path / "far")
    describe(tmp_path / "far", hardware="Abacus (wood), torch 2.4", seconds=0.1)
    ran = bench(cli, clip, tmp_path / "far")
    assert ran.code == 0, ran.err
    assert "was trained on Abacus (wood), its one-step network is on" in ran.err


def test_a_linear_model_has_no_training_to_repeat(cli: Cli, clip: Path) -> None:
    pytest.importorskip("matplotlib")
    ran = bench(cli, clip, Path("video-linear"))
    assert ran.code == 1
    assert ran.line.startswith("model video-linear-1: is linear")
    assert "'imfn train'" in ran.line


def test_the_recipe_must_be_there(cli: Cli, clip: Path, trained: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    shutil.copytree(trained, tmp_path / "bare")
    (tmp_path / "bare" / "recipe.toml").unlink()
    ran = bench(cli, clip, tmp_path / "bare")
    assert ran.code == 1
    assert "has no recipe.toml" in ran.line


def test_the_time_must_be_known(cli: Cli, clip: Path, trained: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    shutil.copytree(trained, tmp_path / "timeless")
    describe(tmp_path / "timeless", seconds=None)
    ran = bench(cli, clip, tmp_path / "timeless")
    assert ran.code == 1
    assert "say it with --minutes" in ran.line
    assert bench(cli, clip, tmp_path / "timeless", "--minutes", "0.01").code == 0
    # Of a model that goes on from a trained one, only part of the time is known.
    describe(tmp_path / "timeless", seconds=1)
    recipe = tmp_path / "timeless" / "recipe.toml"
    recipe.write_text(recipe.read_text().replace('start = ""', f'start = "{trained}"'))
    ran = bench(cli, clip, tmp_path / "timeless")
    assert ran.code == 1
    assert "whose training counts too" in ran.line


def test_training_data_is_not_measured(cli: Cli, clip: Path, trained: Path) -> None:
    pytest.importorskip("matplotlib")
    ran = bench(cli, clip, trained, trained.parent / "footage" / "clip0.npy")
    assert ran.code == 1
    assert "clip0.npy: is in the training data too" in ran.line


def test_the_data_of_the_recipe_is_below_the_data_folder(
    cli: Cli, clip: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.delenv("IMFN_DATA", raising=False)
    shutil.copytree(trained, tmp_path / "moved")
    recipe = tmp_path / "moved" / "recipe.toml"
    recipe.write_text(recipe.read_text().replace(str(trained.parent / "footage"), "footage"))
    ran = bench(cli, clip, tmp_path / "moved", "--minutes", "0.01")
    assert ran.code == 1
    assert ran.line.startswith("footage: no such file or folder")
    ran = bench(cli, clip, tmp_path / "moved", "--minutes", "0.01", "--data", trained.parent)
    assert ran.code == 0, ran.err
