"""Plans of channels: bytes and back, what is refused, samples and back."""

import numpy as np
import pytest

from imfn_cli.bitstream.exact.channel_plan import ChannelPlan
from imfn_cli.bitstream.exact.group import decode_group, encode_group

CHAIN = ChannelPlan((2, 0, 3, 1), (2, 3, None, 0))


def test_bytes_and_back() -> None:
    assert CHAIN.to_bytes() == bytes([2, 0, 0, 3, 3, 1, 1, 4])
    assert ChannelPlan.from_bytes(CHAIN.to_bytes() + b"more", 4) == CHAIN
    assert not ChannelPlan.plain(4).differs


@pytest.mark.parametrize(
    "data",
    [
        bytes([0, 0, 1, 1, 2]),
        bytes([0, 0, 1, 1, 1, 1]),
        bytes([0, 0, 1, 1, 3, 1]),
        bytes([0, 2, 1, 0, 2, 0]),
        bytes([0, 1, 1, 0, 2, 0]),
        bytes([0, 0, 1, 255, 2, 0]),
    ],
    ids=["short", "twice", "no such channel", "after it", "itself", "no such reference"],
)
def test_what_is_no_plan(data: bytes) -> None:
    with pytest.raises(ValueError, match="channel"):
        ChannelPlan.from_bytes(data, 3)


def test_subtracted_and_added() -> None:
    samples = np.random.default_rng(0).integers(-1000, 1000, (3, 4, 5, 4))
    found = CHAIN.subtracted(samples)
    assert (found[..., 1] == samples[..., 1] - samples[..., 3]).all()
    CHAIN.add(found)
    assert (found == samples).all()


@pytest.mark.parametrize("max_error", [0, 1, 7])
def test_errors_do_not_add_up(max_error: int) -> None:
    """Three differences, one after another, and no sample beyond the error of one."""
    rng = np.random.default_rng(1)
    samples = rng.integers(-(1 << 30), 1 << 30, (6, 9, 34, 1)) + rng.integers(-40, 40, (6, 9, 34, 4))
    limits = (int(samples.min()), int(samples.max()))
    data, restored = encode_group(samples, limits, max_error, CHAIN)
    assert np.abs(restored - samples).max() <= max_error
    assert (decode_group(data, samples.shape, limits, max_error, CHAIN) == restored).all()
