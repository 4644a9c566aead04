"""Compensation in whole numbers: near the one in floats, and never outside."""

import numpy as np
import pytest
import torch

pytest.importorskip("numba")

from imfn_cli.motion.compensate import compensate
from imfn_cli.motion.whole_windows import BORDER, PHASES, TAPS, moved_windows

from .pictures import texture

WHITE = 255 * 16
pytestmark = pytest.mark.xdist_group("adaptive")


def windows(picture: np.ndarray, vectors: np.ndarray, patch: int, ratio: int) -> np.ndarray:
    """Picture (planes, H, W) in 1/16, whole blocks; vectors (2, rows, columns) → (ratio, planes, H, W)."""
    around = (0, 0), (BORDER, BORDER), (BORDER, BORDER)
    bordered = np.ascontiguousarray(np.pad(picture, around, mode="edge"))
    planes, height, width = picture.shape
    rows, columns = vectors.shape[1:]
    where = np.argwhere(np.ones((rows, columns)))
    out = np.empty((len(where), 4, ratio, patch, patch, planes), np.int16)
    moved_windows(
        bordered, where, np.ascontiguousarray(vectors.reshape(2, -1).T), patch, ratio, 0, WHITE, out
    )
    cut = out.reshape(rows, columns, 2, 2, ratio, patch, patch, planes)
    return cut.transpose(4, 7, 0, 2, 5, 1, 3, 6).reshape(ratio, planes, height, width)


def picture(height: int = 48, width: int = 64) -> np.ndarray:
    planes = np.stack([texture(height, width), texture(height, width)[::-1], texture(height, width)[:, ::-1]])
    return (planes.astype(np.int16) * 16).astype(np.int16)


def test_taps_are_bicubic_and_sum_to_one() -> None:
    a, d = -0.75, np.arange(PHASES)[:, None] / PHASES
    near, far = np.abs(d - [0, 1]), np.abs(d - [-1, 2])
    inner = (a + 2) * near**3 - (a + 3) * near**2 + 1
    outer = a * far**3 - 5 * a * far**2 + 8 * a * far - 4 * a
    wanted = np.stack((outer[:, 0], inner[:, 0], inner[:, 1], outer[:, 1]), axis=1) * 256
    assert TAPS.sum(axis=1).tolist() == [256] * PHASES
    assert np.abs(TAPS - wanted).max() < 1.6
    assert np.array_equal(TAPS[1:], TAPS[:0:-1, ::-1])


@pytest.mark.parametrize("patch", [4, 8])
@pytest.mark.parametrize("ratio", [1, 2, 4, 16])
def test_windows_are_near_those_in_floats(patch: int, ratio: int) -> None:
    ours = picture()
    size = 2 * patch
    shape = 2, ours.shape[1] // size, ours.shape[2] // size
    vectors = np.random.default_rng(patch + ratio).integers(-30, 31, shape).astype(np.int32)
    found = windows(ours, vectors, patch, ratio)
    pixels = torch.from_numpy((ours // 16).astype(np.uint8)).permute(1, 2, 0)
    wanted = compensate(pixels, torch.from_numpy(vectors), size, ratio).permute(0, 3, 1, 2).numpy()
    # Sixteenths of a pixel are exact up to a ratio of 16, but for what rounding to 8 bits takes.
    assert np.abs(found / 16 - wanted).max() < 3
    assert np.abs(found / 16 - wanted).mean() < 0.4


def test_a_picture_that_stands_still_is_itself() -> None:
    ours = picture()
    assert np.array_equal(windows(ours, np.zeros((2, 3, 4), np.int32), 8, 4), np.stack([ours] * 4))


@pytest.mark.parametrize("far", [-(1 << 15), 1 << 15])
@pytest.mark.parametrize("ratio", [1, 8])
def test_vectors_that_lead_far_outside_repeat_the_border(far: int, ratio: int) -> None:
    ours = picture(32, 32)
    found = windows(ours, np.full((2, 2, 2), far, np.int32), 8, ratio)[-1]
    corner = (-1, -1) if far < 0 else (0, 0)
    assert (found == ours[:, corner[0], corner[1]][:, None, None]).all()
