"""Where a recipe's data lies: at the path that it names, or under $IMFN_DATA."""

import os
from collections.abc import Sequence
from pathlib import Path

from ..errors import InputError
from ..media import Source, expand_inputs


def sources_of(names: Sequence[str], data: Path | None = None) -> list[Source]:
    """The sequences that paths, patterns, or names under the data folder stand for.

    data: that folder, $IMFN_DATA unless given. Raises `InputError` naming what is nowhere.
    """
    found = []
    for name in names:
        if Path(name).exists() or any(mark in name for mark in "*?["):
            found.append(name)
            continue
        place = (data or Path(os.environ.get("IMFN_DATA", ""))) / name
        if not place.exists():
            raise InputError(
                f"{name}: no such file or folder, nor under $IMFN_DATA; set that to the folder of your data"
            )
        found.append(str(place))
    return expand_inputs(found)


def short_names(names: Sequence[str]) -> str:
    """What data it was, for a card: the last two parts of each path; where it lay is nobody's business."""
    return ", ".join("/".join(Path(name).resolve().parts[-2:]) for name in names)


def disjoint(training: Sequence[Source], held_out: Sequence[Source]) -> None:
    """Refuse, with `InputError`, to measure a model on what it was fitted to."""
    seen = {path.resolve() for source in training for path in source.paths}
    for source in held_out:
        if any(path.resolve() in seen for path in source.paths):
            raise InputError(f"{source.name}: is in the training data too; --test must be held out")
