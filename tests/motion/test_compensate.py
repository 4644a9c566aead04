import numpy as np
import torch

from imfn_cli.motion.compensate import compensate, luma

from .pictures import texture


def test_a_prediction_is_the_same_in_parts() -> None:
    last = torch.from_numpy(texture(40, 48))[..., None]
    vectors = torch.from_numpy(np.random.default_rng(1).integers(-20, 20, (2, 3, 3)).astype(np.int32))
    whole = compensate(last, vectors, 16, 8)
    parts = [compensate(last, vectors, 16, 8, start, start + 2) for start in range(0, 8, 2)]
    assert torch.equal(torch.cat(parts), whole)


def test_luma() -> None:
    gray = np.arange(12, dtype=np.uint8).reshape(3, 4, 1)
    assert (luma(gray) == gray[..., 0]).all()
    assert (luma(np.full((2, 2, 3), 200, np.uint8)) == 200).all()
    assert luma(np.array([[[0, 255, 0]]], np.uint8)) > luma(np.array([[[255, 0, 0]]], np.uint8))
