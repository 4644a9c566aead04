"""Quarter-pel interpolation: exact where it must be, and the motion search sees the same pixels."""

import numpy as np
import pytest

pytest.importorskip("numba")

from imfn_cli.motion.interpolate import (
    BORDER,
    TAPS,
    clamp_position,
    luma_of,
    pad_frame,
    phase_planes,
    predict_block,
)
from tests.kernels import from_python

#: 255 in 1/16 grey levels.
WHITE = 255 * 16
pytestmark = pytest.mark.xdist_group("adaptive")

HEIGHT, WIDTH = 32, 48
_clamp_position, _predict_block = from_python(clamp_position), from_python(predict_block)


@pytest.fixture(scope="module")
def frame() -> np.ndarray:
    return np.random.default_rng(0).integers(0, WHITE + 1, (3, HEIGHT, WIDTH)).astype(np.int16)


@pytest.fixture(scope="module")
def bordered(frame: np.ndarray) -> np.ndarray:
    out = np.zeros((3, HEIGHT + 2 * BORDER, WIDTH + 2 * BORDER), np.int16)
    pad_frame(frame, out)
    return out


def _predict(ref: np.ndarray, y4: int, x4: int, size: int) -> np.ndarray:
    out = np.zeros((3, size, size), np.int32)
    _predict_block(ref, y4, x4, size, out, 0, 0, np.zeros((24, 16), np.int32))
    return out


def test_every_filter_sums_to_one() -> None:
    assert TAPS.sum(axis=1).tolist() == [64] * 4


def test_the_border_repeats_the_edge(frame: np.ndarray, bordered: np.ndarray) -> None:
    around = (0, 0), (BORDER, BORDER), (BORDER, BORDER)
    assert np.array_equal(bordered, np.pad(frame, around, mode="edge"))


@pytest.mark.parametrize("size", [8, 16])
def test_whole_pixels_are_themselves(frame: np.ndarray, bordered: np.ndarray, size: int) -> None:
    y4, x4 = _clamp_position(4 * 5, 4 * 9, size, HEIGHT, WIDTH)
    assert np.array_equal(_predict(bordered, y4, x4, size), frame[:, 5 : 5 + size, 9 : 9 + size])


@pytest.mark.parametrize("phase", range(16))
def test_a_flat_frame_stays_flat(phase: int) -> None:
    flat = np.full((3, HEIGHT + 2 * BORDER, WIDTH + 2 * BORDER), 1234, np.int16)
    assert (_predict(flat, 4 * 90 + phase // 4, 4 * 90 + phase % 4, 8) == 1234).all()


@pytest.mark.parametrize("phase", range(16))
def test_fractions_are_the_filters(bordered: np.ndarray, phase: int) -> None:
    fy, fx = divmod(phase, 4)
    window = bordered[:, 97 - 3 : 97 + 12, 101 - 3 : 101 + 12].astype(np.int64)
    across = np.stack([window[:, :, j : j + 8] @ TAPS[fx] for j in range(8)], axis=2)
    both = np.stack([np.einsum("pkx,k->px", across[:, i : i + 8], TAPS[fy]) for i in range(8)], axis=1)
    assert np.array_equal(_predict(bordered, 4 * 97 + fy, 4 * 101 + fx, 8), (both + 2048) >> 12)


@pytest.mark.parametrize("size", [8, 16])
def test_far_vectors_are_cut_off_within_the_border(size: int) -> None:
    for y, x in [(-(1 << 20), 1 << 20), (1 << 20, -(1 << 20))]:
        y4, x4 = _clamp_position(y, x, size, HEIGHT, WIDTH)
        for at, length in ((y4 >> 2, HEIGHT), (x4 >> 2, WIDTH)):
            assert at - 3 >= 0
            assert at + size + 4 <= length + 2 * BORDER


def test_the_search_sees_whole_pixels_of_luma(bordered: np.ndarray) -> None:
    luma = np.zeros(bordered.shape[1:], np.int16)
    luma_of(bordered, luma)
    red, green, blue = bordered.astype(np.int32)
    assert np.array_equal(luma, (red + 2 * green + blue + 8) >> 4)
    phases = np.zeros((16, *luma.shape), np.int16)
    phase_planes(luma, phases, np.zeros(luma.shape, np.int32))
    assert np.array_equal(phases[0], luma)
