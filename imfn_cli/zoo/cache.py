"""The cache folder of models: copies of model folders, checked, each under its name and its weights' hash."""

import contextlib
import re
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from ..errors import ModelError, OutputError
from ..system.files import writing
from .folder import MODEL_FILES, STUDENT_FILE, read_config, weights_sha256
from .places import ModelPlace, cached_models, hash_suffix


@dataclass(frozen=True)
class CachedModel:
    """A model in the cache folder. added: False where the same one, whole, was there already."""

    name: str
    folder: Path
    sha256: str
    added: bool


def add_to_cache(folder: Path) -> CachedModel:
    """Copy a model's folder into the cache folder, and check the copy as loading does.

    The copy appears whole or not at all. Raises `ModelError` where the folder holds no whole model,
    `OutputError` where the cache folder cannot be written to.
    """
    name = str(read_config(folder).get("name", folder.resolve().name))
    sha256 = weights_sha256(folder)
    place = cached_models() / (_file_name(name) + hash_suffix(sha256))
    if _is_whole(place, sha256):
        return CachedModel(name, place, sha256, added=False)
    with writing(place):
        place.parent.mkdir(parents=True, exist_ok=True)
    copy = place.with_name(f".{place.name}.{secrets.token_hex(4)}.part")
    try:
        with writing(place):
            copy.mkdir()
            for file in MODEL_FILES:
                if (folder / file).is_file():
                    shutil.copyfile(folder / file, copy / file)
        try:
            _check(copy, sha256)
        except ModelError as error:
            # It is the folder that the user knows.
            raise ModelError(str(error).replace(str(copy), str(folder))) from error
        _put(copy, place, sha256)
    finally:
        shutil.rmtree(copy, ignore_errors=True)
    return CachedModel(name, place, sha256, added=True)


def remove_from_cache(place: ModelPlace) -> None:
    """Delete a model from the cache folder. Raises `ModelError` for one elsewhere, `OutputError`."""
    if place.origin != "cache":
        raise ModelError(f"{place.folder}: is not in the cache folder; delete it yourself")
    with writing(place.folder):
        shutil.rmtree(place.folder)


def _put(copy: Path, place: Path, sha256: str) -> None:
    """Move a whole copy to its place, where a damaged one may be."""
    away = copy.with_name(f"{copy.name}.old")
    try:
        with writing(place):
            with contextlib.suppress(FileNotFoundError):
                place.rename(away)
            copy.rename(place)
    except OutputError:
        # Somebody else may have been quicker, with the same model.
        if not _is_whole(place, sha256):
            raise
    finally:
        shutil.rmtree(away, ignore_errors=True)


def _is_whole(place: Path, sha256: str) -> bool:
    try:
        read_config(place)
        return weights_sha256(place) == sha256
    except ModelError:
        return False


def _check(folder: Path, sha256: str) -> None:
    """Load the model in `folder`, its student too. Raises `ModelError`."""
    # They load PyTorch, which finding a model does without.
    from .student_file import read_update
    from .weights import load

    model = load(folder, device="cpu")
    if model.sha256 != sha256:
        raise ModelError(f"{folder}: changed while it was copied; try again")
    if (folder / STUDENT_FILE).is_file():
        read_update(folder / STUDENT_FILE, model.name, sha256, model.network.config)


def _file_name(name: str) -> str:
    """A model's name as part of a file's; names come from files that anybody may have written."""
    return re.sub(r"[^\w.-]", "_", name).lstrip(".")[:80] or "model"
