"""Frames by the batch."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from imfn_cli.media import Frame, batched


@given(count=st.integers(0, 20), size=st.integers(1, 8))
def test_every_frame_comes_once_in_order(count: int, size: int) -> None:
    frames = [Frame(np.full((2, 3, 1), i, np.uint8), 7 * i) for i in range(count)]
    stacks = list(batched(iter(frames), size))
    assert all(len(pixels) == len(times) == size for pixels, times in stacks[:-1])
    assert [int(p[0, 0, 0]) for pixels, _ in stacks for p in pixels] == list(range(count))
    assert [time for _, times in stacks for time in times] == [7 * i for i in range(count)]
    assert all(pixels.shape[1:] == (2, 3, 1) and pixels.dtype == np.uint8 for pixels, _ in stacks)
