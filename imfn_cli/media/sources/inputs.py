"""From what the user names to sources: files, directories of images, directories of videos, patterns."""

import glob
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ...system.pipes import is_standard
from ..arrays.open_array import ALWAYS, is_zarr, split_name
from .formats import format_of_name

_GLOB_MAGIC = re.compile(r"[*?[]")


@dataclass(frozen=True)
class Source:
    """What will be read as one sequence: a file, a directory of still images, or a list of still images."""

    paths: tuple[Path, ...]
    """The file or the directory; the images, in order, when the user listed them; none: standard input."""

    name: str
    """How to name the source to the user."""

    kind: str
    """A guess by name: "video", "images", "animation", "array", "idx", "stdin", "missing" or "unknown"."""

    root: Path | None = field(default=None, compare=False)
    """The directory that the user named, where the source was found in it."""

    notes: tuple[str, ...] = field(default=(), compare=False)
    """What was left out on the way to this source; one line each."""

    @property
    def rereadable(self) -> bool:
        """Whether it can be read more than once, as pipes cannot. What is missing counts as such."""
        return self.kind != "stdin" and all(
            path.is_file() or path.is_dir() or not path.exists() for path in self.paths
        )

    def default_output(self, ending: str) -> Path:
        """Where the result goes by default: beside the source, with `ending` (".npy").

        clip.mp4 → clip.npy; frames/ → frames.npy beside it; frames/*.png → frames.npy beside frames/;
        standard input → stdin.npy in the current directory.
        """
        if not self.paths:
            return Path(f"stdin{ending}")
        first = self.paths[0]
        if len(self.paths) > 1 or first.is_dir():
            folder = first.parent if len(self.paths) > 1 else first
            # "." and ".." have no name of their own.
            folder = folder if folder.name not in ("", "..") else folder.resolve()
            return folder.parent / f"{folder.name or 'frames'}{ending}"
        name = first.name.removesuffix(".gz")
        stem = name if name.startswith(".") and name.count(".") == 1 else Path(name).stem
        return first.with_name(f"{stem}{ending}")


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """A sort key that counts: img2 before img10."""
    parts = re.split(r"([0-9]+)", name)
    # Digits and text alternate, so equal positions hold equal types; the text breaks ties (img1, img01).
    return [(0, int(part), part) if part.isdecimal() else (1, 0, part) for part in parts]


def expand_inputs(args: Sequence[str]) -> list[Source]:
    """The sources that the arguments of a command name, in order.

    A file is one source. A directory is one source when all it holds is still images; otherwise each video,
    animation, array or image stack in it is one (still images beside them are left out), and its
    sub-directories follow. Patterns that the shell did not expand are expanded. Still images named in a row,
    from one directory, are one sequence in natural order. What does not exist becomes a source as well:
    opening it raises the error, so that the others are processed.
    """
    return list(_grouped(_matching(args)))


def _matching(args: Iterable[str]) -> Iterator[str]:
    """The arguments, with patterns replaced by what they match; a pattern that matches nothing stays."""
    for arg in args:
        if _GLOB_MAGIC.search(arg) and not os.path.lexists(arg):
            # Path.glob cannot take an absolute pattern, nor one that starts with "..".
            found = glob.glob(arg, recursive=True)  # noqa: PTH207
            yield from sorted(found, key=natural_key) or [arg]
        else:
            yield arg


def _grouped(names: Iterable[str]) -> Iterator[Source]:
    """The sources of files and directories, still images in a row as one."""
    stills: list[Path] = []
    for name in names:
        if is_standard(name):
            yield Source((), "stdin", "stdin")
            continue
        path = Path(name)
        inside, member = split_name(name)
        if inside.exists() and (member is not None or is_zarr(inside) or inside.suffix.lower() in ALWAYS):
            yield Source((inside,), name, "array")
            continue
        is_still = path.is_file() and _is_still(path)
        if stills and not (is_still and path.parent == stills[0].parent):
            yield _still_source(stills)
            stills = []
        if is_still:
            stills.append(path)
        elif path.is_dir():
            found = _in_directory(path) or [Source((path,), name, "unknown")]
            yield from (replace(source, root=path) for source in found)
        else:
            yield Source((path,), name, _guess(path) if path.exists() else "missing")
    if stills:
        yield _still_source(stills)


def _still_source(paths: list[Path]) -> Source:
    """One source of still images, at least one, all of one directory."""
    if len(paths) == 1:
        return Source((paths[0],), str(paths[0]), "images")
    ordered = tuple(sorted(paths, key=lambda path: natural_key(path.name)))
    endings = {path.suffix for path in ordered}
    pattern = f"*{endings.pop()}" if len(endings) == 1 else "*"
    return Source(ordered, f"{ordered[0].parent / pattern} ({len(ordered)} images)", "images")


def _in_directory(directory: Path, above: frozenset[Path] = frozenset()) -> list[Source]:
    """The sources in a directory and its sub-directories; one that cannot be read is a source itself.

    above: the directories on the way here, as they are: links may lead in circles.
    """
    try:
        here = directory.resolve(strict=True)
        entries = _entries(directory)
    except OSError:
        return [Source((directory,), str(directory), "unknown")]
    files = [entry for entry in entries if entry.is_file()]
    sources = [Source((file,), str(file), _guess(file)) for file in files if _is_sequence(file)]
    stills = sum(_is_still(file) for file in files)
    if sources and stills:
        note = f"{stills} images beside it in {directory} left out; name {directory}/*.png for them"
        sources[0] = replace(sources[0], notes=(note,))
    elif stills:
        sources = [Source((directory,), str(directory), "images")]
    for entry in entries:
        if entry.is_dir() and entry.resolve() not in above | {here}:
            sources.extend(_in_directory(entry, above | {here}))
    return sources


def still_images(directory: Path) -> list[Path]:
    """The still images directly in `directory`, in natural order. Raises `OSError`."""
    return [entry for entry in _entries(directory) if entry.is_file() and _is_still(entry)]


def _entries(directory: Path) -> list[Path]:
    """What is in a directory, hidden entries excepted, in natural order. Raises `OSError`."""
    visible = (entry for entry in directory.iterdir() if not entry.name.startswith("."))
    return sorted(visible, key=lambda entry: natural_key(entry.name))


def _is_sequence(path: Path) -> bool:
    known = format_of_name(path)
    return known is not None and known.is_sequence(path)


def _is_still(path: Path) -> bool:
    known = format_of_name(path)
    return known is not None and not known.is_sequence(path)


def _guess(path: Path) -> str:
    """`Source.kind` of a file."""
    known = format_of_name(path)
    return known.kind if known is not None else "unknown"
