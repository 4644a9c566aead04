"""Products of rows in 32 bits, in parts, and one by one: the same as in integers of any size."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imfn_cli.network import sparse_rows
from imfn_cli.network.sparse_rows import Factors, Reach, Rounding, SparseRows, factors, sparse_product

FRAMES = Rounding(18, 1 << 17, 4080, np.int16)
PIXELS = Rounding(22, (1 << 17) + (1 << 21), 255, np.uint8)


def reach_of(by: Factors) -> Reach:
    """Of one matrix."""
    largest = np.abs(by.matrix.astype(np.int64)).max(axis=1, initial=0)
    return Reach(largest, int(np.abs(by.add).max(initial=0)) + PIXELS.add)


def made(rows: np.ndarray, by: Factors) -> SparseRows:
    return sparse_rows.sparse_rows(rows, reach_of(by))


def plain(rows: np.ndarray, by: Factors, to: Rounding) -> list[list[int]]:
    """By Python's integers."""
    sums = rows.astype(object) @ by.matrix.astype(object) + by.add.astype(object)
    return [[min(max((int(value) + to.add) >> to.bits, 0), to.most) for value in row] for row in sums]


@st.composite
def products(draw: st.DrawFn) -> tuple[np.ndarray, Factors]:
    """Rows of few numbers and of many, small and as large as they come; any widths and matrices."""
    random = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    count, channels, width = draw(st.tuples(st.integers(0, 5), st.integers(1, 21), st.integers(1, 50)))
    largest = draw(st.sampled_from([1, 300, 1 << 14, 1 << 20, (1 << 28) - 1]))
    rows = random.integers(-largest, largest + 1, (count, channels))
    rows[random.random(rows.shape) > draw(st.sampled_from([0.0, 0.2, 0.6, 1.0]))] = 0
    if draw(st.booleans()):
        rows = np.sign(rows) * largest
    entry = draw(st.sampled_from([200, (1 << 15) - 1, 1 << 15, 1 << 24]))
    matrix = random.integers(-entry, entry + 1, (channels, width))
    add = random.integers(-1, 2, width) * draw(st.sampled_from([0, 400_000_000, 1 << 31, 1 << 50]))
    return rows.astype(np.int32), factors(matrix.astype(np.float64), add.astype(np.float64))


@settings(max_examples=300, deadline=None)
@given(products())
def test_products_are_exact(product: tuple[np.ndarray, Factors]) -> None:
    rows, by = product
    for to in (FRAMES, PIXELS):
        found = sparse_product(made(rows, by), by, to)
        assert found.dtype == to.kind
        assert found.tolist() == plain(rows, by, to)


@settings(max_examples=100, deadline=None)
@given(products())
def test_all_ways_come_to_the_same(product: tuple[np.ndarray, Factors]) -> None:
    """With zeros and without them; in one part, where that is allowed, or in several."""
    rows, by = product
    few = made(rows, by)
    ends = np.arange(len(rows) + 1) * rows.shape[1]
    channels = np.arange(rows.shape[1], dtype=np.int32)
    all_of_them = few._replace(channels=channels, values=rows.reshape(-1), ends=ends, whole=True)
    wanted = plain(rows, by, PIXELS)
    for one in (few, all_of_them):
        assert sparse_product(one, by, PIXELS).tolist() == wanted
        in_parts = one._replace(fits=np.zeros_like(few.fits))
        assert sparse_product(in_parts, by, PIXELS).tolist() == wanted


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("over", [0, 1])
def test_sums_at_the_edge_of_32_bits(sign: int, over: int) -> None:
    """The last row that fits, and the first that does not: 2^31 − 1 and 2^31 at most."""
    rest = (1 << 31) - 1 + over - PIXELS.add - (1 << 20) * 1000
    rows = np.array([[1 << 20, 0, rest, 0, 0, 0, 0]], np.int32) * sign
    by = factors(np.array([[1000.0, 1000], [5, 7], [1, -1], [1, 0], [0, 0], [0, 0], [0, 0]]), np.zeros(2))
    found = made(rows, by)
    assert found.fits.tolist() == [not over]
    assert not found.whole
    assert sparse_product(found, by, PIXELS).tolist() == plain(rows, by, PIXELS)


def test_zeros_are_left_out_of_rows_of_few_numbers() -> None:
    few, many = np.eye(4, dtype=np.int32), np.ones((4, 4), np.int32)
    by = factors(np.ones((4, 3)), np.zeros(3))
    found = made(few, by)
    assert found.channels[:4].tolist() == [0, 1, 2, 3]
    assert found.values[:4].tolist() == [1] * 4
    assert found.ends.tolist() == [0, 1, 2, 3, 4]
    assert not found.whole
    whole = made(many, by)
    assert whole.whole
    assert np.shares_memory(whole.values, many), "nothing is copied"


@pytest.mark.parametrize(("largest", "kind"), [((1 << 15) - 1, np.int16), (1 << 15, np.int32)])
def test_matrices_take_the_bits_that_they_need(largest: int, kind: type[np.generic]) -> None:
    by = factors(np.array([[1.0, -largest]]), np.zeros(2))
    assert by.matrix.dtype == kind
    assert by.matrix.tolist() == [[1, -largest]]
