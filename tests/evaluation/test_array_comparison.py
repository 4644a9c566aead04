"""Compressors of arrays: each keeps to its error, and rows say what it took."""

from pathlib import Path

import numpy as np
import pytest

from imfn_cli.errors import ImfnError, InputError
from imfn_cli.evaluation.array_comparison import array_rows, missing_peers
from imfn_cli.evaluation.array_peers import ARRAY_PEERS

from ..codec.exact.arrays import made

INSTALLED = [name for name in ARRAY_PEERS if not missing_peers([name])]


def saved(folder: Path, dtype: str, kind: str = "smooth") -> str:
    np.save(folder / "x.npy", made((6, 24, 32), np.dtype(dtype), kind))
    return str(folder / "x.npy")


@pytest.mark.parametrize("dtype", ["<u2", "u1", "<f4"])
def test_each_keeps_to_its_error(dtype: str, tmp_path: Path) -> None:
    """FFV1 at least is always here; a codec that is off raises."""
    rows = array_rows(saved(tmp_path, dtype), ["0", "2", "5%"], INSTALLED)
    assert {row.codec for row in rows} >= ({"imfn", "ffv1"} if dtype != "<f4" else {"imfn"})
    for row in rows:
        assert (row.worst == 0) if row.asked == "0" else row.worst <= row.max_error * 1.001
        assert row.bits_per_sample == 8 * row.bytes / (6 * 24 * 32)
    ours = [row.bytes for row in rows if row.codec == "imfn"]
    assert ours[0] > ours[1] >= ours[2]


def test_colours(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", made((4, 24, 32, 3), np.dtype("u1"), "smooth"))
    rows = array_rows(str(tmp_path / "x.npy"), ["0", "2"], INSTALLED, frames=3)
    assert {row.codec for row in rows} >= {"imfn", "ffv1"}


def test_what_it_refuses(tmp_path: Path) -> None:
    with pytest.raises(ImfnError, match=r"'rar' is no compressor of arrays; name one of zstd, zfp"):
        missing_peers(["rar"])
    with pytest.raises(InputError, match="no numbers"):
        array_rows(saved(tmp_path, "<f4", "gaps"), ["0"], [])
