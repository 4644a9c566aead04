import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imfn_cli.bitstream.entropy.rans import MAX_TABLES, PRECISION, Tables

from ..builders import counts_of


def random_tables(seed: int, count: int, tokens: int) -> Tables:
    """Tables of which some are as lopsided as can be."""
    random = np.random.default_rng(seed)
    weights = random.random((count, tokens)) ** random.integers(1, 40, (count, 1))
    free = (1 << PRECISION) - tokens
    counts = 1 + np.floor(weights / weights.sum(axis=1, keepdims=True) * free).astype(np.int32)
    counts[np.arange(count), counts.argmax(axis=1)] += (1 << PRECISION) - counts.sum(axis=1)
    return Tables(counts)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 1 << 32),
    count=st.integers(1, 80),
    tokens=st.integers(2, 71),
    sizes=st.lists(st.integers(0, 300), max_size=5),
)
def test_every_pass_comes_back(seed: int, count: int, tokens: int, sizes: list[int]) -> None:
    tables = random_tables(seed, count, tokens)
    random = np.random.default_rng(seed)
    passes = [
        (random.integers(0, tokens, n).astype(np.int32), random.integers(0, count, n).astype(np.int32))
        for n in sizes
    ]
    decoder = tables.decoder(tables.encode(passes))
    for wanted, tables_of in passes:
        np.testing.assert_array_equal(decoder.decode(tables_of), wanted)
    assert decoder.finished


def test_size_is_that_of_the_information() -> None:
    tables = Tables(counts_of(40))
    random = np.random.default_rng(0)
    chosen = random.integers(0, 40, 5000).astype(np.int32)
    probabilities = tables.counts / (1 << PRECISION)
    tokens = np.array([random.choice(71, p=probabilities[table]) for table in chosen], np.int32)
    bits = -np.log2(probabilities[chosen, tokens]).sum()
    assert bits <= 32 * len(tables.encode([(tokens, chosen)])) <= 1.001 * bits + 64


def test_what_cannot_be_words_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="zero word"):
        Tables(counts_of(2)).decoder(np.array([7, 0], np.uint32))


def test_left_over_words_are_noticed() -> None:
    tables = Tables(counts_of(2))
    tokens = np.array([3, 1, 4], np.int32)
    words = tables.encode([(tokens, np.zeros(3, np.int32))])
    decoder = tables.decoder(np.concatenate((words, words)))
    decoder.decode(np.zeros(3, np.int32))
    assert not decoder.finished


@pytest.mark.parametrize(
    "counts",
    [
        np.full((2, 4), 1 << PRECISION),
        np.array([[(1 << PRECISION) - 1, 1, 0]]),
        np.array([[(1 << PRECISION) + 1, -1]]),
        np.full(4, 1 << (PRECISION - 2)),
        np.full((MAX_TABLES + 1, 4), 1 << (PRECISION - 2)),
    ],
)
def test_tables_that_are_none_are_refused(counts: np.ndarray) -> None:
    with pytest.raises(ValueError, match="tables"):
        Tables(counts)


def test_as_many_tables_as_there_may_be() -> None:
    tables = random_tables(1, MAX_TABLES, 9)
    chosen = np.arange(MAX_TABLES, dtype=np.int32)[::-1]
    tokens = (chosen % 9).astype(np.int32)
    decoder = tables.decoder(tables.encode([(tokens, chosen)]))
    np.testing.assert_array_equal(decoder.decode(chosen), tokens)
