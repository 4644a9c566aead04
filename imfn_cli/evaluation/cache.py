"""Finished rows on disk, one small JSON file each, so that a run that was stopped goes on where it was."""

import hashlib
import json
from pathlib import Path
from typing import Any

from ..errors import OutputError
from ..media import Source
from ..media.problems import reading
from ..media.sources.inputs import still_images
from ..system.files import replacing, writing
from .rows import Row

_BLOCK = 1 << 20


class RowCache:
    """Rows by what they depend on. Without a folder it holds nothing.

    A file holds {"key": what the row depends on, "row": the row as in the JSON document}. What cannot be
    read, or belongs to another key, counts as absent.
    """

    def __init__(self, folder: Path | None) -> None:
        """Raises `OutputError` where `folder` cannot be made."""
        self._folder = folder
        if folder is not None:
            if folder.exists() and not folder.is_dir():
                raise OutputError(f"{folder}: is not a directory; choose another place for --cache")
            with writing(folder):
                folder.mkdir(parents=True, exist_ok=True)

    def get(self, key: dict[str, Any]) -> Row | None:
        """The row of `key`, None where there is none."""
        if self._folder is None:
            return None
        try:
            found = json.loads(self._path(key).read_text(encoding="utf-8"))
            return Row.from_dict(found["row"]) if found["key"] == key else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def put(self, key: dict[str, Any], row: Row) -> None:
        """Write a row, whole or not at all."""
        if self._folder is None:
            return
        with replacing(self._path(key), force=True) as path, writing(path):
            path.write_text(json.dumps({"key": key, "row": row.to_dict()}) + "\n", encoding="utf-8")

    def _path(self, key: dict[str, Any]) -> Path:
        assert self._folder is not None
        text = json.dumps(key, sort_keys=True)
        return self._folder / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.json"


def content_hash(source: Source) -> str:
    """SHA-256 over the bytes of all files of a source, in order. Raises `InputError`."""
    digest = hashlib.sha256()
    with reading(source.name, "cannot be read"):
        for path in source.paths:
            for file in still_images(path) if path.is_dir() else [path]:
                digest.update(file.stat().st_size.to_bytes(8, "big"))
                with file.open("rb") as stream:
                    while block := stream.read(_BLOCK):
                        digest.update(block)
    return digest.hexdigest()
