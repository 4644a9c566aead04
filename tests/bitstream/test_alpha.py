"""The coder of alpha planes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imfn_cli.bitstream.alpha import MOST_SAMPLES, OPAQUE, check_group, decode, encode, frames_together

SHAPES = [(1, 1, 1), (3, 1, 5), (4, 7, 1), (2, 24, 33)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("levels", [1, 2, 256])
def test_every_plane_comes_back(shape: tuple[int, int, int], levels: int) -> None:
    step = 255 // max(levels - 1, 1)
    planes = (np.random.default_rng(levels).integers(0, levels, shape) * step).astype(np.uint8)
    np.testing.assert_array_equal(decode(encode(planes), shape), planes)


def test_what_hides_nothing_takes_two_bytes() -> None:
    assert encode(np.full((64, 48, 64), 255, np.uint8)) == OPAQUE


def test_each_way_to_predict_comes_back() -> None:
    """Each of the four, chosen where it is the best."""
    rng, kinds = np.random.default_rng(1), set()
    noise = rng.integers(0, 256, (6, 40, 40)).astype(np.uint8)
    repeated = np.broadcast_to(rng.integers(0, 256, (1, 40, 40)).astype(np.uint8), (6, 40, 40))
    for planes in (noise, np.add.accumulate(repeated, 0, np.uint8), repeated.swapaxes(0, 1).copy()):
        for axis in (None, 0, 1, 2):
            moved = planes if axis is None else np.add.accumulate(planes // 200, axis, np.uint8)
            data = encode(moved)
            kinds.add(data[0])
            np.testing.assert_array_equal(decode(data, moved.shape), moved)
    assert kinds == {1, 2, 3, 4}


@given(st.binary(max_size=60))
def test_any_bytes_are_planes_or_refused(data: bytes) -> None:
    try:
        planes = decode(data, (2, 3, 4))
    except ValueError:
        return
    assert planes.shape == (2, 3, 4)


@given(st.integers(0, 10**6), st.integers(0, 255))
def test_a_changed_byte_is_planes_or_refused(place: int, value: int) -> None:
    planes = np.arange(2 * 20 * 20, dtype=np.uint8).reshape(2, 20, 20)
    data = bytearray(encode(planes))
    data[place % len(data)] = value
    try:
        assert decode(bytes(data), planes.shape).shape == planes.shape
    except ValueError:
        return


def test_a_bomb_is_not_unpacked() -> None:
    data = encode(np.eye(2000, dtype=np.uint8)[None])
    with pytest.raises(ValueError, match="another length"):
        decode(data, (1, 3, 4))


def test_how_many_go_together() -> None:
    assert frames_together(48, 64, 256) == 64
    assert frames_together(48, 64, 16) == 16
    assert frames_together(2160, 3840, 256) == 1
    check_group(1, 1 << 14, 1 << 14)
    with pytest.raises(ValueError, match="2 frames"):
        check_group(2, MOST_SAMPLES, 1)
    with pytest.raises(ValueError, match="65 frames"):
        check_group(65, 1, 1)
