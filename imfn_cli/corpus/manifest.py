"""The manifest of a folder of outputs: what each was made of, and how that went; JSON lines.

A line stands for an output; of several lines of one the last counts. Lines are appended whole, and none is
written over, so that whoever is killed loses no line: one that was cut short is passed by. Before an output
is made a line says so (`begun`): where a run was killed between an output and the line about it, the next
one knows that output by this.

An object store cannot append: parts are put beside the manifest there, and joined at a run's end.
"""

import hashlib
import json
import os
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import OutputError
from ..system.files import replacing, writing
from ..system.remote import (
    RemotePath,
    Stamp,
    found_in,
    is_remote,
    joined,
    put_bytes,
    remove_files,
    stamp_of,
)

#: What a manifest is called, in the folder of the outputs.
NAME = "imfn-manifest.jsonl"
_PARTS = "imfn-manifest.d"
# Lines in a part, and seconds that one may take to fill.
_PART_LINES, _PART_SECONDS = 256, 30.0
_BEGUN, _DONE, _FAILED = "begun", "done", "failed"


class Known(NamedTuple):
    """What the next run has to know of an output's last line.

    source: its source, as it was.   settings: a hash of those.   bytes: of the output; None: not one file.
    before: what was there before it, if anything was, of lines that say `begun`.
    """

    state: str
    source: Stamp
    settings: str
    bytes: int | None
    before: Stamp | None


def settings_hash(settings: Mapping[str, Any]) -> str:
    """16 hexadecimal digits for all that an output depends on but its source."""
    text = json.dumps(settings, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Manifest:
    """The manifest at a path, here or elsewhere. Raises `OutputError` and `InputError`."""

    def __init__(self, place: str, settings: str) -> None:
        """place: of the manifest.   settings: `settings_hash` of this run's."""
        self.place, self.settings = place, settings
        self._remote = is_remote(place)
        self._known: dict[str, Known] = {}
        self._lines = 0
        self._appended = False
        self._waiting: list[bytes] = []
        self._put = time.monotonic()
        self._parts = 0
        self._run = f"{time.time_ns():020d}-{secrets.token_hex(4)}"
        # One request for a thousand names, where asking for each would take one.
        self._there = found_in(self.folder) if self._remote else {}
        for line in self._read():
            self._take(line)

    # -- what is known ------------------------------------------------------------------------------------

    def state(self, target: str, source: Stamp) -> str:
        """ "done", "stale" (made of another source, or with other settings) or "unknown", of an output.

        A file that was done by a run that was killed before it could say so is noted as done.
        """
        known = self._known.get(target)
        if known is None or known.state == _FAILED:
            return "unknown"
        now = self.there(target)
        if now is None:
            return "unknown"
        same = known.source == source and known.settings == self.settings
        if known.state == _DONE:
            ours = known.bytes is None or known.bytes == now.size
            return ("done" if same else "stale") if ours else "unknown"
        if now == known.before:
            return "unknown"
        if same and not self._is_folder(target):
            self._append({"target": target, "state": _DONE, **self._of(source), "bytes": now.size})
            return "done"
        return "unknown"

    def there(self, target: str) -> Stamp | None:
        """What is at an output's place; elsewhere as it was when the manifest was opened."""
        address = self._address(target)
        if self._remote and is_remote(address):
            return self._there.get(address)
        return Stamp(0, "folder") if Path(address).is_dir() else stamp_of(address)

    def done_from(self, name: str, source: Stamp) -> str | None:
        """The output of a source, by its name, where that is done; so nobody has to open the source."""
        target = self._by_source.get(name)
        return target if target is not None and self.state(target, source) == "done" else None

    @property
    def _by_source(self) -> dict[str, str]:
        if not hasattr(self, "_sources"):
            self._sources = {}
            for line in self._read():
                self._sources[str(line.get("source"))] = str(line["target"])
        return self._sources

    # -- what is told -------------------------------------------------------------------------------------

    def begin(self, targets: Iterable[tuple[str, str, Stamp]]) -> None:
        """Note outputs that are about to be made: (target, source, source as it is). Written at the end."""
        for target, name, source in targets:
            before = self.there(target)
            line = {"target": target, "state": _BEGUN, "source": name, **self._of(source)}
            self._append(line | ({} if before is None else {"before": list(before)}))
        self.flush()

    def done(self, target: str, name: str, source: Stamp, values: Mapping[str, Any]) -> None:
        """Note an output that is there.   values: what else the line says."""
        told = dict(values)
        if "bytes" not in told:
            there = None if self._is_folder(target) else stamp_of(self._address(target))
            told["bytes"] = None if there is None else there.size
        self._append({"target": target, "state": _DONE, "source": name, **self._of(source), **told})

    def failed(self, target: str, name: str, source: Stamp, error: str) -> None:
        """Note what was wrong with an input."""
        self._append({"target": target, "state": _FAILED, "source": name, **self._of(source), "error": error})

    def flush(self) -> None:
        """Write what waits."""
        if not self._waiting:
            return
        data = b"".join(self._waiting)
        if self._remote:
            put_bytes(data, joined(self.folder, _PARTS, f"{self._run}-{self._parts:06d}.jsonl"))
            self._parts += 1
        else:
            with writing(self.place):
                _append_whole(Path(self.place), data)
        self._waiting.clear()
        self._put = time.monotonic()

    def close(self) -> None:
        """Write what waits; a manifest half of whose lines are out of date is written anew without those."""
        self.flush()
        if not self._appended:
            return
        if self._remote:
            self._join_parts()
        elif self._lines > 1.5 * len(self._known):
            last: dict[str, int] = {}
            for number, line in enumerate(self._read()):
                last[line["target"]] = number
            kept = set(last.values())
            with (
                replacing(Path(self.place), force=True) as temporary,
                temporary.open("w", encoding="utf-8") as file,
            ):
                for number, line in enumerate(self._read()):
                    if number in kept:
                        file.write(_text(line))

    # -- lines --------------------------------------------------------------------------------------------

    @property
    def folder(self) -> str:
        """That it is in."""
        return self.place.rsplit("/", 1)[0] if self._remote else str(Path(self.place).parent)

    def _address(self, target: str) -> str:
        if is_remote(target) or Path(target).is_absolute():
            return target
        return joined(self.folder, target) if self._remote else str(Path(self.folder) / target)

    def _is_folder(self, target: str) -> bool:
        return not self._remote and Path(self._address(target)).is_dir()

    def _of(self, source: Stamp) -> dict[str, Any]:
        return {"size": source.size, "changed": source.changed, "settings": self.settings}

    def _append(self, line: dict[str, Any]) -> None:
        self._appended = True
        self._take(line)
        self._waiting.append(_text(line).encode())
        full = len(self._waiting) >= _PART_LINES or time.monotonic() - self._put > _PART_SECONDS
        if not self._remote or full:
            self.flush()

    def _take(self, line: dict[str, Any]) -> None:
        before = line.get("before")
        try:
            self._known[line["target"]] = Known(
                line["state"],
                Stamp(line["size"], line["changed"]),
                # One string for all of a run's.
                self.settings if line["settings"] == self.settings else line["settings"],
                line.get("bytes"),
                None if before is None else Stamp(*before),
            )
            self._lines += 1
        except (KeyError, TypeError):
            return

    def _read(self) -> Iterator[dict[str, Any]]:
        """All lines that are whole, in order."""
        if not self._remote:
            if self.place and Path(self.place).is_file():
                with writing(self.place), Path(self.place).open("rb") as file:
                    yield from _lines_in(file)
            return
        base = RemotePath(self.place)
        if stamp_of(self.place) is not None:
            with base.open() as file:
                yield from _lines_in(file)
        for part in found_in(joined(self.folder, _PARTS)):
            with RemotePath(part).open() as file:
                yield from _lines_in(file)

    def _join_parts(self) -> None:
        parts = list(found_in(joined(self.folder, _PARTS)))
        lines = {line["target"]: line for line in self._read()}
        put_bytes("".join(map(_text, lines.values())).encode(), self.place)
        # A run that is killed here leaves lines twice, which says nothing new.
        remove_files(*parts)


def manifest_in(folder: str, settings: str) -> Manifest:
    """The manifest of a folder of outputs."""
    return Manifest(joined(folder, NAME) if is_remote(folder) else str(Path(folder) / NAME), settings)


def _text(line: Mapping[str, Any]) -> str:
    return json.dumps(line, default=str) + "\n"


def _lines_in(file: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    for text in file:
        try:
            line = json.loads(text)
        except ValueError:
            # Cut short by whatever killed its run.
            continue
        if isinstance(line, dict) and isinstance(line.get("target"), str):
            yield line


def _append_whole(path: Path, data: bytes) -> None:
    """Append in one write, after a line that was cut short on a line of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
    try:
        end = os.lseek(descriptor, 0, os.SEEK_END)
        if end:
            os.lseek(descriptor, end - 1, os.SEEK_SET)
            if os.read(descriptor, 1) != b"\n":
                data = b"\n" + data
        view = memoryview(data)
        while view:
            written = os.write(descriptor, view)
            if not written:
                raise OutputError(f"{path}: cannot be written; free some space, and run it again")
            view = view[written:]
    finally:
        os.close(descriptor)
