"""Reports and models as tables in a notebook: what IPython asks objects for (`_repr_html_`)."""

from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass
from html import escape
from typing import Any

# Entries of a list that are shown.
_MOST = 20


def to_html(report: Any) -> str:
    """A report (a data class) as an HTML table of its fields, nested reports as tables in it."""
    return table(type(report).__name__, _rows(report))


def table(caption: str, rows: Iterable[tuple[str, Any]]) -> str:
    """Names and values as an HTML table."""
    cells = "".join(
        f"<tr><th style='text-align:left'>{escape(name)}</th>"
        f"<td style='text-align:left'>{_cell(value)}</td></tr>"
        for name, value in rows
    )
    return f"<table><caption>{escape(caption)}</caption>{cells}</table>"


def _rows(report: Any) -> Iterator[tuple[str, Any]]:
    for field in fields(report):
        value = getattr(report, field.name)
        if value is not None and value not in ((), {}, ""):
            yield field.name.replace("_", " "), value


def _cell(value: Any) -> str:
    if is_dataclass(value):
        return to_html(value)
    if isinstance(value, dict):
        return ", ".join(f"{escape(str(name))}: {_cell(inner)}" for name, inner in value.items())
    if isinstance(value, tuple | list):
        shown = [_cell(inner) for inner in value[:_MOST]]
        more = f"<br>… {len(value) - _MOST} more" if len(value) > _MOST else ""
        return "<br>".join(shown) + more
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.6g}" if isinstance(value, float) else escape(str(value))
