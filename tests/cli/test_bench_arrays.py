"""`imfn bench arrays`: array latents beside other compressors."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.codec.exact.arrays import made
from tests.conftest import read_csv

from .conftest import Ran


def test_rows(cli: Callable[..., Ran], tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", made((6, 24, 32), np.dtype("<u2"), "smooth"))
    words = ("bench", "arrays", tmp_path / "x.npy", "--against", "ffv1", "--first", "4")
    ran = cli(*words, "--max-error", "0,1", "--results", tmp_path / "new", "--json")
    assert ran.code == 0
    rows = ran.json[0]["rows"]
    assert [(row["codec"], row["asked"]) for row in rows] == [
        ("imfn", "0"),
        ("ffv1", "0"),
        ("imfn", "1"),
        ("ffv1", "1"),
    ]
    assert rows[0]["shape"] == "4×24×32"
    assert [row["bytes"] for row in read_csv(tmp_path / "new" / "arrays.csv")] == [
        str(row["bytes"]) for row in rows
    ]


def test_wrong_words(cli: Callable[..., Ran], tmp_path: Path) -> None:
    ran = cli("bench", "arrays", tmp_path / "x.npy", "--max-error", "none", "--results", tmp_path)
    assert ran.code == 2
    assert "is no error" in ran.line
    ran = cli("bench", "arrays", tmp_path / "x.npy", "--against", "rar", "--results", tmp_path)
    assert ran.code == 1
    assert "'rar' is no compressor" in ran.line
