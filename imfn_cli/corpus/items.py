"""Inputs, here or elsewhere: what they are called, what they were, and where their results go by default."""

import posixpath
from dataclasses import dataclass
from pathlib import Path

from .. import media
from ..media.elsewhere import Elsewhere, sources_in, stamp_of_source
from ..system.remote import Stamp, is_remote, joined, without_file_scheme


@dataclass(frozen=True)
class Item:
    """One input.

    source: where it is on this machine.   elsewhere: where it is not.   stamp: as it was when it was found.
    """

    source: "media.Source | None"
    elsewhere: Elsewhere | None
    stamp: Stamp | None

    @property
    def name(self) -> str:
        """What the user calls it."""
        return self.source.name if self.source is not None else self._there.name

    @property
    def place(self) -> "media.Source | Elsewhere":
        """Where it is."""
        return self.source if self.source is not None else self._there

    @property
    def files(self) -> tuple[str, ...]:
        """Addresses of its files; none where it is here."""
        return () if self.elsewhere is None else self.elsewhere.files

    @property
    def root(self) -> Path | str | None:
        """The folder that the user named, where it was found in it."""
        return self.source.root if self.source is not None else self._there.root

    @property
    def key(self) -> Path | str:
        """What tells it from other inputs."""
        if self.source is None:
            return self.name
        return self.source.paths[0] if self.source.paths else Path("stdin")

    def output(self, ending: str, folder: Path | str | None) -> Path | str:
        """Where its result goes: in `folder`, as it lies below the folder that was named; else beside it."""
        if self.source is not None:
            beside = self.source.default_output(ending)
            if folder is None:
                return beside
            root = self.source.root
            below = Path(beside.name)
            if root is not None and beside.is_relative_to(root):
                below = beside.relative_to(root)
            return joined(folder, below.as_posix()) if isinstance(folder, str) else folder / below
        if folder is None:
            return f"{posixpath.splitext(self.name)[0]}{ending}"
        below_root = posixpath.splitext(self._there.below)[0] + ending
        return joined(folder, below_root) if isinstance(folder, str) else folder / below_root

    @property
    def _there(self) -> Elsewhere:
        assert self.elsewhere is not None
        return self.elsewhere


def expanded(names: list[str]) -> list[Item]:
    """The inputs that the arguments of a command name, in order; as `media.expand_inputs`.

    What is elsewhere and not there is an input as well: whoever opens it says so. Raises `InputError` where
    nobody can say what is there.
    """
    items: list[Item] = []
    here: list[str] = []

    def take_here() -> None:
        for source in media.expand_inputs(here) if here else ():
            items.append(Item(source, None, stamp_of_source(source)))
        here.clear()

    for name in map(without_file_scheme, names):
        if not is_remote(name):
            here.append(name)
            continue
        take_here()
        found = sources_in(name) or [Elsewhere(name, (name,), Stamp(0, ""), None)]
        items += [Item(None, one, one.stamp) for one in found]
    take_here()
    return items
