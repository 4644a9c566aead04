"""Frames that a program hands over."""

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest

from imfn_cli.errors import InputError
from imfn_cli.media import GivenFrames

RGB = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)


@pytest.mark.parametrize(
    ("frame", "channels"),
    [(RGB, 3), (RGB[..., 0], 1), (RGB[..., :1], 1), (np.dstack([RGB, RGB[..., :1]]), 3)],
)
def test_shapes(frame: np.ndarray, channels: int) -> None:
    frames = GivenFrames([frame, frame, frame], Fraction(10))
    info = frames.info
    assert (info.height, info.width, info.channels, info.frame_rate) == (4, 6, channels, 10)
    found = list(frames)
    assert [one.time * info.time_base for one in found] == [0, Fraction(1, 10), Fraction(2, 10)]
    assert all(one.pixels.shape == (4, 6, channels) for one in found)
    assert all(one.pixels.flags.c_contiguous for one in found)
    assert info.alpha == (frame.shape[2:] == (4,))
    with pytest.raises(RuntimeError, match="only once"):
        next(iter(frames))


def test_a_buffer_may_be_filled_anew() -> None:
    def refilled() -> Iterator[np.ndarray]:
        buffer = np.empty((4, 6, 3), np.uint8)
        for value in range(5):
            buffer[:] = value
            yield buffer

    assert [int(frame.pixels[0, 0, 0]) for frame in list(GivenFrames(refilled()))] == [0, 1, 2, 3, 4]


def test_frames_are_taken_one_at_a_time() -> None:
    taken = 0

    def count() -> Iterator[np.ndarray]:
        nonlocal taken
        for _ in range(100):
            taken += 1
            yield RGB

    frames = iter(GivenFrames(count()))
    for index in range(5):
        next(frames)
        assert taken == max(1, index + 1)


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ([], "there are none"),
        ([RGB.astype(float)], "frame 0 is float64"),
        ([RGB[0, 0]], r"frame 0 is uint8 of shape \(3,\)"),
        ([RGB[:0]], "frame 0 is uint8 of shape"),
        ([np.zeros((4, 6, 2), np.uint8)], "frame 0 is uint8 of shape"),
        ([RGB, RGB[:2]], r"frame 1 is of shape \(2, 6, 3\), those before of \(4, 6, 3\)"),
        ([RGB, RGB[..., :1]], "frame 1 is of shape"),
    ],
)
def test_frames_that_are_none(frames: list[np.ndarray], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        list(GivenFrames(frames))
    assert "\n" not in str(caught.value)
