"""Models by name: those that ship, folders, and the Hugging Face hub."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import ModelError
from .folder import CARD_FILE, CONFIG_FILE, STUDENT_FILE, WEIGHTS_FILE, read_config, weights_sha256

#: Best first: the default model is the first of these that ships.
DEFAULT_NAMES = ("video", "video-linear")
_PACKAGE = Path(__file__).parents[1]


def model_folders() -> dict[str, Path]:
    """Name → folder of the models that ship with imfn."""
    found: dict[str, Path] = {}
    # In a wheel they lie inside the package, in a checkout beside it.
    for place in (_PACKAGE / "_models", _PACKAGE.parent / "models"):
        if place.is_dir():
            for folder in sorted(place.iterdir()):
                if (folder / CONFIG_FILE).is_file():
                    found.setdefault(folder.name, folder)
    return found


def default_model() -> str:
    """Name of the model that is used when none is named: `video` where it ships, else `video-linear`."""
    shipped = model_folders()
    for name in DEFAULT_NAMES:
        if name in shipped:
            return name
    raise ModelError("no model ships with this installation; name one with -m PATH")


def find_model(name: str | Path | None = None) -> Path:
    """Folder of a model by shipped name, path, or Hugging Face hub id (`hf://org/name`).

    Raises `ModelError` if there is none such, naming those that ship.
    """
    shipped = model_folders()
    # Until a trained `video` ships, the name stands for the best video model that does.
    if name is None or (name == DEFAULT_NAMES[0] and name not in shipped):
        name = default_model()
    name = str(name)
    if name.startswith("hf://"):
        return _download(name)
    if name in shipped:
        return shipped[name]
    path = Path(name)
    if (path / CONFIG_FILE).is_file():
        return path
    if path.exists():
        raise ModelError(f"{name}: not a model folder (it has no config.json); make one with 'imfn train'")
    raise ModelError(
        f"no model {name!r}; shipped: {', '.join(shipped) or 'none'} (see 'imfn models'), or give a path"
    )


def own_folders() -> Iterator[Path]:
    """Folders of models of one's own: the places that $IMFN_MODELS names, and what is in them."""
    for name in filter(None, os.environ.get("IMFN_MODELS", "").split(os.pathsep)):
        place = Path(name)
        with contextlib.suppress(OSError):
            for folder in (place, *sorted(place.iterdir())):
                if (folder / CONFIG_FILE).is_file() and (folder / WEIGHTS_FILE).is_file():
                    yield folder


def folder_of_weights(sha256: str) -> Path | None:
    """The folder of one's own model with these weights; None where there is none."""
    return next((folder for folder in own_folders() if weights_sha256(folder) == sha256), None)


def shipped_models() -> Iterator[tuple[str, dict[str, Any], str]]:
    """(name, configuration, sha256) of each model that ships, the default one first."""
    folders = model_folders()
    for name in sorted(folders, key=lambda n: (DEFAULT_NAMES.index(n) if n in DEFAULT_NAMES else 9, n)):
        yield name, read_config(folders[name]), weights_sha256(folders[name])


def _download(name: str) -> Path:
    try:
        # An optional extra: 'imfn[hub]'.
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
    except ImportError as error:
        raise ModelError(f"{name}: needs the package huggingface_hub; pip install 'imfn[hub]'") from error
    try:
        return Path(
            snapshot_download(
                name.removeprefix("hf://"),
                allow_patterns=[CONFIG_FILE, WEIGHTS_FILE, STUDENT_FILE, CARD_FILE],
            )
        )
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise ModelError(f"{name}: cannot be fetched from the hub ({str(error).splitlines()[0]})") from error
