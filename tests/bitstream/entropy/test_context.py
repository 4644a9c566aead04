import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imfn_cli.bitstream.entropy.context import Grouping, Part, neighbours_around

LOGS = np.arange(4096).astype(np.int16)  # the identity, so that features are plain sums
GROUPING = Grouping((3, 5, 9), (4, 2, 2), 2, LOGS)


def walk_over(symbols: np.ndarray, active: int) -> tuple[np.ndarray, list[Part]]:
    rows = symbols.reshape(len(symbols), -1).T
    parts: list[Part] = []

    def visit(part: Part) -> np.ndarray:
        parts.append(part)
        return rows[part.scan.positions, part.low : part.high]

    _, h, w = symbols.shape
    return GROUPING.walk(h, w, active, visit), parts


@settings(max_examples=40, deadline=None)
@given(h=st.integers(1, 9), w=st.integers(1, 9), active=st.integers(0, 9), seed=st.integers(0, 99))
def test_visits_every_active_symbol_once(h: int, w: int, active: int, seed: int) -> None:
    symbols = np.random.default_rng(seed).integers(-9, 10, (9, h, w)).astype(np.int32)
    found, parts = walk_over(symbols, active)
    symbols[active:] = 0
    np.testing.assert_array_equal(found, symbols)
    assert sum((part.high - part.low) * len(part.scan.positions) for part in parts) == active * h * w


@settings(max_examples=25, deadline=None)
@given(h=st.integers(1, 7), w=st.integers(1, 7), seed=st.integers(0, 99), at=st.integers(0, 10_000))
def test_features_know_only_what_was_visited(h: int, w: int, seed: int, at: int) -> None:
    """Changing the symbols of one part changes no feature up to it: the decoder can compute them all."""
    random = np.random.default_rng(seed)
    symbols = random.integers(-9, 10, (9, h, w)).astype(np.int32)
    _, before = walk_over(symbols, 9)
    chosen = at % len(before)
    part = before[chosen]
    y, x = np.divmod(part.scan.positions, w)
    symbols[part.low : part.high, y, x] += 3
    _, after = walk_over(symbols, 9)
    for one, other in zip(before[: chosen + 1], after[: chosen + 1], strict=True):
        np.testing.assert_array_equal(one.shared, other.shared)
        for left, right in ((one.own, other.own), (one.signed, other.signed)):
            assert (left is None) == (right is None)
            if left is not None:
                np.testing.assert_array_equal(left, right)


def test_features_by_hand() -> None:
    symbols = np.zeros((9, 3, 3), np.int32)
    symbols[0] = [[1, 2, 3], [4, -5, 6], [7, 8, 9]]
    symbols[1] = -10
    _, parts = walk_over(symbols, 9)
    centre = next(part for part in parts if part.group == 0 and 4 in part.scan.positions)
    row = centre.scan.positions.tolist().index(4)
    # A diagonal pass: the corners are known.
    assert centre.own is not None
    assert centre.signed is not None
    assert centre.own[row].tolist() == [1 + 3 + 7 + 9, 40, 0]
    assert centre.signed[row].tolist() == [1, -10, 3, -10, 7, -10, 9, -10]
    assert centre.shared[row].tolist() == [0, 0, 0, 0, 0, 0, 60]
    later = next(part for part in parts if part.group == 1 and 4 in part.scan.positions)
    row = later.scan.positions.tolist().index(4)
    assert later.shared[row].tolist() == [15, 2 + 4 + 6 + 8 + 40, 0, 0, 0, 0, 0]
    assert later.signed is None


def test_sums_beyond_the_logarithms_count_as_the_last() -> None:
    grouping = Grouping((2,), (2,), 0, np.arange(8).astype(np.int16))
    seen = []

    def visit(part: Part) -> np.ndarray:
        seen.append(part)
        return np.full((len(part.scan.positions), 2), -(1 << 24), np.int32)

    symbols = grouping.walk(3, 3, 2, visit)
    assert (symbols == -(1 << 24)).all()
    assert max(int(part.shared.max()) for part in seen) == 7


@pytest.mark.parametrize(("h", "w"), [(1, 1), (2, 3), (4, 1)])
def test_neighbours_around(h: int, w: int) -> None:
    padded = np.full((h + 2, w + 2), h * w)
    padded[1:-1, 1:-1] = np.arange(h * w).reshape(h, w)
    for y in range(h):
        for x in range(w):
            wanted = [padded[y, x + 1], padded[y + 2, x + 1], padded[y + 1, x], padded[y + 1, x + 2]]
            assert neighbours_around(h, w)[:, y * w + x].tolist() == wanted
