"""Compressors of arrays: each keeps to its error, and rows say what it took."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from imfn_cli.errors import ImfnError, InputError
from imfn_cli.evaluation.array_comparison import array_rows, missing_peers
from imfn_cli.evaluation.array_peers import ARRAY_PEERS
from imfn_cli.evaluation.array_psnr import search

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


def test_the_search_meets_its_target() -> None:
    """Whatever the curve's shape: at the coarsest setting that does, or nowhere."""
    curves: list[Callable[[float], float]] = [
        lambda at: 100 - at,
        lambda at: 100 - at * at / 100,
        lambda at: 90 - 9 * math.sqrt(at),
    ]

    for curve in curves:

        def attempt(at: float, curve: Callable[[float], float] = curve) -> tuple[float, float]:
            return curve(at), at

        found = search(0.0, 100.0, 40.0, attempt)
        assert found is not None
        assert 40 <= curve(found) < 41
    assert search(0.0, 100.0, 40.0, lambda at: (30 - at, at)) is None
    assert search(0.0, 10.0, 40.0, lambda at: (100 - at, at)) == 10.0


def test_at_a_psnr(tmp_path: Path) -> None:
    rows = array_rows(saved(tmp_path, "<u2"), [], INSTALLED, psnrs=[35])
    assert {row.codec for row in rows} >= {"imfn", "ffv1"}
    for row in rows:
        assert row.asked == "35 dB"
        assert row.psnr is not None
        assert row.psnr >= 35
        assert row.max_error == row.worst > 0


@pytest.mark.parametrize("shape", [(4, 66, 70), (4, 30, 41), (3, 5, 90), (3, 12, 10, 3)])
def test_x265_of_12_bits(shape: tuple[int, ...], tmp_path: Path) -> None:
    """Also where a side has fewer than 64 pixels, which it is given more of."""
    np.save(tmp_path / "x.npy", made(shape, np.dtype("<u2"), "smooth") * 30)
    rows = array_rows(str(tmp_path / "x.npy"), ["0"], ["x265"], psnrs=[40])
    assert [(row.codec, row.psnr is None) for row in rows] == [
        ("imfn", True),
        ("x265", True),
        ("imfn", False),
        ("x265", False),
    ]
