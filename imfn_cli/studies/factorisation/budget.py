"""What a trained tree had: its recipe, its data, its time; the one-step network gets the same."""

from collections.abc import Sequence
from pathlib import Path

from ...errors import ModelError
from ...media import Source
from ...network import IMFNConfig
from ...training.places import disjoint, sources_of
from ...training.recipe import RECIPE_FILE, Recipe, read_recipe
from ...zoo import Model, find_model, read_config


def tree_recipe(model: Model) -> Recipe:
    """How the model was trained. Raises `ModelError` where it was not, or does not say how."""
    if model.network.config.is_linear:
        raise ModelError(
            f"model {model.name}: is linear, there is no training to repeat; with -m name one that "
            "'imfn train' made"
        )
    path = model.path / RECIPE_FILE
    if not path.is_file():
        raise ModelError(
            f"{model.path}: has no {RECIPE_FILE}, by which the one-step network would be trained; copy the "
            "one that the model was made by there"
        )
    return read_recipe(path)


def one_step_seconds(model: Model, recipe: Recipe, minutes: float | None = None) -> float:
    """Seconds of training for the one-step network: `minutes`, or as long as the tree of `model` was trained.

    Raises `ModelError` where the model does not say so, or went on from another that was trained too.
    """
    if minutes is not None:
        return 60 * minutes
    if recipe.start:
        start = IMFNConfig.from_dict(read_config(find_model(recipe.start))["network"])
        if not start.is_linear:
            raise ModelError(
                f"model {model.name}: goes on from {recipe.start}, whose training counts too; say with "
                "--minutes how long the one-step network is trained"
            )
    seconds = model.description.get("seconds")
    if not isinstance(seconds, int | float) or seconds <= 0:
        raise ModelError(
            f"{model.path / 'config.json'}: does not say how long the training took; say it with --minutes"
        )
    return float(seconds) * tree_share(model, recipe)


def tree_share(model: Model, recipe: Recipe) -> float:
    """Part of the training that went into the tree; the rest refined leaves, which one step has not."""
    return 1 - recipe.leaf_share if model.network.config.leaf_width else 1.0


def check_unseen(recipe: Recipe, sources: Sequence[Source], data: Path | None = None) -> None:
    """Raise `InputError` where one of `sources` is in the training data; data: as `sources_of` takes it."""
    disjoint(sources_of(recipe.train, data), sources)
