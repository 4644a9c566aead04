"""Pictures that move."""

import numpy as np


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
