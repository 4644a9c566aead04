"""Making models from Python: what the functions return, and what they write."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

import imfn_cli as imfn
from imfn_cli import workflows
from imfn_cli.network import IMFNConfig
from imfn_cli.training import Recipe, read_recipe
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
    assert report.steps == RECIPE.steps
    whole = imfn.train(recipe, tmp_path / "whole", device="cpu")
    assert report.evaluations[-1].psnr == pytest.approx(whole.evaluations[-1].psnr)
    assert (tmp_path / "made/model.safetensors").read_bytes() == (
        tmp_path / "whole/model.safetensors"
    ).read_bytes()
    with pytest.raises(imfn.InputError, match="nothing to resume"):
        workflows.resume(tmp_path / "none")


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
