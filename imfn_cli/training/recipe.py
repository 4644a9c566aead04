"""A recipe: everything that says how a model is trained, in one small TOML file that its folder keeps."""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from ..errors import InputError

#: What a model's folder keeps it as.
RECIPE_FILE = "recipe.toml"


@dataclass(frozen=True)
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
    average: decay of the running average of the weights, which is what is evaluated and kept.
    float_share: part of the restorations that see memories in floats; the others are quantised with a step
        drawn from `qualities` (lowest, highest).
    level_weights: weight of each level, lowest first: the share of steps that restore from it, 0 for never;
        empty for all.
    memory_gb: decoded frames that are kept in memory; of more data a random part is used.
    evaluate: steps between two evaluations.   seed: of everything random.
    """

    train: tuple[str, ...]
    test: tuple[str, ...] = ()
    start: str = "video-linear"
    patch: int = 8
    channels: int = 0
    levels: int = 6
    gray: bool = False
    widths: tuple[int, ...] = ()
    merge_blocks: int = 2
    split_blocks: int = 4
    kernel: int = 5
    leaf_width: int = 0
    leaf_blocks: int = 2
    leaf_share: float = 0.25
    shuffled: bool = False
    steps: int = 20_000
    local_share: float = 0.2
    trees: int = 2
    crop: int = 96
    mixed: bool = False
    decode: float = 0.5
    flips: bool = True
    learning_rate: float = 1e-3
    warmup: int = 200
    clip: float = 1.0
    average: float = 0.999
    float_share: float = 0.4
    qualities: tuple[int, int] = (0, 80)
    level_weights: tuple[float, ...] = ()
    memory_gb: float = 4.0
    evaluate: int = 500
    seed: int = 0

    def __post_init__(self) -> None:
        problems = {
            "train": not self.train,
            "patch": not 1 <= self.patch <= 64,
            "channels": self.channels < 0,
            "levels": not 1 <= self.levels <= 12,
            "steps": self.steps < 1,
            "local_share": not 0 <= self.local_share <= 1,
            "leaf_width": self.leaf_width < 0,
            "leaf_share": not 0 <= self.leaf_share <= 1,
            "trees": self.trees < 1,
            "crop": self.crop < 1,
            "decode": not 0 < self.decode <= 1,
            "learning_rate": not 0 < self.learning_rate < 1,
            "warmup": self.warmup < 0,
            "clip": self.clip <= 0,
            "average": not 0 <= self.average < 1,
            "float_share": not 0 <= self.float_share <= 1,
            "qualities": len(self.qualities) != 2 or not 0 <= self.qualities[0] <= self.qualities[1] <= 100,
            "level_weights": any(weight < 0 for weight in self.level_weights)
            or (bool(self.level_weights) and not any(self.level_weights)),
            "memory_gb": self.memory_gb <= 0,
            "evaluate": self.evaluate < 1,
        }
        for name, wrong in problems.items():
            if wrong:
                raise InputError(f"recipe: {name} cannot be {getattr(self, name)!r}")

    def to_toml(self) -> str:
        """The recipe as a TOML document, one key a line."""
        lines = []
        for field in fields(self):
            value = getattr(self, field.name)
            # Strings, numbers, booleans and arrays of them are written alike in JSON and TOML.
            text = json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)
            lines.append(f"{field.name} = {text}\n")
        return "".join(lines)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], name: str) -> "Recipe":
        """The recipe of a TOML document. Raises `InputError` naming unknown keys and wrong types."""
        known = {field.name: field.default for field in fields(cls)}
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise InputError(f"{name}: unknown key {unknown[0]!r}; known: {', '.join(known)}")
        if "train" not in values:
            raise InputError(f'{name}: says no training data; add train = ["FOLDER"]')
        checked: dict[str, Any] = {}
        for key, value in values.items():
            default = known[key] if key != "train" else ("",)
            if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
                value = float(value)
            if isinstance(default, tuple) and isinstance(value, list):
                value = tuple(value)
                if key == "level_weights":
                    value = tuple(float(v) if isinstance(v, int) else v for v in value)
                kind = {"train": str, "test": str, "level_weights": float}.get(key, int)
                if any(type(v) is not kind for v in value):
                    raise InputError(f"{name}: {key} must be a list of {kind.__name__} values")
            elif type(value) is not type(default):
                raise InputError(f"{name}: {key} is {value!r}; it must be like {default!r}")
            checked[key] = value
        return cls(**checked)


def read_recipe(path: Path) -> Recipe:
    """Read a recipe file. Raises `InputError`, one line, when it is missing or wrong."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise InputError(f"{path}: not a valid TOML file ({error})") from error
    return Recipe.from_dict(values, str(path))
