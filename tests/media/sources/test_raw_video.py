"""Sizes and rates as users write them."""

from fractions import Fraction

import pytest

from imfn_cli.errors import InputError
from imfn_cli.media import open_live, parse_rate


@pytest.mark.parametrize("size", ["64", "0x48", "64x", "axb", "64x48x3"])
def test_sizes_that_are_none(size: str) -> None:
    with pytest.raises(InputError, match="write WIDTHxHEIGHT"):
        open_live("camera:0", size=size)


@pytest.mark.parametrize("rate", ["0", -1, "x", "1/0", 1e9, float("nan"), float("inf")])
def test_rates_that_are_none(rate: str | float) -> None:
    with pytest.raises(InputError, match="frames per second; write a number above 0"):
        parse_rate(rate)


def test_rates() -> None:
    assert parse_rate(29.97) == Fraction(2997, 100)
    assert parse_rate("30000/1001") == parse_rate(Fraction(30000, 1001)) == Fraction(30000, 1001)
