"""How many frames a group has."""

import pytest

from imfn_cli.bitstream.exact.array_header import MAX_SAMPLES
from imfn_cli.codec.exact.compress import even_groups, frames_in_group

SAMPLES = 1 << 20


@pytest.mark.parametrize(
    ("frames", "each"), [(1, 8), (8, 8), (9, 9), (11, 11), (12, 6), (16, 8), (17, 9), (21, 7), (1000, 8)]
)
def test_no_group_is_short(frames: int, each: int) -> None:
    """A frame more than groups hold is no group of its own, which would cost as much as several."""
    assert frames_in_group(SAMPLES) == 8
    assert even_groups(frames, SAMPLES) == each


def test_of_huge_frames_no_more_than_can_be_restored() -> None:
    most = MAX_SAMPLES // 8
    assert even_groups(11, most) == 8
