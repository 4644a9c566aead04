"""Compares a printed JSON line with a table of docs/json.md."""

import re
from collections.abc import Sequence
from typing import Any

from .markdown import ROOT, table

JSON = ROOT / "docs" / "json.md"
_PLAIN: dict[str, Any] = {
    "string": str,
    "integer": int,
    "integer or string": (int, str),
    "number": (int, float),
    "boolean": bool,
    "object": dict,
    "map": dict,
}


def differences(values: dict[str, Any], heading: str) -> list[str]:
    """Where a printed line and the table under a heading of docs/json.md disagree: nothing, if they agree."""
    rows = {row[0].strip("`"): row[1] for row in table(JSON, heading).rows}
    kinds = {name.removesuffix("?"): kind for name, kind in rows.items()}
    needed = {name for name in rows if not name.endswith("?")}
    return list(_compare(values, "", kinds, needed))


def undocumented(words: Sequence[str], lines: Sequence[dict[str, Any]]) -> list[str]:
    """Where the lines that a command printed with --json and docs/json.md disagree."""
    return [one for line in lines for one in differences(line, heading(words, line))]


def heading(words: Sequence[str], line: dict[str, Any]) -> str:
    """The heading in docs/json.md of what a command printed."""
    if set(line) == {"source", "error"}:
        return "Errors"
    if set(line) == {"source", "output", "skipped"}:
        return "Skipped"
    if words[0] == "compress" and "dtype" in line:
        return "imfn compress ARRAY"
    if words[0] == "info" and "groups" in line:
        return "imfn info ARRAY"
    if words[0] == "info":
        return f"imfn info {'LATENT' if 'header' in line else 'MEMORY' if 'memory' in line else 'MODEL'}"
    if words[0] == "stream" and "half_life" in line:
        return "imfn stream --forget"
    if tuple(words[:2]) == ("bench", "codecs"):
        return "imfn eval"
    grouped = words[0] == "bench" or tuple(words[:2]) in {("models", "add"), ("models", "remove")}
    return " ".join(("imfn", *words[: 2 if grouped else 1]))


def _compare(values: dict[str, Any], prefix: str, kinds: dict[str, str], needed: set[str]) -> list[str]:
    known = {name[len(prefix) :] for name in kinds if re.fullmatch(re.escape(prefix) + r"[^.\[]+", name)}
    found = [f"{prefix}{name} is printed, not documented" for name in values.keys() - known]
    for name in known:
        path = prefix + name
        if name not in values:
            found += [f"{path} is documented, not printed"] if path in needed else []
            continue
        value, kind = values[name], kinds[path]
        if not fits(value, kind):
            found.append(f"{path} is {value!r:.80}, not {kind}")
        elif kind == "object":
            found += _compare(value, f"{path}.", kinds, needed)
        elif kind == "list of objects":
            for one in value:
                found += _compare(one, f"{path}[].", kinds, needed)
    return found


def fits(value: Any, kind: str) -> bool:
    """Whether a value is of a kind, as docs/json.md writes it."""
    if kind.startswith("list of "):
        return isinstance(value, list) and all(fits(one, _single(kind[8:])) for one in value)
    if kind.startswith("map of "):
        return isinstance(value, dict) and all(fits(one, _single(kind[7:])) for one in value.values())
    if kind.endswith(" or null"):
        return value is None or fits(value, kind.removesuffix(" or null"))
    if kind.startswith("pair of "):
        return len(value) == 2 and fits(list(value), "list of " + kind[8:])
    return isinstance(value, _PLAIN[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _single(kind: str) -> str:
    """'pairs of integers' → 'pair of integers', 'strings or null' → 'string or null'."""
    return re.sub(r"^(\w+)s\b", r"\1", kind)
