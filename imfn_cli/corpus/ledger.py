"""What a batch knows of its outputs by the manifest: what is done, what is begun, what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import ImfnError
from ..system.remote import Stamp, is_remote, joined
from .manifest import Manifest, manifest_in, settings_hash


@dataclass
class Ledger:
    """The manifest of a batch, and by the number of an input what it says of that.

    folder: of the outputs, whose paths below it are their names in the manifest.
    """

    manifest: Manifest
    folder: str
    inputs: dict[int, tuple[str, str, Stamp]] = field(default_factory=dict)
    """Number → name of the output, of the input, and the input as it was before the work."""

    @classmethod
    def of(cls, place: str | None, folder: str | None, settings: Mapping[str, Any]) -> "Ledger | None":
        """The ledger of the outputs in a folder; at another `place` if one is named; None without both."""
        if place is None and folder is None:
            return None
        hashed = settings_hash(settings)
        manifest = Manifest(place, hashed) if place is not None else manifest_in(str(folder), hashed)
        return cls(manifest, str(folder or ""))

    def name_of(self, target: str) -> str:
        """What an output is called in the manifest."""
        if is_remote(target):
            root = self.folder.rstrip("/") + "/"
            return target.removeprefix(root)
        path, folder = Path(target).absolute(), Path(self.manifest.folder).absolute()
        if not is_remote(self.manifest.place) and path.is_relative_to(folder):
            return path.relative_to(folder).as_posix()
        return str(path)

    def done_from(self, name: str, source: Stamp) -> Path | str | None:
        """The output of an input that is done already, by the input's name; nobody has to open it."""
        target = self.manifest.done_from(name, source)
        return None if target is None else self.place_of(target)

    def place_of(self, target: str) -> Path | str:
        """Where an output is, by its name in the manifest."""
        if is_remote(target):
            return target
        if is_remote(self.folder) or is_remote(self.manifest.place):
            return joined(self.folder, target)
        return Path(self.manifest.folder) / target

    def begin(self, numbers: Sequence[int]) -> None:
        """Note the outputs of these inputs as begun."""
        self.manifest.begin(self.inputs[number] for number in numbers if number in self.inputs)

    def came(self, number: int, outcome: Any, values: Mapping[str, Any]) -> None:
        """Note what came of an input.   values: what its line says beside."""
        if number not in self.inputs:
            return
        if isinstance(outcome, Exception):
            text = str(outcome) if isinstance(outcome, ImfnError) else f"{type(outcome).__name__}: {outcome}"
            self.manifest.failed(*self.inputs[number], " ".join(text.split()))
        else:
            self.manifest.done(*self.inputs[number], values)
