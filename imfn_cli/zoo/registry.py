"""Models by name: those that ship, folders, one's own, and the Hugging Face hub."""

import re
from pathlib import Path

from ..errors import ModelError
from .folder import CONFIG_FILE, weights_sha256
from .hub import SCHEME, fetch
from .places import (
    DEFAULT_NAMES,
    PACKAGED,
    ModelPlace,
    full_name,
    installed_folder,
    installed_places,
    model_folders,
    own_places,
)


def default_model() -> str:
    """Name of the model that is used when none is named: the newest `video`, else `video-linear`."""
    shipped = model_folders()
    for name in DEFAULT_NAMES:
        if name in shipped:
            return name
    raise ModelError("no model ships with this installation; name one with -m PATH")


def find_model(name: str | Path | None = None) -> Path:
    """Folder of a model by shipped name or alias, path, own name, weights' hash, or hub id (`hf://org/name@revision`).

    An own name is that of a model in $IMFN_MODELS or the cache folder, of which the first 8 or more digits of
    the hash do as well. Raises `ModelError` if there is none such, naming those that ship.
    """
    shipped = model_folders()
    name = default_model() if name is None else str(name)
    if name.startswith(SCHEME):
        return fetch(name)
    if (installed := installed_folder(name)) is not None:
        return installed
    path = Path(name)
    if (path / CONFIG_FILE).is_file():
        return path
    if path.exists():
        raise ModelError(f"{name}: not a model folder (it has no config.json); make one with 'imfn train'")
    if (own := own_place(name)) is not None:
        return own.folder
    if (extra := PACKAGED.get(full_name(name))) is not None:
        raise ModelError(f"model {name!r} is not installed; pip install '{extra}'")
    raise ModelError(
        f"no model {name!r}; shipped: {', '.join(shipped) or 'none'} (see 'imfn models'), or give a path"
    )


def own_place(name: str) -> ModelPlace | None:
    """The model of one's own that is called `name`, or whose weights' hash begins so; None if there is none.

    Raises `ModelError` where several different ones are.
    """
    places = list(own_places())
    found = [place for place in places if place.name == name]
    if not found and re.fullmatch("[0-9a-f]{8,64}", name):
        found = [place for place in places if weights_sha256(place.folder).startswith(name)]
    hashes = {weights_sha256(place.folder) for place in found} if len(found) > 1 else set()
    if len(hashes) > 1:
        raise ModelError(
            f"several models are called {name!r}; name one by its hash: "
            + ", ".join(sha256[:12] for sha256 in sorted(hashes))
        )
    return found[0] if found else None


def every_model() -> list[ModelPlace]:
    """All models that can be named: the default one first, then those that ship, then one's own."""
    return [*installed_places(), *own_places()]
