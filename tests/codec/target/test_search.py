"""Targets, and the search for their quality on curves that are known."""

import math
from collections.abc import Callable

import pytest

from imfn_cli.codec.target.search import MOST_PASSES, Search
from imfn_cli.codec.target.target import Target, parse_size

Curve = Callable[[float], float]


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("2MB", 2_000_000),
        ("2mb", 2_000_000),
        ("2M", 2_000_000),
        ("1.5 GiB", 3 << 29),
        ("500kB", 500_000),
        ("500KiB", 512_000),
        (".5k", 500),
        ("300", 300),
        ("300B", 300),
        ("300 bytes", 300),
        (" 1T ", 10**12),
    ],
)
def test_sizes_as_people_type_them(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "MB", "2 MBit", "-2MB", "2,5MB", "1e6", "2MM", "٣MB", "2iB"])
def test_other_texts_are_no_sizes(text: str) -> None:
    with pytest.raises(ValueError, match="no size; write 500kB, 2MB or"):
        parse_size(text)


@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf])
def test_a_target_is_above_zero(value: float) -> None:
    with pytest.raises(ValueError, match="name a number above 0"):
        Target("size", value)


def bytes_at(quality: float) -> float:
    """Bytes as those of real clips: steeper at low qualities."""
    return round(3000 + 20_000 * math.exp(0.085 * quality - 0.00025 * quality**2))


def psnr_at(quality: float) -> float:
    """Decibels that saturate."""
    return 40 - 20 * math.exp(-quality / 40)


def passes(target: Target, curve: Curve, guess: float = 50) -> tuple[Search, int]:
    """The search at its end, and after how many passes."""
    search, count = Search(target, guess), 0
    while (quality := search.next()) is not None:
        search.add(quality, curve(quality))
        count += 1
    return search, count


@pytest.mark.parametrize("wanted", [30_000, 60_000, 200_000, 1_000_000, 5_000_000])
@pytest.mark.parametrize("of", ["size", "kbps"])
def test_a_size_takes_few_passes(of: str, wanted: int) -> None:
    search, count = passes(Target(of, wanted), bytes_at)  # type: ignore[arg-type]
    reached = search.reached(search.best)
    assert 0.98 * wanted <= reached <= wanted * (1 if of == "size" else 1.02)
    assert count <= 5


@pytest.mark.parametrize("wanted", [21, 25, 30, 34, 36.5, 38])
def test_a_psnr_takes_few_passes(wanted: float) -> None:
    search, count = passes(Target("psnr", wanted), psnr_at)
    assert search.reached(search.best) == pytest.approx(wanted, abs=0.1)
    assert count <= 5


@pytest.mark.parametrize(
    ("target", "curve", "best", "keeps"),
    [
        (Target("psnr", 50), psnr_at, 100, False),
        (Target("psnr", 10), psnr_at, 0, True),
        (Target("size", 1e9), bytes_at, 100, True),
        (Target("size", 10_000), bytes_at, 0, False),
        (Target("kbps", 10_000), bytes_at, 0, False),
    ],
)
def test_out_of_reach_ends_at_the_end(target: Target, curve: Curve, best: float, keeps: bool) -> None:
    search, count = passes(target, curve)
    assert search.best == best
    assert target.keeps(search.reached(search.best)) == keeps
    assert count <= 3


def test_steps_that_are_too_coarse_end_between_two_tenths_at_the_better_side() -> None:
    search, count = passes(Target("size", 150_000), lambda quality: 100_000 if quality < 37.3 else 200_000)
    assert (search.best, search.reached(search.best)) == (37.2, 100_000) or count == MOST_PASSES
    assert search.reached(search.best) == 100_000


def test_chance_in_the_curve_does_not_lead_astray() -> None:
    """A curve that falls between two tenths here and there."""
    search, count = passes(
        Target("psnr", 30), lambda quality: psnr_at(quality) + 0.08 * math.sin(70 * quality)
    )
    assert search.reached(search.best) == pytest.approx(30, abs=0.1)
    assert count <= 6


def test_a_known_slope_takes_two_passes() -> None:
    search = Search(Target("psnr", 30), 50, 0.2)
    search.add(50, 28.0)
    assert search.next() == 60


def test_the_slope_is_measured_near_the_aim() -> None:
    search = Search(Target("psnr", 30), 50)
    assert search.slope == search.target.slope
    for quality, reached in ((50, 29.0), (52, 30.0), (90, 60.0)):
        search.add(quality, reached)
    assert search.slope == pytest.approx(0.5)
