"""Making models from Python: what the functions return, and what they write."""

import json
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

import imfn_cli as imfn
from imfn_cli import workflows
from imfn_cli.network import IMFNConfig
from imfn_cli.training import Budget, Recipe, read_recipe
from imfn_cli.zoo import read_config
from tests.conftest import make_clip

RECIPE = Recipe(
    train=("",),
    start="",
    levels=2,
    channels=24,
    widths=(8, 8),
    merge_blocks=1,
    split_blocks=1,
    kernel=3,
    steps=4,
    evaluate=2,
    crop=16,
    trees=1,
    table_positions=60,
)


@pytest.fixture
def footage(tmp_path: Path) -> Path:
    """A folder with two short clips."""
    folder = tmp_path / "footage"
    folder.mkdir()
    for seed in range(2):
        np.save(folder / f"clip{seed}.npy", make_clip(16, 16, 24, seed=seed))
    return folder


def test_importing_it_is_light() -> None:
    code = "import sys, imfn_cli.workflows; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not set(loaded.split()) & {"torch", "numpy", "av", "PIL", "pydantic", "safetensors"}


# -- models ----------------------------------------------------------------------------------------------


def test_a_fit_is_what_its_folder_says(footage: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "held.npy", make_clip(8, 16, 24, seed=5))
    stages: list[str] = []
    report = imfn.fit(
        [str(footage)], tmp_path / "made", test=[str(tmp_path / "held.npy")], levels=2, patch=4, gray=True,
        progress=lambda stage, done, total: stages.append(stage),
    )  # fmt: skip
    config = read_config(tmp_path / "made")
    shape = IMFNConfig(4, 4, 1, 16, 2)
    assert config == json.loads(
        json.dumps({**report.description(), "version": 1, "network": shape.to_dict()})
    )
    assert report.data == imfn.TrainingData(f"{tmp_path.name}/footage", 2, 32)
    assert report.results is not None
    assert set(report.results.psnr_float) == {1, 2, 4}
    assert report.command.startswith(
        f"imfn.fit(['{tmp_path.name}/footage'], '{tmp_path.name}/made', levels=2"
    )
    assert f"`{report.command}`" in (tmp_path / "made/README.md").read_text()
    assert stages[0] == "leaf transform"
    assert stages[-1] == "PSNR with float memories"
    assert imfn.load(report.path, device="cpu").name == "made"
    with pytest.raises(imfn.OutputError, match="holds a model already"):
        imfn.fit([str(footage)], tmp_path / "made", levels=2)


def test_a_recipe_and_footage_of_ones_own(footage: Path, tmp_path: Path) -> None:
    recipe = replace(RECIPE, train=(str(footage),))
    validations: list[imfn.Validation] = []
    report = imfn.train(recipe, tmp_path / "made", steps=2, report=validations.append, device="cpu")
    assert report.steps == 2
    assert list(report.evaluations) == validations
    assert [validation.step for validation in validations] == [0, 2]
    assert read_recipe(tmp_path / "made/recipe.toml") == replace(recipe, steps=2)
    assert "evaluations" not in read_config(tmp_path / "made")
    assert "results" not in report.to_dict()
    adapted = imfn.adapt([str(footage)], tmp_path / "mine", start=report.path, steps=1, device="cpu")
    assert (adapted.steps, adapted.start) == (1, report.path)
    # A recipe in a file has a folder, which holds a model by now.
    with pytest.raises(imfn.OutputError, match="holds a model already"):
        imfn.train(tmp_path / "mine/recipe.toml")
    with pytest.raises(imfn.OutputError, match="output="):
        imfn.train(recipe)


def test_a_run_goes_on(footage: Path, tmp_path: Path) -> None:
    class Killed(Exception):
        pass

    def kill(stage: str, done: int, total: int) -> None:
        if (done, total) == (3, RECIPE.steps):
            raise Killed

    recipe = replace(RECIPE, train=(str(footage),))
    with pytest.raises(Killed):
        imfn.train(recipe, tmp_path / "made", device="cpu", checkpoint_seconds=0, progress=kill)
    report = workflows.resume(tmp_path / "made", device="cpu")
    assert isinstance(report, imfn.TrainReport)
    assert report.steps == RECIPE.steps
    whole = imfn.train(recipe, tmp_path / "whole", device="cpu")
    assert report.evaluations[-1].psnr == pytest.approx(whole.evaluations[-1].psnr)
    assert (tmp_path / "made/model.safetensors").read_bytes() == (
        tmp_path / "whole/model.safetensors"
    ).read_bytes()
    with pytest.raises(imfn.InputError, match="nothing to resume"):
        workflows.resume(tmp_path / "none")


@pytest.mark.parametrize(
    ("stage", "done"),
    [
        ("leaf transform", 1),
        ("sweeper 2 of 2", 1),
        ("level 1", 1),
        ("end to end", 3),
        ("entropy model, round 1 of 2", 2),
        ("entropy model, round 2 of 2", 1),
    ],
)
def test_every_stage_goes_on(footage: Path, tmp_path: Path, stage: str, done: int) -> None:
    """A run that broke off anywhere makes the model that an uninterrupted one does."""

    class Killed(Exception):
        pass

    def kill(*event: object) -> None:
        if event[:2] == (stage, done):
            raise Killed

    recipe = replace(RECIPE, train=(str(footage),))
    imfn.train(recipe, tmp_path / "whole", device="cpu")
    with pytest.raises(Killed):
        imfn.train(recipe, tmp_path / "cut", device="cpu", checkpoint_seconds=0, progress=kill)
    if not (tmp_path / "cut/training/stages.pt").exists():
        # Nothing was made yet.
        assert (stage, done) == ("leaf transform", 1)
        return
    with pytest.raises(imfn.OutputError, match="was interrupted; go on with 'imfn train --resume"):
        imfn.train(recipe, tmp_path / "cut", device="cpu")
    told: list[str] = []
    workflows.resume(tmp_path / "cut", device="cpu", progress=lambda stage, *_: told.append(stage))
    if stage != "leaf transform":
        assert "leaf transform" not in told
    if stage.startswith("entropy"):
        assert not any(one.startswith(("level", "end")) for one in told)
    same_weights(tmp_path / "cut", tmp_path / "whole")


def same_weights(one: Path, other: Path) -> None:
    """Their weights files are the same bytes."""
    assert (one / "model.safetensors").read_bytes() == (other / "model.safetensors").read_bytes()


def test_a_fit_goes_on(footage: Path, tmp_path: Path) -> None:
    class Killed(Exception):
        pass

    def kill(*event: object) -> None:
        if event[:2] == ("entropy model, round 2 of 2", 1):
            raise Killed

    fit = partial(imfn.fit, [str(footage)], levels=2, patch=4, gray=True)
    fit(tmp_path / "whole")
    with pytest.raises(Killed):
        fit(tmp_path / "cut", progress=kill)
    told: list[str] = []
    report = workflows.resume(tmp_path / "cut", progress=lambda stage, *_: told.append(stage))
    assert isinstance(report, imfn.FitReport)
    assert told == ["memories for the entropy model"] * 2 + ["entropy model, round 2 of 2"] * 2
    same_weights(tmp_path / "cut", tmp_path / "whole")
    # Nothing is left of the run.
    assert not (tmp_path / "cut/training").exists()


def test_short_footage_lowers_the_levels(tmp_path: Path) -> None:
    np.save(tmp_path / "short.npy", make_clip(5, 16, 24))
    recipe = replace(RECIPE, train=(str(tmp_path / "short.npy"),), levels=4, widths=(0, 8, 8, 8))
    report = imfn.train(recipe, tmp_path / "made", device="cpu")
    note = "no clip has 16 frames: 2 levels instead of 4, ratios up to 4:1"
    assert report.notes == (note,)
    network = read_config(tmp_path / "made")["network"]
    assert (network["levels"], network["widths"]) == (2, [0, 8])
    assert imfn.load(report.path, device="cpu").ratios == (1, 2, 4)
    fitted = imfn.fit([str(tmp_path / "short.npy")], tmp_path / "fitted", patch=4, levels=4)
    assert fitted.notes == (note,)
    with pytest.raises(imfn.InputError, match="no clip has 8 frames, which the lowest level with branches"):
        imfn.train(replace(recipe, widths=(0, 0, 8, 8)), tmp_path / "none", device="cpu")


class Clock:
    """Seconds that pass while the run calls back: a tenth for each call."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def passes(self, *_: object) -> None:
        self.now += 0.1


@pytest.mark.parametrize("limit", [4.0, 40.0])
def test_a_limit_is_for_the_whole_run(
    footage: Path, tmp_path: Path, limit: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr("imfn_cli.training.Budget", partial(Budget, clock=clock), raising=False)
    recipe = replace(RECIPE, train=(str(footage),), test=(str(footage.parent / "test.npy"),), steps=10**6)
    np.save(footage.parent / "test.npy", make_clip(8, 16, 24, seed=9))
    report = imfn.train(recipe, tmp_path / "made", time_limit=limit, device="cpu", progress=clock.passes)
    assert 0.6 * limit < clock.now <= 1.1 * limit
    assert report.steps > 1
    assert report.notes == ()
    assert report.results is not None


def test_a_limit_that_is_too_small_is_told(
    footage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr("imfn_cli.training.Budget", partial(Budget, clock=clock), raising=False)
    recipe = replace(RECIPE, train=(str(footage),))
    report = imfn.train(recipe, tmp_path / "made", time_limit=0.05, device="cpu", progress=clock.passes)
    assert report.steps == 1
    assert report.notes[-1].startswith("a limit of 0.05 s is less than a run takes here, ")


# -- students --------------------------------------------------------------------------------------------


def test_a_resumed_student_is_the_uninterrupted_one(
    learned: imfn.Model, footage: Path, tmp_path: Path
) -> None:
    class Killed(Exception):
        pass

    def kill(stage: str, done: int, total: int) -> None:
        if (stage, done) == ("distilling", 5):
            raise Killed

    def distill(name: str, *data: str, **options: object) -> imfn.DistillReport:
        place = tmp_path / f"{name}.safetensors"
        return imfn.distill(learned, data, place, ratio=4, checkpoint_seconds=0, **options)  # type: ignore[arg-type]

    how = {"steps": 8, "width": 8, "blocks": 1, "crop": 16}
    whole = distill("whole", str(footage), **how)
    with pytest.raises(Killed):
        distill("cut", str(footage), progress=kill, **how)
    assert not (tmp_path / "cut.safetensors").exists()
    done: list[int] = []
    cut = distill("cut", resume=True, progress=lambda stage, step, _: done.append(step))
    assert done[-4:] == [5, 6, 7, 8]
    assert cut.steps == whole.steps == 8
    assert cut.held_out == whole.held_out
    tensors = [load_file(tmp_path / f"{name}.safetensors") for name in ("whole", "cut")]
    assert tensors[0].keys() == tensors[1].keys()
    for name, array in tensors[0].items():
        np.testing.assert_array_equal(tensors[1][name], array)
    # Nothing is left of the run, and there is nothing to go on with.
    assert not list(tmp_path.glob("*.checkpoint"))
    with pytest.raises(imfn.InputError, match="nothing to resume"):
        distill("none", resume=True)


def test_a_run_of_other_weights_is_refused(
    learned: imfn.Model, tiny_model: imfn.Model, footage: Path, tmp_path: Path
) -> None:
    class Killed(Exception):
        pass

    def kill(stage: str, done: int, total: int) -> None:
        if (stage, done) == ("distilling", 2):
            raise Killed

    place = tmp_path / "student.safetensors"
    with pytest.raises(Killed):
        imfn.distill(
            learned, [str(footage)], place, ratio=4, steps=4, width=8, crop=16, checkpoint_seconds=0,
            progress=kill,
        )  # fmt: skip
    other = replace(learned, sha256="ab" * 32)
    with pytest.raises(imfn.InputError, match="begun with other weights"):
        imfn.distill(other, (), place, ratio=4, resume=True)


def test_what_a_student_needs(learned: imfn.Model, tiny_model: imfn.Model, tmp_path: Path) -> None:
    with pytest.raises(imfn.ModelError, match="its student is learned; name DATA"):
        imfn.distill(learned, (), tmp_path / "s.safetensors", ratio=4)
    report = imfn.distill(tiny_model, (), tmp_path / "s.safetensors", ratio=4)
    assert not report.learned
    assert set(report.to_dict()) == {"path", "format", "model", "bytes", "learned"}
