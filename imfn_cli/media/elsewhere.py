"""Inputs and outputs in other places: copied to this machine for the work, and back when it is done."""

import contextlib
import hashlib
import posixpath
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from .. import media
from ..errors import ImfnError, InputError
from ..system.leftovers import temporary_folder
from ..system.remote import Stamp, download, found_in, is_remote, stamp_of, upload

if TYPE_CHECKING:
    from .sources.inputs import Source


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


def stamp_of_source(source: "Source") -> Stamp | None:
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
    """The sequences at an address: a file, or those in a folder, by their names; as `expand_inputs`.

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
    with contextlib.ExitStack() as stack:
        source = stack.enter_context(copied(files, name)) if files else None
        if not is_remote(target):
            yield source, Path(target)
            return
        folder = stack.enter_context(temporary_folder(Path(tempfile.gettempdir()), "imfn"))
        place = folder / posixpath.basename(target)
        with naming(place, target):
            yield source, place
        if place.exists():
            upload(place, target)


@contextlib.contextmanager
def copied(files: Sequence[str], name: str) -> Iterator[Path]:
    """A copy of an input on this machine for the block, a file or a folder; messages name the input.

    files: its addresses.   name: what the user calls it. Raises `InputError`.
    """
    with temporary_folder(Path(tempfile.gettempdir()), "imfn") as hidden:
        folder = hidden / "in"
        folder.mkdir()
        for file in files:
            download(file, folder / posixpath.basename(file))
        is_folder = len(files) > 1 or posixpath.basename(name) != posixpath.basename(files[0])
        copy = folder if is_folder else folder / posixpath.basename(files[0])
        with naming(copy, name):
            yield copy


@contextlib.contextmanager
def naming(copy: Path, name: str) -> Iterator[None]:
    """Errors of the block say `name`, not the path of its copy."""
    try:
        yield
    except ImfnError as error:
        text = str(error)
        if str(copy) not in text:
            raise
        raise type(error)(text.replace(str(copy), name)) from error


def source_in(copy: Path, name: str) -> "Source":
    """The sequence in a copy.   name: what the user calls it. Raises `InputError` where it holds several."""
    found = media.expand_inputs([str(copy)])
    if len(found) != 1:
        raise InputError(f"{name}: holds {len(found)} sequences; name one")
    return found[0]


@contextlib.contextmanager
def reachable(source: "Source | Elsewhere") -> Iterator["Source | Elsewhere"]:
    """A source that other processes see too, for the block: what is in this one's memory is copied."""
    if not isinstance(source, Elsewhere) or not source.name.startswith("memory://"):
        yield source
        return
    with contextlib.ExitStack() as stack:
        reached: Source | Elsewhere = source
        # Of what is not there whoever opens it says so.
        with contextlib.suppress(InputError):
            copy = stack.enter_context(copied(source.files, source.name))
            reached = replace(source_in(copy, source.name), name=source.name)
        yield reached
