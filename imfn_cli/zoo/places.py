"""Where models lie: with imfn, in packages, in folders that $IMFN_MODELS names, in the cache folder."""

import contextlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from ..errors import ModelError
from ..system.cache_folder import cache_folder
from .folder import CONFIG_FILE, WEIGHTS_FILE, read_config, weights_sha256

#: Best first: the default model is the first of these that ships.
DEFAULT_NAMES = ("video", "video-linear")
#: Models in packages of their own: name → what pip installs them by.
PACKAGED = {"mnist": "imfn[mnist]"}
_ENTRY_POINTS = "imfn.models"
_PACKAGE = Path(__file__).parents[1]


@dataclass(frozen=True)
class ModelPlace:
    """A model's folder, and how it came to be known.

    name: of its folder where it ships, else as its `config.json` says.
    origin: "shipped" with imfn, in another "package", in a place that $IMFN_MODELS names ("environment"), or
    in the "cache" folder.
    """

    name: str
    folder: Path
    origin: Literal["shipped", "package", "environment", "cache"]


def model_folders() -> dict[str, Path]:
    """Name → folder of the models that were installed: with imfn, then in packages of their own."""
    return {place.name: place.folder for place in reversed(list(installed_places()))}


def installed_places() -> Iterator[ModelPlace]:
    """The models that ship, the default one first, then those in packages."""
    # In a wheel they lie inside the package, in a checkout beside it.
    shipped: dict[str, Path] = {}
    for place in (_PACKAGE / "_models", _PACKAGE.parent / "models"):
        for folder in _holding(_folders_in(place), CONFIG_FILE):
            shipped.setdefault(folder.name, folder)
    for name in sorted(shipped, key=lambda n: (DEFAULT_NAMES.index(n) if n in DEFAULT_NAMES else 9, n)):
        yield ModelPlace(name, shipped[name], "shipped")
    for point in entry_points(group=_ENTRY_POINTS):
        # The module is found, not run: a folder of files is all that it is.
        spec = find_spec(point.value)
        if spec is not None and spec.origin and point.name not in shipped:
            yield ModelPlace(point.name, Path(spec.origin).parent, "package")


def own_places() -> Iterator[ModelPlace]:
    """Models of one's own: in the places that $IMFN_MODELS names and right below, and in the cache folder."""
    for place in map(Path, filter(None, os.environ.get("IMFN_MODELS", "").split(os.pathsep))):
        for folder in _holding((place, *_folders_in(place)), CONFIG_FILE, WEIGHTS_FILE):
            yield ModelPlace(_own_name(folder), folder, "environment")
    for folder in _holding(_folders_in(cached_models()), CONFIG_FILE, WEIGHTS_FILE):
        yield ModelPlace(_own_name(folder), folder, "cache")


def cached_models() -> Path:
    """The folder that holds cached models, each in a folder called `NAME-HASH`."""
    return cache_folder() / "models"


def hash_suffix(sha256: str) -> str:
    """What the name of a cached model's folder ends with."""
    return f"-{sha256[:12]}"


def folder_of_weights(sha256: str) -> Path | None:
    """The folder of one's own model with these weights; None where there is none."""
    for place in own_places():
        # The names of cached folders spare reading all of them; a damaged copy is none.
        if place.origin == "cache" and not place.folder.name.endswith(hash_suffix(sha256)):
            continue
        with contextlib.suppress(ModelError):
            if weights_sha256(place.folder) == sha256:
                return place.folder
    return None


def _folders_in(place: Path) -> list[Path]:
    try:
        # A name with a dot in front is a copy under way.
        return sorted(folder for folder in place.iterdir() if not folder.name.startswith("."))
    except OSError:
        return []


def _holding(folders: Iterable[Path], *files: str) -> Iterator[Path]:
    for folder in folders:
        with contextlib.suppress(OSError):
            if all((folder / file).is_file() for file in files):
                yield folder


def _own_name(folder: Path) -> str:
    try:
        return str(read_config(folder).get("name", folder.name))
    except ModelError:
        return folder.name
