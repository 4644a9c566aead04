"""Models on the Hugging Face hub: `hf://org/name`, or `hf://org/name@revision`."""

import contextlib
import re
from pathlib import Path
from typing import Any

from ..errors import ModelError, OutputError
from .cache import add_to_cache
from .folder import MODEL_FILES

SCHEME = "hf://"


def parse(name: str) -> tuple[str, str | None]:
    """'hf://org/name@revision' → ('org/name', 'revision'); without one None. Raises `ModelError`."""
    match = re.fullmatch(rf"{SCHEME}([^/@]+/[^/@]+)(?:@([^@]+))?", name)
    if match is None:
        raise ModelError(f"{name}: no model on the hub; write hf://org/name, or hf://org/name@revision")
    return match[1], match[2]


def fetch(name: str) -> Path:
    """Folder of the model that `name` (hf://…) says, fetched unless it was before. Raises `ModelError`."""
    return download(*parse(name))


def download(repository: str, revision: str | None = None, **how: Any) -> Path:
    """Folder of a model on the hub, "org/name", fetched unless it was before. Raises `ModelError`.

    how: as `huggingface_hub.snapshot_download` takes it: token, cache_dir, force_download, local_files_only.
    It is copied into the cache folder of models as well: what it wrote is restored without naming it.
    """
    name = f"{SCHEME}{repository}" + (f"@{revision}" if revision else "")
    try:
        # An optional extra: 'imfn[hub]'.
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
    except ImportError as error:
        raise ModelError(f"{name}: needs the package huggingface_hub; pip install 'imfn[hub]'") from error
    try:
        folder = Path(
            snapshot_download(repository, revision=revision, allow_patterns=list(MODEL_FILES), **how)
        )
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise ModelError(f"{name}: cannot be fetched from the hub ({str(error).splitlines()[0]})") from error
    # A cache that cannot be written to makes the model no worse.
    with contextlib.suppress(OutputError):
        return add_to_cache(folder).folder
    return folder
