"""Images that do not belong together, told apart by what they are and how they are named."""

import fnmatch
import re
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

from ...errors import InputError
from ..pixels import Traits

_NUMBERED = re.compile(r"(.*?)([0-9]+)\.[^.]*")
# Groups that are named in a line.
_NAMED = 3


def check_alike(paths: Sequence[Path], traits: Sequence[Traits], name: str) -> None:
    """Raise `InputError` unless all images have one size and one depth; it names the groups."""
    groups: dict[tuple[int, int, bool], list[Path]] = {}
    for path, one in zip(paths, traits, strict=True):
        groups.setdefault((*one.size, one.deep), []).append(path)
    if len(groups) < 2:
        return
    depths = len({deep for *_, deep in groups}) > 1
    largest = sorted(groups.items(), key=lambda item: -len(item[1]))
    told = []
    for (width, height, deep), members in largest[:_NAMED]:
        depth = (", 16 bits" if deep else ", 8 bits") if depths else ""
        told.append(f"{len(members)} of {width}x{height}{depth} ({members[0].name}{_more(members)})")
    more = f", {len(groups) - _NAMED} more kinds" if len(groups) > _NAMED else ""
    pattern = pattern_of(largest[0][1], paths)
    remedy = f"name one kind, such as '{pattern}'" if pattern else "put each kind into a folder of its own"
    raise InputError(f"{name}: its images are of several kinds: {'; '.join(told)}{more}; {remedy}")


def series_note(paths: Sequence[Path], name: str, *, folder: bool) -> list[str]:
    """A line about images that are numbered in several series, which become one film all the same.

    folder: whether they are all of a folder, which nobody has chosen. Raises `InputError`, with the groups,
    for those of a folder whose names say that they are several films: other words, and the same numbers.
    """
    series: dict[str, list[Path]] = {}
    numbers: dict[int, set[str]] = {}
    for path in paths:
        numbered = _NUMBERED.fullmatch(path.name)
        if numbered is None:
            return []
        series.setdefault(numbered[1], []).append(path)
        # Times of day count from 0 again too, after digits that went on.
        numbers.setdefault(int(numbered[2]), set()).add(re.sub(r"[0-9]+", "", numbered[1]))
    if len(series) < 2 or min(map(len, series.values())) < 2:
        return []
    if folder and any(len(words) > 1 for words in numbers.values()):
        told = [f"{len(members)} of {_named(members, paths)}" for members in list(series.values())[:_NAMED]]
        more = f", {len(series) - _NAMED} more" if len(series) > _NAMED else ""
        raise InputError(
            f"{name}: its images are {len(series)} numbered series: {'; '.join(told)}{more}; name one of "
            f"them, or '{paths[0].parent / '*'}' for one film of all, one after another"
        )
    first = next(iter(series.values()))
    pattern = pattern_of(first, paths)
    names = ", ".join(f"{prefix}…" for prefix in list(series)[:_NAMED])
    remedy = f"; '{pattern}' names one of them" if pattern else ""
    return [f"{len(series)} numbered series ({names}) read as one film, one after another{remedy}"]


def _named(members: Sequence[Path], paths: Sequence[Path]) -> str:
    """A pattern for these images; the first and the last of them where there is none."""
    pattern = pattern_of(members, paths)
    return f"'{pattern}'" if pattern else f"{members[0].name}{_more(members)}"


def pattern_of(members: Sequence[Path], all_of_them: Sequence[Path]) -> str | None:
    """A pattern that these images match and no others; None where their names do not tell."""
    endings = {path.suffix for path in members}
    ending = endings.pop() if len(endings) == 1 else ""
    # What the first and the last one have in common all do.
    stems = sorted(path.name.removesuffix(ending) for path in members)
    alike = takewhile(lambda pair: pair[0] == pair[1], zip(stems[0], stems[-1], strict=False))
    start = "".join(letter for letter, _ in alike)
    for name in (f"*{ending}", f"{start.rstrip('0123456789')}*{ending}", f"{start}*{ending}"):
        if sum(fnmatch.fnmatchcase(path.name, name) for path in all_of_them) == len(members):
            return str(members[0].parent / name)
    return None


def _more(members: Sequence[Path]) -> str:
    return f" … {members[-1].name}" if len(members) > 1 else ""
