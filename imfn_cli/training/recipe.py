"""A recipe: everything that says how a model is trained, in one small TOML file that its folder keeps."""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from ..errors import InputError
from ..network.config import Blocks, Count, Kernel, Width, Widths
from ..system.validation import raising
from ..zoo.folder import RECIPE_FILE as RECIPE_FILE

_TABLE_POSITIONS = 24_000

# TOML has lists where Python has tuples.
Names = Annotated[tuple[str, ...], Field(strict=False)]
Share = Annotated[float, Field(ge=0, le=1)]
#: A number above zero.
Amount = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Quality = Annotated[int, Field(ge=0, le=100)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class Recipe:
    """How a model is trained with gradients; every field is a key of `recipe.toml`.

    train, test: sequences or folders of them, as paths or under the data folder ($IMFN_DATA). A tenth of
        the training data is held out to choose the best weights by; `test` measures the finished model.
    start: model to start from, by name or path; a linear one gets new branches, a trained one is continued.
        Empty: linear maps fitted to the training data in closed form, of `patch` × `patch` pixels (`gray` or
        RGB), `channels` numbers (0: all that a patch has) and `levels` levels.
    widths, merge_blocks, split_blocks, kernel: shape of new branches (`IMFNConfig`); empty widths keep those
        of `start`.
    leaf_width, leaf_blocks: of a branch that refines leaves of rounded memories; width 0 keeps that of
        `start`.
    leaf_share: part of the run, its last, that trains that branch and nothing else.
    shuffled: frames are independent images, drawn in random order, not neighbours in time.
    steps: optimiser steps in all.   local_share: part of them spent level by level, before end to end.
    trees: trees of the highest level in a batch.   crop: side of the square that is cut out, in pixels.
    mixed: each step draws one level by `level_weights` and fills the batch with trees of that level, as many
        frames in all: of more places, where `trees` are few.
    decode: part of the batch's frames that each level restores in a step.
    flips: mirror half of the crops left to right, and half of them in time.
    learning_rate: peak, after `warmup` steps; falls to zero along a cosine.   clip: largest gradient norm.
    average: decay of the running average of the weights, which is what is evaluated and saved.
    float_share: part of the restorations that see memories in floats; the others are quantised with a step
        drawn from `qualities` (lowest, highest).
    level_weights: weight of each level, lowest first: the share of steps that restore from it, 0 for never;
        empty for all.
    memory_gb: decoded frames that are held, in 10^9 bytes; of more data a random part is used.
    evaluate: steps between two evaluations.   seed: of everything random.
    table_positions: grid positions of each level that the coding tables are fitted to, about.

    Raises `InputError`, one line that names the field, for values outside what is declared here.
    """

    train: Annotated[Names, Field(min_length=1)]
    test: Names = ()
    start: str = "video-linear-1"
    patch: Annotated[int, Field(ge=1, le=64)] = 8
    channels: Width = 0
    levels: Annotated[int, Field(ge=1, le=12)] = 6
    gray: bool = False
    widths: Widths = ()
    merge_blocks: Blocks = 2
    split_blocks: Blocks = 4
    kernel: Kernel = 5
    leaf_width: Width = 0
    leaf_blocks: Blocks = 2
    leaf_share: Share = 0.25
    shuffled: bool = False
    steps: Annotated[int, Field(ge=1)] = 20_000
    local_share: Share = 0.2
    trees: Count = 2
    crop: Annotated[int, Field(ge=1)] = 96
    mixed: bool = False
    decode: Annotated[float, Field(gt=0, le=1)] = 0.5
    flips: bool = True
    learning_rate: Annotated[float, Field(gt=0, lt=1)] = 1e-3
    warmup: Annotated[int, Field(ge=0)] = 200
    clip: Amount = 1.0
    average: Annotated[float, Field(ge=0, lt=1)] = 0.999
    float_share: Share = 0.4
    qualities: Annotated[tuple[Quality, Quality], Field(strict=False)] = (0, 80)
    level_weights: Annotated[tuple[Weight, ...], Field(strict=False)] = ()
    memory_gb: Amount = 4.0
    evaluate: Annotated[int, Field(ge=1)] = 500
    seed: Annotated[int, Field(ge=0)] = 0
    table_positions: Annotated[int, Field(ge=1)] = _TABLE_POSITIONS

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.qualities[0] > self.qualities[1]:
            raise ValueError(f"qualities is {list(self.qualities)}; the lowest comes first")
        if self.level_weights and not any(self.level_weights):
            raise ValueError("level_weights are all 0; leave them out to weigh all levels alike")
        return self

    _told = raising(InputError, "recipe")

    def to_toml(self) -> str:
        """The recipe as a TOML document, one key a line."""
        lines = []
        for field in fields(self):
            value = getattr(self, field.name)
            # Younger than the others: versions of imfn without it read what does not need it.
            if field.name == "table_positions" and value == _TABLE_POSITIONS:
                continue
            # Strings, numbers, booleans and arrays of them are written alike in JSON and TOML.
            text = json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)
            lines.append(f"{field.name} = {text}\n")
        return "".join(lines)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], name: str) -> "Recipe":
        """The recipe of a TOML document called `name`. Raises `InputError`, naming it and the key."""
        known = [field.name for field in fields(cls)]
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise InputError(f"{name}: unknown key {unknown[0]!r}; known: {', '.join(known)}")
        if "train" not in values:
            raise InputError(f'{name}: says no training data; add train = ["FOLDER"]')
        try:
            return cls(**values)
        except InputError as error:
            raise InputError(f"{name}: {error}") from error


def read_recipe(path: Path) -> Recipe:
    """Read a recipe file. Raises `InputError`, one line, when it is missing or wrong."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise InputError(f"{path}: not a valid TOML file ({error})") from error
    return Recipe.from_dict(values, str(path))


def changed(recipe: Recipe, **changes: Any) -> Recipe:
    """`recipe` with those of `changes` that are not None."""
    return replace(recipe, **{name: value for name, value in changes.items() if value is not None})
