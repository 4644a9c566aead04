"""Finished rows on disk, one small JSON file each, so that a run that was stopped goes on where it was."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import OutputError
from ..media import Source, fingerprint
from ..media.elsewhere import Elsewhere
from ..media.problems import reading
from ..media.sources.fingerprint import files_of
from ..system.files import replacing, writing
from .clip import ClipInfo
from .rows import Row

_BLOCK = 1 << 20
# Fingerprint of a source → hash of its content, a JSON line each.
_HASHES = "contents.jsonl"


class Kept(NamedTuple):
    """A row that is there.   clip: what was known of its clip; None in rows of earlier versions."""

    row: Row
    clip: ClipInfo | None


class RowCache:
    """Rows by what they depend on. Without a folder it holds nothing.

    A file holds {"key": what the row depends on, "row": the row as in the JSON document, "clip": the clip
    likewise}. What cannot be read, or belongs to another key, counts as absent.
    """

    def __init__(self, folder: Path | None) -> None:
        """Raises `OutputError` where `folder` cannot be made."""
        self._folder = folder
        self._hashes: dict[str, str] = {}
        if folder is not None:
            if folder.exists() and not folder.is_dir():
                raise OutputError(f"{folder}: is not a directory; choose another place for --cache")
            with writing(folder):
                folder.mkdir(parents=True, exist_ok=True)
            self._hashes = _hashes_in(folder / _HASHES)

    def content_of(self, source: Source | Elsewhere) -> str | dict[str, Any] | None:
        """What tells a source's content from any other, a JSON value; None where its rows cannot be kept.

        Here a hash of all bytes, which are read once, and again when size, time or either end has changed.
        Elsewhere the address, size and ETag: nothing is fetched. Raises `InputError` and `OutputError`.
        """
        if self._folder is None:
            return None
        if isinstance(source, Elsewhere):
            size, changed = source.stamp
            return {"address": source.name, "size": size, "changed": changed} if changed else None
        mark = fingerprint(source.paths, source.name)
        if mark not in self._hashes:
            self._hashes[mark] = content_hash(source)
            place = self._folder / _HASHES
            with writing(place), place.open("a", encoding="utf-8") as file:
                # On a line of its own, whatever cut the one before short.
                file.write(f"\n{json.dumps([mark, self._hashes[mark]])}\n")
        return self._hashes[mark]

    def get(self, key: dict[str, Any]) -> Kept | None:
        """The row of `key`, None where there is none."""
        if self._folder is None:
            return None
        try:
            found = json.loads(self._path(key).read_text(encoding="utf-8"))
            clip = found.get("clip")
            kept = Kept(Row.from_dict(found["row"]), None if clip is None else ClipInfo.from_dict(clip))
            return kept if found["key"] == key else None
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def put(self, key: dict[str, Any], row: Row, clip: ClipInfo | None) -> None:
        """Write a row, whole or not at all."""
        if self._folder is None:
            return
        values = {"key": key, "row": row.to_dict(), "clip": None if clip is None else asdict(clip)}
        with replacing(self._path(key), force=True) as path, writing(path):
            path.write_text(json.dumps(values) + "\n", encoding="utf-8")

    def _path(self, key: dict[str, Any]) -> Path:
        assert self._folder is not None
        text = json.dumps(key, sort_keys=True)
        return self._folder / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.json"


def content_hash(source: Source) -> str:
    """SHA-256 over the bytes of all files of a source, in order. Raises `InputError`."""
    digest = hashlib.sha256()
    with reading(source.name, "cannot be read"):
        for file in (file for path in source.paths for file in files_of([path])):
            digest.update(file.stat().st_size.to_bytes(8, "big"))
            with file.open("rb") as stream:
                while block := stream.read(_BLOCK):
                    digest.update(block)
    return digest.hexdigest()


def _hashes_in(place: Path) -> dict[str, str]:
    """What was hashed before; a line that was cut short is passed by."""
    found = {}
    try:
        for line in place.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                mark, content = json.loads(line)
                found[str(mark)] = str(content)
            except (ValueError, TypeError):
                continue
    except OSError:
        pass
    return found
