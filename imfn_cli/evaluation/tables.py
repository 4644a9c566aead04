"""Tables of results: CSV files that are committed, so that progress is a diff."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..system.files import replacing, writing

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


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


def write_rows(path: Path, kind: "type[DataclassInstance]", rows: "Sequence[DataclassInstance]") -> None:
    """Write rows of one `kind`, a column for each of its fields, over what is there. Raises `OutputError`."""
    write_csv(path, [field.name for field in fields(kind)], [asdict(row) for row in rows])


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.4f}"
    return "; ".join(str(_text(item)) for item in value) if isinstance(value, list | tuple) else value
