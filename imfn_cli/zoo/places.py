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

#: What a name without a version stands for: the newest of its kind. Weights that were released are never
#: replaced; others come beside them under a new name, which then stands here.
ALIASES = {"video": "video-1", "video-linear": "video-linear-1", "mnist": "mnist-1"}
#: Best first: the default model is the first of these that ships.
DEFAULT_NAMES = (ALIASES["video"], ALIASES["video-linear"])
#: Models in packages of their own: name → what pip installs them by.
PACKAGED = {"mnist-1": "imfn[mnist]"}
_ENTRY_POINTS = "imfn.models"
_PACKAGE = Path(__file__).parents[1]


@dataclass(frozen=True)
class ModelPlace:
    """A model's folder, and how it came to be known.

    name: of its folder where it ships, else as its `config.json` says.   alias: "" or its name without a
    version, where it is the newest of its kind.
    origin: "shipped" with imfn, in another "package", in a place that $IMFN_MODELS names ("environment"), or
    in the "cache" folder.
    """

    name: str
    folder: Path
    origin: Literal["shipped", "package", "environment", "cache"]

    @property
    def alias(self) -> str:
        installed = self.origin in ("shipped", "package")
        return next((short for short, name in ALIASES.items() if installed and name == self.name), "")


def full_name(name: str) -> str:
    """A name with its version: of an alias what it stands for, others as they are."""
    return ALIASES.get(name, name)


def short_name(name: str) -> str:
    """The alias of a name with a version, where it has one; others as they are."""
    return next((short for short, full in ALIASES.items() if full == name), name)


def model_folders() -> dict[str, Path]:
    """Name → folder of the models that were installed: with imfn, then in packages of their own."""
    return {place.name: place.folder for place in reversed(list(installed_places()))}


def installed_folder(name: str) -> Path | None:
    """The folder of a model that was installed, by its name or an alias; None where there is none such."""
    folders = model_folders()
    return folders.get(name) or folders.get(full_name(name))


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
    """The folder of the model with these weights, one's own or an installed one; None: there is none."""
    for place in (*own_places(), *installed_places()):
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
