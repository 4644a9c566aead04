"""What the language study found, and its tables."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ...evaluation.tables import write_csv
from .long import LongRow
from .measure import LanguageRow, WithoutRow

_DIGITS = 5


@dataclass
class LanguageResults:
    """All results.

    language_model: one row: its text (source, SHA-256, bytes and modules), size, and held-out predictions
    from original states.   models: name, parameters, seconds of processor time and steps of each compressor.
    """

    language_model: dict[str, Any] = field(default_factory=dict)
    models: list[dict[str, Any]] = field(default_factory=list)
    rows: list[LanguageRow] = field(default_factory=list)
    without: list[WithoutRow] = field(default_factory=list)
    long: list[LongRow] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """The results as JSON values."""
        return {
            "language_model": self.language_model,
            "models": self.models,
            "rows": [asdict(row) for row in self.rows],
            "without": [asdict(row) for row in self.without],
            "long": [asdict(row) for row in self.long],
        }


def write_language(folder: Path, results: LanguageResults) -> None:
    """One table each; what changes from run to run (times, steps) in tables of its own.

    Raises `OutputError` where `folder` cannot be written.
    """

    def table(name: str, rows: Sequence[Mapping[str, Any]], *left_out: str) -> None:
        columns = [column for column in rows[0] if column not in left_out]
        write_csv(folder / f"{name}.csv", columns, [_rounded(row) for row in rows])

    long = [asdict(row) for row in results.long]
    spent = ("merge_seconds", "split_seconds")
    table("language", [asdict(row) for row in results.rows])
    table("language-without", [asdict(row) for row in results.without])
    table("language-model", [results.language_model])
    table("language-models", results.models, "seconds", "steps")
    table("language-times", results.models, "parameters", "memory")
    table("language-long", long, *spent)
    table("language-long-times", long, "memories", "mse", "perplexity", "accuracy")


def _rounded(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: f"{value:.{_DIGITS}f}" if isinstance(value, float) else value for name, value in row.items()
    }
