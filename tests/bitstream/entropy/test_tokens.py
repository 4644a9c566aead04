import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imfn_cli.bitstream.entropy.tokens import (
    DIRECT,
    LIMIT,
    TOKENS,
    BitReader,
    BitWriter,
    raw_bit_counts,
    tokenise,
)

values_of_any_size = st.integers(0, 24).flatmap(
    lambda bits: st.integers(-min(1 << bits, LIMIT), min(1 << bits, LIMIT))
)
#: Where a token ends and the next begins.
EDGES = sorted(
    sign * (magnitude + side)
    for exponent in range(4, 24)
    for magnitude in (1 << exponent,)
    for side in (-1, 0, 1)
    for sign in (-1, 1)
)


def there_and_back(parts: list[np.ndarray]) -> list[np.ndarray]:
    writer = BitWriter()
    tokens = [tokenise(part) for part in parts]
    for part, part_tokens in zip(parts, tokens, strict=True):
        writer.write(part, part_tokens)
    reader = BitReader(writer.to_bytes())
    return [reader.read(part_tokens) for part_tokens in tokens]


@given(st.lists(st.lists(values_of_any_size, max_size=30), max_size=4))
def test_every_value_comes_back(parts: list[list[int]]) -> None:
    arrays = [np.array(part, np.int32) for part in parts]
    for array, found in zip(arrays, there_and_back(arrays), strict=True):
        assert found.dtype == np.int32
        np.testing.assert_array_equal(found, array)


def test_edges_and_extremes_come_back() -> None:
    values = np.array([*EDGES, 0, LIMIT, -LIMIT], np.int32)
    values = values[np.abs(values) <= LIMIT]
    np.testing.assert_array_equal(there_and_back([values])[0], values)
    tokens = tokenise(values)
    assert tokens.min() == 0
    assert tokens.max() == TOKENS - 1


def test_the_alphabet_is_the_documented_one() -> None:
    values = np.array([0, 1, -1, 15, -15, 16, -16, 31, 32, -32, 63, 64], np.int32)
    assert tokenise(values).tolist() == [0, 1, 2, 29, 30, 31, 32, 31, 33, 34, 33, 35]
    assert raw_bit_counts(tokenise(values)).tolist() == [0, 0, 0, 0, 0, 4, 4, 4, 5, 5, 5, 6]
    assert TOKENS == 2 * DIRECT - 1 + 2 * 20


def test_raw_bits_are_most_significant_first() -> None:
    writer = BitWriter()
    values = np.array([16 + 0b1010, -(32 + 0b00011)], np.int32)
    writer.write(values, tokenise(values))
    assert writer.to_bytes() == bytes([0b10100001, 0b10000000])


def test_no_bits_for_small_values() -> None:
    writer = BitWriter()
    values = np.arange(-15, 16, dtype=np.int32)
    writer.write(values, tokenise(values))
    assert writer.to_bytes() == b""


def test_running_out_of_bits_is_an_error() -> None:
    reader = BitReader(b"\xff")
    assert reader.read(np.array([31], np.int32)).tolist() == [31]
    with pytest.raises(ValueError, match="run out"):
        reader.read(np.array([33], np.int32))


@given(st.binary(max_size=40), st.lists(st.integers(0, TOKENS - 1), max_size=30))
def test_any_tokens_and_bits_stay_within_the_limit(data: bytes, tokens: list[int]) -> None:
    try:
        values = BitReader(data).read(np.array(tokens, np.int32))
    except ValueError:
        return
    assert np.abs(values).max(initial=0) <= LIMIT
    np.testing.assert_array_equal(tokenise(values), tokens)
