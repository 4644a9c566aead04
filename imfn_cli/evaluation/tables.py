"""Tables of results: CSV files that are committed, so that progress is a diff."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..files import replacing, writing


def write_csv(
    path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, Any]], *, force: bool = True
) -> None:
    """Write the `columns` of `rows`: floats with four decimals, nothing for None.

    Raises `OutputError` where `path` exists (without `force`) or cannot be written.
    """
    with (
        replacing(path, force=force) as temporary,
        writing(path),
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_text(row[name]) for name in columns] for row in rows)


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.4f}"
    return "; ".join(str(_text(item)) for item in value) if isinstance(value, list | tuple) else value
