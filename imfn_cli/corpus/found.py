"""Latents that a command is given: files, those in folders, and those at addresses."""

from pathlib import Path
from typing import NamedTuple

from .. import bitstream, codec
from ..media.elsewhere import files_in
from ..system.pipes import is_standard
from ..system.remote import Stamp, is_remote, joined, stamp_of, without_file_scheme

# What a folder is searched for.
_RESTORED = ("latent", "growing latent", "fading memory", "array latent")


class Found(NamedTuple):
    """A latent.   root: the folder that the user named, where it was found in it.   stamp: as it is now."""

    name: str
    root: str | None
    stamp: Stamp | None

    def in_folder(self, folder: Path | str, name: str) -> Path | str:
        """Something called `name` in a folder, as the latent lies below its own."""
        below = Path(name)
        if self.root is not None and is_remote(self.name):
            below = Path(self.name.removeprefix(self.root.rstrip("/") + "/")).parent / name
        elif self.root is not None:
            below = Path(self.name).relative_to(self.root).parent / name
        return joined(folder, below.as_posix()) if isinstance(folder, str) else folder / below


def latents_in(names: list[str]) -> list[Found]:
    """The latents that are named, and those in folders that are named. Raises `InputError`."""
    found = []
    for name in map(without_file_scheme, names):
        if is_remote(name):
            there = files_in(name, codec.LATENT_ENDING)
            found += [Found(one.name, one.root, one.stamp) for one in there] or [Found(name, None, None)]
            continue
        if is_standard(name) or not Path(name).is_dir():
            found.append(Found(name, None, None if is_standard(name) else stamp_of(name)))
            continue
        for path in sorted(Path(name).rglob(f"*{codec.LATENT_ENDING}")):
            hidden = any(part.startswith(".") for part in path.relative_to(name).parts)
            if not hidden and bitstream.kind_of(path) in _RESTORED:
                found.append(Found(str(path), name, stamp_of(str(path))))
    return found
