"""The CSV files."""

from pathlib import Path

import pytest

from imfn_cli.errors import OutputError
from imfn_cli.evaluation.tables import write_csv


def test_every_kind_of_value(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    row = {"a": 1, "b": 0.123456, "c": None, "d": True, "e": ("x", "y, z"), "f": (1.5, 2.25), "g": "left out"}
    write_csv(path, ("f", "a", "b", "c", "d", "e"), [row])
    assert path.read_text() == 'f,a,b,c,d,e\n1.5000; 2.2500,1,0.1235,,true,"x; y, z"\n'
    with pytest.raises(OutputError, match="exists already"):
        write_csv(path, ("a",), [row], force=False)
    write_csv(path, ("a",), [])
    assert path.read_text() == "a\n"
