"""Where a recipe's data lies: at the path that it names, or under the data folder."""

import os
from collections.abc import Sequence
from pathlib import Path

from ..errors import InputError
from ..media import Source, expand_inputs


def data_folders() -> list[Path]:
    """Where names of data are looked up: $IMFN_DATA, then ../shared/data."""
    named = [Path(os.environ["IMFN_DATA"])] if os.environ.get("IMFN_DATA") else []
    return [*named, Path("../shared/data")]


def sources_of(names: Sequence[str]) -> list[Source]:
    """The sequences that paths, patterns, or names under a data folder stand for.

    Raises `InputError` naming what is nowhere.
    """
    found = []
    for name in names:
        if Path(name).exists() or any(mark in name for mark in "*?["):
            found.append(name)
            continue
        place = next((folder / name for folder in data_folders() if (folder / name).exists()), None)
        if place is None:
            raise InputError(
                f"{name}: no such file or folder, nor under the data folder; set IMFN_DATA to its place"
            )
        found.append(str(place))
    return expand_inputs(found)


def short_names(names: Sequence[str]) -> str:
    """What data it was, for a card: the last two parts of each path; where it lay is nobody's business."""
    return ", ".join("/".join(Path(name).resolve().parts[-2:]) for name in names)
