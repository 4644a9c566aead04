"""Forecasts along motion, and motion found in pictures that move."""

import numpy as np
import pytest
import torch

from imfn_cli.motion import motion


def texture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """A smooth random picture, uint8 (height, width)."""
    random = np.random.default_rng(seed)
    waves = random.uniform(0.02, 0.5, (12, 2)), random.uniform(0, 6, 12)
    y, x = np.mgrid[:height, :width]
    total = sum(np.sin(fy * y + fx * x + phase) for (fy, fx), phase in zip(*waves, strict=True))
    return np.clip(128 + 20 * total, 0, 255).astype(np.uint8)


def panned(ratio: int, dy: float, dx: float, height: int = 96, width: int = 128) -> np.ndarray:
    """r + 1 frames cut from one picture by a camera that moves by (dy, dx) whole pixels a frame."""
    wide = texture(height + 200, width + 200)
    frames = [wide[100 - round(t * dy) :, 100 - round(t * dx) :][:height, :width] for t in range(ratio + 1)]
    return np.stack(frames)


@pytest.mark.parametrize(("ratio", "dy", "dx"), [(1, 2, -3), (2, 0, 4), (4, -2, 5), (8, 3, 0), (16, 0, -2)])
def test_a_pan_is_found_and_carried_on(ratio: int, dy: int, dx: int) -> None:
    frames = panned(ratio, dy, dx)
    last, window = torch.from_numpy(frames[0]), torch.from_numpy(frames[1:])
    seen = window[[t - 1 for t in motion.search_frames(ratio)]]
    before = torch.zeros(2, *motion.block_grid(96, 128, 16), dtype=torch.int32)
    vectors = motion.estimate_motion(last, seen, ratio, 16, before)
    unit = motion.vector_unit(ratio)
    # Blocks at the border see what comes from outside.
    inner = vectors[:, 2:-2, 2:-2].float() * unit
    assert torch.allclose(inner[0].median(), torch.tensor(float(dx * ratio)), atol=1)
    assert torch.allclose(inner[1].median(), torch.tensor(float(dy * ratio)), atol=1)
    guess = motion.compensate(last[..., None], vectors, 16, ratio)[..., 0]
    inside = slice(32, 64), slice(48, 80)

    def error(pictures: torch.Tensor) -> float:
        return float((pictures.float() - window.float())[:, *inside].square().mean())

    assert error(guess) < 0.15 * error(last.expand_as(window))


def test_without_motion_the_frame_stays() -> None:
    last = torch.from_numpy(texture(30, 41))
    window = last.expand(2, -1, -1)
    before = torch.zeros(2, 2, 3, dtype=torch.int32)
    vectors = motion.estimate_motion(last, window, 4, 16, before)
    assert not vectors.any()
    guess = motion.compensate(last[..., None], vectors, 16, 4)
    assert guess.shape == (4, 30, 41, 1)
    assert (guess[..., 0] == last).all()


@pytest.mark.parametrize("block", [2, 6, 10, 16, 56])
@pytest.mark.parametrize("size", [(1, 1), (3, 50), (33, 17)])
def test_any_size_and_block(block: int, size: tuple[int, int]) -> None:
    random = np.random.default_rng(0)
    last = torch.from_numpy(random.integers(0, 256, size, np.uint8))
    window = torch.from_numpy(random.integers(0, 256, (2, *size), np.uint8))
    grid = motion.block_grid(*size, block)
    vectors = motion.estimate_motion(last, window, 8, block, torch.zeros(2, *grid, dtype=torch.int32))
    assert vectors.shape == (2, *grid)
    assert vectors.abs().max() <= motion.MAX_VECTOR
    assert motion.compensate(last[..., None].repeat(1, 1, 3), vectors, block, 8).shape == (8, *size, 3)


def test_a_forecast_is_the_same_in_parts() -> None:
    last = torch.from_numpy(texture(40, 48))[..., None]
    vectors = torch.from_numpy(np.random.default_rng(1).integers(-20, 20, (2, 3, 3)).astype(np.int32))
    whole = motion.compensate(last, vectors, 16, 8)
    parts = [motion.compensate(last, vectors, 16, 8, start, start + 2) for start in range(0, 8, 2)]
    assert torch.equal(torch.cat(parts), whole)


def test_brightness() -> None:
    gray = np.arange(12, dtype=np.uint8).reshape(3, 4, 1)
    assert (motion.luma(gray) == gray[..., 0]).all()
    assert (motion.luma(np.full((2, 2, 3), 200, np.uint8)) == 200).all()
    assert motion.luma(np.array([[[0, 255, 0]]], np.uint8)) > motion.luma(np.array([[[255, 0, 0]]], np.uint8))
