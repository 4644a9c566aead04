"""Inputs and outputs in other places: copied to this machine for the work, and back when it is done."""

import contextlib
import hashlib
import posixpath
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from .. import media
from ..errors import ImfnError
from ..system.leftovers import temporary_folder
from ..system.remote import Stamp, download, found_in, is_remote, stamp_of, upload

T = TypeVar("T")


@dataclass(frozen=True)
class Elsewhere:
    """An input in another place: a file, or a folder of still images.

    name: its address.   files: their addresses.   stamp: of all of them.   root: the folder that was named.
    """

    name: str
    files: tuple[str, ...]
    stamp: Stamp
    root: str | None

    @property
    def below(self) -> str:
        """Its path below the folder that was named; its name alone where none was."""
        if self.root is None:
            return posixpath.basename(self.name)
        return self.name.removeprefix(self.root.rstrip("/") + "/")


def stamp_of_all(stamps: Sequence[Stamp]) -> Stamp:
    """One stamp for several files."""
    if len(stamps) == 1:
        return stamps[0]
    text = "\0".join(f"{stamp.size} {stamp.changed}" for stamp in stamps)
    return Stamp(sum(stamp.size for stamp in stamps), hashlib.sha256(text.encode()).hexdigest()[:16])


def stamp_of_source(source: "media.Source") -> Stamp | None:
    """Of a source on this machine; None where it is not there, or can be read only once."""
    paths = list(source.paths)
    if len(paths) == 1 and paths[0].is_dir():
        try:
            paths = sorted(paths[0].iterdir())
        except OSError:
            return None
    stamps = [stamp_of(str(path)) for path in paths]
    there = [stamp for stamp in stamps if stamp is not None]
    return stamp_of_all(there) if there and len(there) == len(stamps) else None


def sources_in(address: str) -> list[Elsewhere]:
    """The sequences at an address: a file, or those in a folder, by their names; as `media.expand_inputs`.

    Empty where there is nothing. Raises `InputError`.
    """
    found = found_in(address)
    if list(found) == [address]:
        return [Elsewhere(address, (address,), found[address], None)]
    folders: dict[str, list[str]] = {}
    for name in found:
        if not any(part.startswith(".") for part in name.removeprefix(address).split("/")):
            folders.setdefault(posixpath.dirname(name), []).append(name)
    sources: list[Elsewhere] = []
    for folder, names in folders.items():
        formats = ((name, media.format_of_name(Path(posixpath.basename(name)))) for name in names)
        holds = {name: one.holds for name, one in formats if one is not None}
        films = [name for name, what in holds.items() if what is not media.Holds.STILL]
        stills = [name for name, what in holds.items() if what is media.Holds.STILL]
        for name in sorted(films, key=media.natural_key):
            sources.append(Elsewhere(name, (name,), found[name], address))
        if stills and not films:
            stamps = [found[name] for name in stills]
            whole = stamp_of_all(stamps)
            root = posixpath.dirname(folder) if folder == address.rstrip("/") else address
            sources.append(Elsewhere(folder, tuple(stills), whole, root))
    return sources


def files_in(address: str, ending: str) -> list[Elsewhere]:
    """Files of an ending at an address, or below it. Raises `InputError`."""
    found = found_in(address)
    if list(found) == [address]:
        return [Elsewhere(address, (address,), found[address], None)]
    return [
        Elsewhere(name, (name,), stamp, address)
        for name, stamp in found.items()
        if name.endswith(ending)
        and not any(part.startswith(".") for part in name.removeprefix(address).split("/"))
    ]


@contextlib.contextmanager
def staged(files: Sequence[str], name: str, target: str) -> Iterator[tuple[Path | None, Path]]:
    """Where an input and its output are on this machine for the block; the output goes to its place after it.

    files: the input's addresses, none where it is here.   name: what the user calls it.   target: a path, or
    an address. What the block makes, if it does, is whole there, or not there. Messages name the places, not
    the copies.
    """
    if not files and not is_remote(target):
        yield None, Path(target)
        return
    with temporary_folder(Path(tempfile.gettempdir()), "imfn") as folder:
        source: Path | None = None
        if files:
            (folder / "in").mkdir()
            for file in files:
                download(file, folder / "in" / posixpath.basename(file))
            is_folder = len(files) > 1 or posixpath.basename(name) != posixpath.basename(files[0])
            source = folder / "in" if is_folder else folder / "in" / posixpath.basename(files[0])
        place = Path(target)
        if is_remote(target):
            (folder / "out").mkdir()
            place = folder / "out" / posixpath.basename(target)
        try:
            yield source, place
        except ImfnError as error:
            text = str(error).replace(str(place), target)
            raise type(error)(text if source is None else text.replace(str(source), name)) from error
        if is_remote(target) and place.exists():
            upload(place, target)
