"""Types × shapes × byte orders: every bit comes back, or every sample within its error."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import imfn_cli as imfn

from .arrays import DTYPES, KINDS, dtypes, kinds, made, shapes


def round_trip(array: np.ndarray, **how: Any) -> tuple[imfn.CompressReport, np.ndarray]:
    """What compressing says, and what comes back through the file."""
    with TemporaryDirectory() as folder:
        latent = Path(folder) / "x.safetensors"
        report = imfn.compress(array, latent, **how)
        restored = imfn.decompress(latent)
        return report, np.load(restored.output)


def assert_within(array: np.ndarray, restored: np.ndarray, max_error: float) -> None:
    """Same shape and type; finite samples within the error, others bit by bit."""
    assert (restored.shape, restored.dtype.str) == (array.shape, array.dtype.str)
    finite = np.isfinite(array)
    with np.errstate(over="ignore"):
        difference = array[finite].astype(np.longdouble) - restored[finite].astype(np.longdouble)
    assert not difference.size or np.abs(difference).max() <= max_error
    assert array[~finite].tobytes() == restored[~finite].tobytes()


@settings(max_examples=60, deadline=None)
@given(shape=shapes, dtype=dtypes, kind=kinds, seed=st.integers(0, 3))
@example(shape=(70, 40, 40), dtype=np.dtype(">u2"), kind="noise", seed=0)
@example(shape=(9, 24, 30, 5), dtype=np.dtype("<f4"), kind="gaps", seed=0)
def test_lossless(shape: tuple[int, ...], dtype: np.dtype[Any], kind: str, seed: int) -> None:
    array = made(shape, dtype, kind, seed)
    report, restored = round_trip(array, lossless=True)
    assert (restored.shape, restored.dtype.str) == (array.shape, array.dtype.str)
    assert restored.tobytes() == array.tobytes()
    assert report.bytes <= 1.01 * array.nbytes + 4000


@settings(max_examples=60, deadline=None)
@given(
    shape=shapes,
    dtype=dtypes,
    kind=kinds,
    max_error=st.sampled_from([1e-6, 0.3, 1, 2.5, 40, "1%", "10%"]),
)
@example(shape=(70, 40, 40), dtype=np.dtype(">u2"), kind="noise", max_error=3)
@example(shape=(9, 24, 30, 5), dtype=np.dtype("<f4"), kind="gaps", max_error="1%")
def test_within_an_error(
    shape: tuple[int, ...], dtype: np.dtype[Any], kind: str, max_error: float | str
) -> None:
    array = made(shape, dtype, kind)
    report, restored = round_trip(array, max_error=max_error)
    if not isinstance(max_error, str):
        wanted = float(max_error)
    else:
        finite = array[np.isfinite(array)].astype(np.float64)
        width = float(finite.max() - finite.min()) if finite.size else 0.0
        wanted = float(max_error.removesuffix("%")) / 100 * width
    assert isinstance(report, imfn.ArrayReport)
    assert report.max_error is not None
    assert report.max_error <= wanted
    assert_within(array, restored, report.max_error)
    assert report.bytes <= 1.01 * array.nbytes + 4000


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_type(dtype: str, kind: str) -> None:
    """One shape with neither side a power of two, in which weights are fitted."""
    array = made((11, 23, 17), np.dtype(dtype), kind)
    report, restored = round_trip(array, lossless=True)
    assert restored.tobytes() == array.tobytes()
    if kind == "constant":
        assert report.bytes < 3000


def test_an_error_makes_it_smaller() -> None:
    array = made((60, 40, 40), np.dtype("<u2"), "smooth")
    sizes = [round_trip(array, max_error=error)[0].bytes for error in (0, 1, 5, 20)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] < sizes[0] / 3


def test_better_than_zlib_on_a_still_scene() -> None:
    """A fixed camera with noise: prediction in time has to pay."""
    rng = np.random.default_rng(5)
    scene = rng.integers(100, 4000, (1, 48, 48))
    array = (scene + rng.normal(0, 3, (64, 48, 48))).astype("<u2")
    report, _ = round_trip(array, lossless=True)
    # The noise has log2(3 · sqrt(2πe)) = 3.63 bits a sample, the scene 12 / 64.
    assert isinstance(report, imfn.ArrayReport)
    assert report.bits_per_sample < 4.45


def test_without_a_guarantee() -> None:
    """Types that no model fits are coded as the quality says."""
    array = made((20, 30, 30), np.dtype("<f4"), "smooth")
    coarse, _ = round_trip(array, quality=30)
    fine, restored = round_trip(array, quality=90)
    assert isinstance(coarse, imfn.ArrayReport)
    assert isinstance(fine, imfn.ArrayReport)
    assert coarse.bytes < fine.bytes
    assert coarse.max_error is not None
    assert fine.max_error is not None
    assert coarse.max_error > fine.max_error > 0
    assert_within(array, restored, fine.max_error)


def test_the_same_bytes_again(tmp_path: Path) -> None:
    array = made((20, 30, 30), np.dtype("<u2"), "noise")
    for name in ("a", "b"):
        imfn.compress(array, tmp_path / f"{name}.safetensors", lossless=True)
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


@pytest.mark.parametrize("dtype", ["|u1", "<u2", ">i4", "<f2", "<f4", ">f8", "<u8"])
def test_random_bits_are_hardly_larger(dtype: str) -> None:
    """Of floats they are NaN, infinities and all exponents. So many that 4 kB are below 2%."""
    kind = np.dtype(dtype)
    bits = np.random.default_rng(2).integers(0, 256, (12, 144, 144 * kind.itemsize), np.uint8)
    array = bits.view(kind)
    report, restored = round_trip(array, lossless=True)
    assert restored.tobytes() == array.tobytes()
    assert report.bytes <= 1.01 * array.nbytes + 4000


@pytest.mark.parametrize("dtype", ["|b1", "|u1", "<u2", ">i4", "<f2", "<f4", ">f8", "<u8"])
def test_constants_take_next_to_nothing(dtype: str) -> None:
    array = np.full((64, 100, 100), 1 if dtype == "|b1" else 42.5).astype(dtype)
    report, restored = round_trip(array, lossless=True)
    assert restored.tobytes() == array.tobytes()
    assert report.bytes < 4000
