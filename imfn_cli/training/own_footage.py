"""The recipe that data of one's own is trained on by, where none is given."""

from collections.abc import Sequence
from typing import Any

from ..zoo import find_model, load
from .recipe import RECIPE_FILE, Recipe, read_recipe

# What a trained model goes on with: the shape of batches and the weights of losses.
_TAKEN_OVER = (
    *("shuffled", "trees", "crop", "mixed", "decode", "flips", "clip", "average"),
    *("float_share", "qualities", "level_weights", "leaf_share", "table_positions"),
)
# Peak learning rate there: what was learned shall not be lost.
_GENTLE = 5e-4
# For branches that a processor can train: small ones, on small crops of many places.
_SMALL: dict[str, Any] = {
    **{"merge_blocks": 1, "split_blocks": 2, "mixed": True, "crop": 64, "decode": 1.0},
    **{"learning_rate": 3e-3, "average": 0.998},
}


def recipe_for(sources: Sequence[str], start: str, **changes: Any) -> Recipe:
    """The recipe for data of one's own: continue a trained model gently, or give a linear one branches.

    A trained model goes on with batches and losses as the recipe in its folder has them.
    """
    config = load(start, device="cpu").network.config
    values: dict[str, Any] = {}
    if not config.is_linear:
        path = find_model(start) / RECIPE_FILE
        if path.is_file():
            own = read_recipe(path)
            values = {name: getattr(own, name) for name in _TAKEN_OVER}
        values |= {"local_share": 0.0, "learning_rate": _GENTLE, "steps": 5000}
    elif config.patch_height * config.patch_width > 256:
        values = {"widths": (512,) * config.levels, "kernel": 1}
    else:
        # As in `video`: little is lost, and so to be learned, below eight frames.
        bottom = 2 if config.levels > 3 else 0
        values = {"widths": (0,) * bottom + (192,) * (config.levels - bottom), **_SMALL}
    return Recipe(**{"train": tuple(sources), "start": start, **values, **changes})
