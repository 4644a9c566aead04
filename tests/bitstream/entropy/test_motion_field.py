"""Motion of a node: what is coded comes back, and costs little where it is smooth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imfn_cli.bitstream.entropy.motion_field import GAIN_UNIT, Motion, decode_motion, encode_motion


def random_motion(rows: int, columns: int, groups: int, reach: int, alone: float, seed: int) -> Motion:
    random = np.random.default_rng(seed)
    return Motion(
        random.integers(-reach, reach + 1, (2, rows, columns)).astype(np.int32),
        random.random((rows, columns)) < alone,
        random.integers(0, GAIN_UNIT + 1, groups).astype(np.int32),
    )


@given(
    rows=st.integers(1, 9),
    columns=st.integers(1, 9),
    groups=st.integers(1, 8),
    reach=st.sampled_from([0, 1, 20, 256]),
    alone=st.sampled_from([0.0, 0.3, 1.0]),
    seed=st.integers(0, 99),
)
def test_motion_comes_back(rows: int, columns: int, groups: int, reach: int, alone: float, seed: int) -> None:
    motion = random_motion(rows, columns, groups, reach, alone, seed)
    before = random_motion(rows, columns, groups, reach, 0, seed + 1).shifts
    data, as_coded = encode_motion(motion, before)
    decoded = decode_motion(data, rows, columns, groups, before)
    follows = ~motion.alone
    assert (decoded.shifts[:, follows] == motion.shifts[:, follows]).all()
    assert (decoded.alone == motion.alone).all()
    assert (decoded.gains == motion.gains).all()
    # What blocks that stand alone are given is the same on both sides: the next node is predicted from it.
    assert (decoded.shifts == as_coded.shifts).all()


def test_a_still_picture_costs_a_few_bytes() -> None:
    motion = Motion(
        np.zeros((2, 30, 40), np.int32), np.zeros((30, 40), bool), np.full(6, GAIN_UNIT, np.int32)
    )
    assert len(encode_motion(motion, np.zeros_like(motion.shifts))[0]) < 80


def test_motion_that_goes_on_costs_less_than_one_that_begins() -> None:
    motion = random_motion(15, 20, 6, 8, 0, 1)
    begins, _ = encode_motion(motion, np.zeros_like(motion.shifts))
    smooth = Motion(np.full_like(motion.shifts, 5), motion.alone, motion.gains)
    panned, _ = encode_motion(smooth, np.zeros_like(motion.shifts))
    goes_on, _ = encode_motion(smooth, smooth.shifts)
    assert len(goes_on) <= len(panned) < len(begins) / 2


def test_bytes_that_are_no_motion_are_refused() -> None:
    before = np.zeros((2, 4, 5), np.int32)
    data, _ = encode_motion(random_motion(4, 5, 6, 9, 0.2, 0), before)
    for wrong in (
        b"",
        data[:3],
        data[:-1],
        data + b"\0\0\0\0",
        bytes([7]) + data[1:],
        data[:1] + b"\xff" * 3,
    ):
        with pytest.raises(ValueError, match=r"malformed|left over|run out|ANS"):
            decode_motion(wrong, 4, 5, 6, before)
