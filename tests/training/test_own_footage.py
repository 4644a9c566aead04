"""The recipe that `imfn train` makes for data of one's own."""

from dataclasses import replace
from pathlib import Path

import pytest

from imfn_cli.network import IMFN
from imfn_cli.training.own_footage import recipe_for
from imfn_cli.training.recipe import RECIPE_FILE, Recipe
from imfn_cli.zoo import Model, save


def test_a_linear_start_gets_branches_where_something_is_lost(tiny_model: Model) -> None:
    levels = tiny_model.network.config.levels
    recipe = recipe_for(["footage"], str(tiny_model.path), steps=7)
    assert recipe.train == ("footage",)
    assert recipe.start == str(tiny_model.path)
    assert recipe.steps == 7
    assert len(recipe.widths) == levels
    assert recipe.widths[-1] > 0
    assert recipe.local_share > 0


@pytest.mark.parametrize("kept", [True, False])
def test_a_trained_model_goes_on_gently_in_its_own_way(tiny_model: Model, tmp_path: Path, kept: bool) -> None:
    config = replace(tiny_model.network.config, widths=(8,) * tiny_model.network.config.levels)
    save(tmp_path, IMFN(config), tiny_model.entropy, {"name": "trained"})
    if kept:
        before = Recipe(train=("elsewhere",), trees=5, crop=40, mixed=True, qualities=(10, 20), seed=9)
        (tmp_path / RECIPE_FILE).write_text(before.to_toml())
    recipe = recipe_for(["footage"], str(tmp_path))
    assert recipe.train == ("footage",)
    assert (recipe.widths, recipe.local_share) == ((), 0)
    assert recipe.learning_rate < Recipe(train=("x",)).learning_rate
    assert ((recipe.trees, recipe.crop, recipe.mixed, recipe.qualities) == (5, 40, True, (10, 20))) == kept
    assert recipe.seed == 0
