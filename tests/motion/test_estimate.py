import numpy as np
import pytest
import torch

from imfn_cli.motion.compensate import block_grid, compensate, vector_unit
from imfn_cli.motion.estimate import MAX_VECTOR, estimate_motion, search_frames

from .pictures import panned, texture


@pytest.mark.parametrize(("ratio", "dy", "dx"), [(1, 2, -3), (2, 0, 4), (4, -2, 5), (8, 3, 0), (16, 0, -2)])
def test_a_pan_is_found_and_carried_on(ratio: int, dy: int, dx: int) -> None:
    frames = panned(ratio, dy, dx)
    reference, window = torch.from_numpy(frames[0]), torch.from_numpy(frames[1:])
    seen = window[[t - 1 for t in search_frames(ratio)]]
    before = torch.zeros(2, *block_grid(96, 128, 16), dtype=torch.int32)
    vectors = estimate_motion(reference, seen, ratio, 16, before)
    unit = vector_unit(ratio)
    # Blocks at the border see what comes from outside.
    inner = vectors[:, 2:-2, 2:-2].float() * unit
    assert torch.allclose(inner[0].median(), torch.tensor(float(dx * ratio)), atol=1)
    assert torch.allclose(inner[1].median(), torch.tensor(float(dy * ratio)), atol=1)
    prediction = compensate(reference[..., None], vectors, 16, ratio)[..., 0]
    inside = slice(32, 64), slice(48, 80)

    def error(pictures: torch.Tensor) -> float:
        return float((pictures.float() - window.float())[:, *inside].square().mean())

    assert error(prediction) < 0.15 * error(reference.expand_as(window))


def test_without_motion_the_frame_stays() -> None:
    reference = torch.from_numpy(texture(30, 41))
    window = reference.expand(2, -1, -1)
    before = torch.zeros(2, 2, 3, dtype=torch.int32)
    vectors = estimate_motion(reference, window, 4, 16, before)
    assert not vectors.any()
    prediction = compensate(reference[..., None], vectors, 16, 4)
    assert prediction.shape == (4, 30, 41, 1)
    assert (prediction[..., 0] == reference).all()


@pytest.mark.parametrize("block", [2, 6, 10, 16, 56])
@pytest.mark.parametrize("size", [(1, 1), (3, 50), (33, 17)])
def test_any_size_and_block(block: int, size: tuple[int, int]) -> None:
    random = np.random.default_rng(0)
    reference = torch.from_numpy(random.integers(0, 256, size, np.uint8))
    window = torch.from_numpy(random.integers(0, 256, (2, *size), np.uint8))
    grid = block_grid(*size, block)
    vectors = estimate_motion(reference, window, 8, block, torch.zeros(2, *grid, dtype=torch.int32))
    assert vectors.shape == (2, *grid)
    assert vectors.abs().max() <= MAX_VECTOR
    assert compensate(reference[..., None].repeat(1, 1, 3), vectors, block, 8).shape == (8, *size, 3)
