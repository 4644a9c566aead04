"""Motion over a window of frames: a forecast of the window from the frame before it, and its estimation.

A shift is what a block moves by from the frame before the window to the window's last frame, (dx, dy) in
units of `shift_unit` pixels: content at x in frame t = 1 … r comes from x − t/r · shift in that frame before.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

#: Side of a block, in patches.
BLOCK_PATCHES = 2
#: Largest shift, in pixels, either way.
MAX_VECTOR = 64
# Pictures are halved this often for the coarsest look: a block's whole surroundings move.
_COARSEST = 3
# What a unit of roughness costs, in grey levels of mean absolute error: noise shall not look like motion.
_ROUGHNESS = 0.3
# Pixels that are compared at once.
_AT_ONCE = 1 << 19


def vector_unit(ratio: int) -> float:
    """Pixels that a shift's unit stands for: the finer, the fewer frames lie between its ends."""
    return min(1.0, ratio / 4)


def block_grid(height: int, width: int, block: int) -> tuple[int, int]:
    """Blocks of `block` pixels a side that cover a picture: (rows, columns)."""
    return -(-height // block), -(-width // block)


def compensate(
    last: Tensor, vectors: Tensor, block: int, ratio: int, start: int = 0, stop: int | None = None
) -> Tensor:
    """The frame before a window, carried on along the motion: a guess at the window.

    last (H, W, C) uint8; shifts (2, rows, columns) integers, in units. Returns the window's frames
    start … stop − 1, counted from 0, (stop − start, H, W, C) uint8. Blocks are moved as a whole, by bicubic
    interpolation; what comes from outside repeats the border.
    """
    height, width, _ = last.shape
    stop = ratio if stop is None else stop
    if not vectors.any():
        return last.expand(stop - start, -1, -1, -1)
    end = _dense(vectors.float() * vector_unit(ratio), block, height, width)
    picture = last.permute(2, 0, 1)[None].float()
    times = torch.arange(start + 1, stop + 1, device=last.device) / ratio
    frames = _moved(picture, end * times[:, None, None, None], "bicubic")
    return frames.round_().clamp_(0, 255).to(torch.uint8).permute(0, 2, 3, 1)


def search_frames(ratio: int) -> tuple[int, ...]:
    """The frames 1 … r of a window that motion is looked for in.

    The middle and the end tell most; a look at every frame would cost r times as much.
    """
    return tuple(sorted({(ratio + 1) // 2, ratio}))


def luma(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Pixels (..., H, W, 1 or 3) → their brightness (..., H, W), by BT.601."""
    if pixels.shape[-1] == 1:
        return pixels[..., 0]
    red, green, blue = (pixels[..., i].astype(np.uint16) for i in range(3))
    return ((77 * red + 150 * green + 29 * blue) >> 8).astype(np.uint8)


def estimate_motion(last: Tensor, window: Tensor, ratio: int, block: int, before: Tensor) -> Tensor:
    """Shifts (2, rows, columns), integers, that make `forecast` come near the window.

    last (H, W), window (L, H, W): `luma` of the frame before the window, and of its frames `looks(ratio)`.
    before (2, rows, columns): shifts to try as well, those of the window before.
    Coarse to fine: pictures an eighth of the size first, then each block's and its neighbours' best, refined.
    Deterministic; only the encoder looks for motion, so nothing depends on another machine doing the same.
    """
    search = _Search(last, window, ratio, block)
    best = torch.zeros(before.shape, device=window.device)
    for depth in range(_COARSEST, 0, -1):
        scale = 1 << depth
        if block % scale:
            continue
        reach = 3 if depth == _COARSEST else 1
        ring = range(-reach, reach + 1)
        candidates = [(float(dx * scale), float(dy * scale)) for dy in ring for dx in ring if dx or dy]
        others = [torch.zeros_like(best), before * vector_unit(ratio)]
        best = search.refine(best, scale, candidates, others)
    unit, step = vector_unit(ratio), 1.0
    finest = [(dx, dy) for dy in (-1.0, 0.0, 1.0) for dx in (-1.0, 0.0, 1.0) if dx or dy]
    fine = 1 if block % 2 else 2
    best = search.refine(best, fine, finest, [])
    while unit < 1 and unit <= (step := step / 2):
        best = search.refine(best, 1, [(dx * step, dy * step) for dx, dy in finest], [])
    return (best / unit).round().clamp(-MAX_VECTOR / unit, MAX_VECTOR / unit).int()


class _Search:
    """Pictures at every scale, and how well shifts explain them."""

    def __init__(self, last: Tensor, window: Tensor, ratio: int, block: int) -> None:
        self.block = block
        self.times = torch.tensor(search_frames(ratio), device=window.device) / ratio
        pictures = torch.cat((last[None], window))[:, None].float()
        # Whole blocks, and whole pixels at every scale.
        height, width = pictures.shape[2:]
        padding = (0, -width % block, 0, -height % block)
        self._luma = {1: functional.pad(pictures, padding, mode="replicate")}

    def pictures(self, scale: int) -> Tensor:
        """(1 + looks, 1, H/scale, W/scale): the frame before the window, then those looked at."""
        if scale not in self._luma:
            self._luma[scale] = functional.avg_pool2d(self.pictures(scale // 2), 2)
        return self._luma[scale]

    def cost(self, vectors: Tensor, scale: int, around: Tensor) -> Tensor:
        """(K, rows, columns): of K fields of shifts (K, 2, rows, columns), in pixels, how well they do.

        Mean absolute error of each block, and what its roughness costs.
        """
        pictures = self.pictures(scale)
        height, width = pictures.shape[2:]
        end = _dense(vectors / scale, self.block // scale, height, width)
        by = end[:, None] * self.times[:, None, None, None]
        moved = _moved(pictures[:1], by.flatten(0, 1), "bilinear").unflatten(0, by.shape[:2])
        error = (moved - pictures[1:]).abs_().mean(dim=1)
        blocks = functional.avg_pool2d(error, self.block // scale)
        if scale > 2:
            # Small blocks of a small picture see too little; their surroundings help.
            blocks = functional.avg_pool2d(blocks, 3, 1, 1, count_include_pad=False)
        rough = (vectors - around).abs().sum(dim=1).add_(1).log2_()
        return blocks[:, 0].add_(rough, alpha=_ROUGHNESS)

    def refine(
        self, start: Tensor, scale: int, steps: list[tuple[float, float]], others: list[Tensor]
    ) -> Tensor:
        """The best for each block of: start, start + each step, its neighbours' start, and `others`."""
        around = _median_around(start)
        near = [_shifted(start, by, axis) for axis in (1, 2) for by in (1, -1)]
        moved = [start + start.new_tensor(step)[:, None, None] for step in steps]
        candidates = torch.stack([start, *moved, *near, *others])
        pixels = self.pictures(scale)[1:].numel()
        # At once where pictures are small, in turns where they are not.
        parts = candidates.split(max(1, _AT_ONCE // pixels))
        costs = torch.cat([self.cost(part, scale, around) for part in parts])
        best = costs.argmin(dim=0)
        return candidates.gather(0, best[None, None].expand(1, 2, -1, -1))[0]


def _dense(vectors: Tensor, block: int, height: int, width: int) -> Tensor:
    """(..., rows, columns) → (..., height, width): each pixel that of its block."""
    return vectors.repeat_interleave(block, -2).repeat_interleave(block, -1)[..., :height, :width]


def _moved(picture: Tensor, by: Tensor, mode: str) -> Tensor:
    """picture (1, C, H, W), by (N, 2, H, W) pixels → (N, C, H, W): value at x − by(x)."""
    count, _, height, width = by.shape
    x = torch.arange(width, device=by.device) - by[:, 0]
    y = torch.arange(height, device=by.device)[:, None] - by[:, 1]
    # grid_sample wants −1 … 1 from the first pixel's centre to the last's.
    grid = torch.stack((x * (2 / max(width - 1, 1)) - 1, y * (2 / max(height - 1, 1)) - 1), dim=-1)
    pictures = picture.expand(count, -1, -1, -1)
    # Not every version of PyTorch can do this on every device (MPS).
    where = torch.device("cpu") if by.device.type == "mps" else by.device
    moved = functional.grid_sample(
        pictures.to(where), grid.to(where), mode=mode, padding_mode="border", align_corners=True
    )
    return moved.to(by.device)


def _shifted(field: Tensor, by: int, axis: int) -> Tensor:
    """The field moved by one block, its border repeated."""
    size = field.shape[axis]
    index = (torch.arange(size, device=field.device) - by).clamp_(0, size - 1)
    return field.index_select(axis, index)


def _median_around(field: Tensor) -> Tensor:
    """Median of a block's four neighbours and itself."""
    near = [field, *(_shifted(field, by, axis) for axis in (1, 2) for by in (1, -1))]
    return torch.stack(near).median(dim=0).values
