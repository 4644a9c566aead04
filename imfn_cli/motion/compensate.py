"""Motion compensation: the prediction of a window from its reference frame and a field of motion vectors.

    reference frame t = 0 ──motion vectors──▶ prediction of frames t = 1 … r

A block's motion vector (dx, dy) is how far its content moves from the reference frame, the frame before the
window, to the window's last frame r, in units of `vector_unit` pixels: what is at x in frame t comes from
x − t/r · vector in the reference frame.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

#: Side of a block, in patches.
BLOCK_PATCHES = 2


def vector_unit(ratio: int) -> float:
    """Pixels that a unit of a motion vector stands for: the finer, the fewer frames lie between its ends."""
    return min(1.0, ratio / 4)


def block_grid(height: int, width: int, block: int) -> tuple[int, int]:
    """Blocks of `block` pixels a side that cover a picture: (rows, columns)."""
    return -(-height // block), -(-width // block)


def luma(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Pixels (..., H, W, 1 or 3) → their luma (..., H, W), by BT.601."""
    if pixels.shape[-1] == 1:
        return pixels[..., 0]
    red, green, blue = (pixels[..., i].astype(np.uint16) for i in range(3))
    return ((77 * red + 150 * green + 29 * blue) >> 8).astype(np.uint8)


def compensate(
    reference: Tensor, vectors: Tensor, block: int, ratio: int, start: int = 0, stop: int | None = None
) -> Tensor:
    """The prediction of a window: its reference frame, moved along the motion vectors.

    reference (H, W, C) uint8; vectors (2, rows, columns) integers, in units. Returns the prediction of the
    window's frames start … stop − 1, counted from 0, (stop − start, H, W, C) uint8. Blocks are moved as a
    whole, by bicubic interpolation; what comes from outside repeats the border.
    """
    height, width, _ = reference.shape
    stop = ratio if stop is None else stop
    if not vectors.any():
        return reference.expand(stop - start, -1, -1, -1)
    field = dense_field(vectors.float() * vector_unit(ratio), block, height, width)
    picture = reference.permute(2, 0, 1)[None].float()
    times = torch.arange(start + 1, stop + 1, device=reference.device) / ratio
    frames = moved(picture, field * times[:, None, None, None], "bicubic")
    return frames.round_().clamp_(0, 255).to(torch.uint8).permute(0, 2, 3, 1)


def dense_field(vectors: Tensor, block: int, height: int, width: int) -> Tensor:
    """Vectors (..., rows, columns) of blocks → (..., height, width): each pixel that of its block."""
    return vectors.repeat_interleave(block, -2).repeat_interleave(block, -1)[..., :height, :width]


def moved(picture: Tensor, by: Tensor, mode: str) -> Tensor:
    """picture (1, C, H, W), by (N, 2, H, W) pixels → (N, C, H, W): its value at x − by(x).

    mode: how `grid_sample` interpolates, "bilinear" or "bicubic".
    """
    count, _, height, width = by.shape
    x = torch.arange(width, device=by.device) - by[:, 0]
    y = torch.arange(height, device=by.device)[:, None] - by[:, 1]
    # grid_sample wants −1 … 1 from the first pixel's centre to the last's.
    grid = torch.stack((x * (2 / max(width - 1, 1)) - 1, y * (2 / max(height - 1, 1)) - 1), dim=-1)
    pictures = picture.expand(count, -1, -1, -1)
    # Not every version of PyTorch can do this on every device (MPS).
    where = torch.device("cpu") if by.device.type == "mps" else by.device
    sampled = functional.grid_sample(
        pictures.to(where), grid.to(where), mode=mode, padding_mode="border", align_corners=True
    )
    return sampled.to(by.device)
