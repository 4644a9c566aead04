import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from imfn_cli.errors import InputError
from imfn_cli.training.recipe import Recipe, read_recipe


def test_toml_round_trip(tmp_path: Path) -> None:
    recipe = Recipe(train=("a", "b ünd"), widths=(1, 2), level_weights=(0.5, 1.0), learning_rate=2e-4)
    path = tmp_path / "recipe.toml"
    path.write_text(recipe.to_toml(), encoding="utf-8")
    assert read_recipe(path) == recipe
    assert tomllib.loads(recipe.to_toml())["shuffled"] is False
    # Versions of imfn that do not know the key read recipes that do not need it.
    assert "table_positions" not in recipe.to_toml()
    few = replace(recipe, table_positions=60)
    path.write_text(few.to_toml(), encoding="utf-8")
    assert read_recipe(path) == few


def test_numbers_may_be_written_whole(tmp_path: Path) -> None:
    assert Recipe.from_dict({"train": ["x"], "clip": 2, "level_weights": [1, 0.5]}, "r").clip == 2.0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no training data"),
        ("train = []", r"train is \[\]"),
        ("train = 'x'", "train is 'x': Input should be a list"),
        ("train = [1]", r"train\.0 is 1: Input should be a valid string"),
        ("train = ['x']\nstepps = 3", "unknown key 'stepps'"),
        ("train = ['x']\nsteps = 0", "steps is 0"),
        ("train = ['x']\nsteps = 1.5", "steps is 1.5"),
        ("train = ['x']\nshuffled = 1", "shuffled is 1"),
        ("train = ['x']\nqualities = [60, 20]", r"qualities is \[60, 20\]"),
        ("train = ['x']\nqualities = [60]", r"qualities\.1"),
        ("train = ['x']\nqualities = [60, 101]", r"qualities\.1 is 101"),
        ("train = ['x']\nlevel_weights = [0, 0]", "level_weights are all 0"),
        ("train = ['x']\nlevel_weights = [1, -1]", r"level_weights\.1 is -1"),
        ("train = ['x']\nlearning_rate = 'fast'", "learning_rate is 'fast'"),
        ("train = ['x']\nlearning_rate = true", "learning_rate is True"),
        ("train = ['x']\nclip = inf", "clip is inf"),
        ("train = [", "not a valid TOML file"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=words) as caught:
        read_recipe(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert len(str(caught.value).splitlines()) == 1


def test_a_missing_recipe_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.toml: cannot be read"):
        read_recipe(tmp_path / "none.toml")
