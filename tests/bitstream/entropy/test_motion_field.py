"""Motion of a node: what is coded comes back, and costs little where it is smooth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imfn_cli.bitstream.entropy.motion_field import (
    GAIN_UNIT,
    MotionField,
    decode_motion_field,
    encode_motion_field,
)


def random_motion(rows: int, columns: int, groups: int, reach: int, intra: float, seed: int) -> MotionField:
    random = np.random.default_rng(seed)
    return MotionField(
        random.integers(-reach, reach + 1, (2, rows, columns)).astype(np.int32),
        random.random((rows, columns)) < intra,
        random.integers(0, GAIN_UNIT + 1, groups).astype(np.int32),
    )


@given(
    rows=st.integers(1, 9),
    columns=st.integers(1, 9),
    groups=st.integers(1, 8),
    reach=st.sampled_from([0, 1, 20, 256]),
    intra=st.sampled_from([0.0, 0.3, 1.0]),
    seed=st.integers(0, 99),
)
def test_motion_comes_back(rows: int, columns: int, groups: int, reach: int, intra: float, seed: int) -> None:
    motion = random_motion(rows, columns, groups, reach, intra, seed)
    before = random_motion(rows, columns, groups, reach, 0, seed + 1).vectors
    data, as_coded = encode_motion_field(motion, before)
    decoded = decode_motion_field(data, rows, columns, groups, before)
    follows = ~motion.intra
    assert (decoded.vectors[:, follows] == motion.vectors[:, follows]).all()
    assert (decoded.intra == motion.intra).all()
    assert (decoded.gains == motion.gains).all()
    # What blocks that stand alone are given is the same on both sides: the next node is predicted from it.
    assert (decoded.vectors == as_coded.vectors).all()


def test_a_still_picture_costs_a_few_bytes() -> None:
    motion = MotionField(
        np.zeros((2, 30, 40), np.int32), np.zeros((30, 40), bool), np.full(6, GAIN_UNIT, np.int32)
    )
    assert len(encode_motion_field(motion, np.zeros_like(motion.vectors))[0]) < 80


def test_motion_that_goes_on_costs_less_than_one_that_begins() -> None:
    motion = random_motion(15, 20, 6, 8, 0, 1)
    begins, _ = encode_motion_field(motion, np.zeros_like(motion.vectors))
    smooth = MotionField(np.full_like(motion.vectors, 5), motion.intra, motion.gains)
    panned, _ = encode_motion_field(smooth, np.zeros_like(motion.vectors))
    goes_on, _ = encode_motion_field(smooth, smooth.vectors)
    assert len(goes_on) <= len(panned) < len(begins) / 2


def test_bytes_that_are_no_motion_are_refused() -> None:
    before = np.zeros((2, 4, 5), np.int32)
    data, _ = encode_motion_field(random_motion(4, 5, 6, 9, 0.2, 0), before)
    for wrong in (
        b"",
        data[:3],
        data[:-1],
        data + b"\0\0\0\0",
        bytes([7]) + data[1:],
        data[:1] + b"\xff" * 3,
    ):
        with pytest.raises(ValueError, match=r"malformed|left over|run out|ANS"):
            decode_motion_field(wrong, 4, 5, 6, before)
