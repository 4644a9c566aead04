import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imfn_cli.bitstream.entropy.scan import DIAGONAL, FIRST, STRAIGHT, passes

sides = st.integers(1, 20)
strides = st.sampled_from([1, 2, 4, 8])


@settings(deadline=None)
@given(h=sides, w=sides, stride=strides)
def test_every_position_has_one_turn(h: int, w: int, stride: int) -> None:
    positions = np.concatenate([scan.positions for scan in passes(h, w, stride)])
    np.testing.assert_array_equal(np.sort(positions), np.arange(h * w))


@settings(deadline=None)
@given(h=sides, w=sides, stride=strides)
def test_neighbours_are_known_and_at_their_distance(h: int, w: int, stride: int) -> None:
    known = np.zeros(h * w + 1, bool)
    known[-1] = True  # "outside" may always be asked
    for scan in passes(h, w, stride):
        assert len(scan.neighbours) == (0 if scan.kind == FIRST else 4)
        for neighbour in scan.neighbours:
            assert known[neighbour].all()
            inside = neighbour < h * w
            y, x = np.divmod(scan.positions[inside], w)
            ny, nx = np.divmod(neighbour[inside], w)
            dy, dx = np.abs(ny - y), np.abs(nx - x)
            if scan.kind == DIAGONAL:
                assert ((dy == scan.distance) & (dx == scan.distance)).all()
            else:
                assert (dy + dx == scan.distance).all()
        known[scan.positions] = True


@settings(deadline=None)
@given(h=st.integers(3, 20), w=st.integers(3, 20))
def test_only_thin_grids_have_positions_without_neighbours(h: int, w: int) -> None:
    for scan in passes(h, w, 2):
        if scan.kind == STRAIGHT:
            assert (scan.neighbours < h * w).all()


def test_the_drawing() -> None:
    kinds = np.full((5, 5), " ")
    for scan in passes(5, 5, 4):
        letter = {FIRST: "a", DIAGONAL: "b", STRAIGHT: "c"}[scan.kind]
        if scan.distance >= 2:
            kinds.ravel()[scan.positions] = letter
    assert ["".join(row) for row in kinds] == ["a c a", "     ", "c b c", "     ", "a c a"]


@pytest.mark.parametrize(("h", "w"), [(1, 1), (1, 9), (9, 1)])
def test_a_line_or_a_point(h: int, w: int) -> None:
    lattices = passes(h, w, 8)
    assert all(scan.kind != DIAGONAL for scan in lattices)
    assert sum(scan.positions.size for scan in lattices) == h * w
