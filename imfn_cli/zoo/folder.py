"""A model's folder: what its files are called, its configuration, the hash of its weights."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import ModelError, OutputError
from ..system.files import replacing

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
CARD_FILE = "README.md"
#: What a learned model's student lies in, beside its weights.
STUDENT_FILE = "student.safetensors"
#: What a trained model was made by.
RECIPE_FILE = "recipe.toml"
#: All that a model's folder may hold, but for what training keeps there while it runs.
MODEL_FILES = (CONFIG_FILE, WEIGHTS_FILE, CARD_FILE, STUDENT_FILE, RECIPE_FILE)
CONFIG_VERSION = 1
# Of `config.json`, in bytes: it is parsed before anything about the model is known.
_LONGEST_CONFIG = 1 << 20


def check_free(folder: str | Path, *, force: bool) -> None:
    """Raise `OutputError` where `folder` holds a model already, without `force`."""
    if any((Path(folder) / name).exists() for name in (CONFIG_FILE, WEIGHTS_FILE, CARD_FILE)) and not force:
        raise OutputError(
            f"{folder}: holds a model already; choose another folder with -o, or replace it with --force"
        )


def read_config(folder: Path) -> dict[str, Any]:
    """A folder's `config.json`. Raises `ModelError` if it is missing, damaged or of a future version."""
    path = folder / CONFIG_FILE
    try:
        with path.open("rb") as file:
            return parse_config(file.read(_LONGEST_CONFIG + 1), path)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from error


def parse_config(text: bytes, path: Path) -> dict[str, Any]:
    """What `read_config` reads, in bytes; `path` is for messages. Raises `ModelError`."""
    if len(text) > _LONGEST_CONFIG:
        raise ModelError(f"{path}: longer than {_LONGEST_CONFIG:,} bytes; restore the model folder")
    try:
        config = json.loads(text.decode())
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: not valid JSON ({error}); restore the model folder") from error
    if not isinstance(config, dict) or not isinstance(config.get("network"), dict):
        raise ModelError(f"{path}: not a model's configuration; restore the model folder")
    if not isinstance(config.get("version"), int) or config["version"] > CONFIG_VERSION:
        raise ModelError(
            f"{path}: version {config.get('version')}, this imfn reads {CONFIG_VERSION}; upgrade imfn"
        )
    return config


def write_config(folder: Path, description: Mapping[str, Any], network: Mapping[str, Any]) -> None:
    """Write `config.json` into `folder`: what the model is, then its network's shape."""
    config = {**description, "version": CONFIG_VERSION, "network": network}
    with replacing(folder / CONFIG_FILE, force=True) as path:
        path.write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def weights_sha256(folder: Path) -> str:
    """SHA-256 of the model's weights file, in hexadecimal, as `sha256sum` prints it."""
    path = folder / WEIGHTS_FILE
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}); restore the model folder") from error
