"""Motion estimation: the motion vectors of a window, found by the encoder. See `compensate.py`."""

import torch
from torch import Tensor
from torch.nn import functional

from .compensate import dense_field, moved, vector_unit

#: Largest motion vector, in pixels, either way.
MAX_VECTOR = 64
# Pictures are halved this often for the coarsest search: a block's whole surroundings move.
_COARSEST = 3
# What a unit of roughness costs, in grey levels of mean absolute error: noise must not pass for motion.
_ROUGHNESS = 0.3
# Pixels that are compared at once.
_AT_ONCE = 1 << 19


def search_frames(ratio: int) -> tuple[int, ...]:
    """The frames 1 … r of a window that the search compares.

    The middle and the end tell most; all of them would cost r times as much.
    """
    return tuple(sorted({(ratio + 1) // 2, ratio}))


def estimate_motion(reference: Tensor, window: Tensor, ratio: int, block: int, before: Tensor) -> Tensor:
    """Motion vectors (2, rows, columns), integers in units, whose prediction comes near the window.

    reference (H, W), window (L, H, W): `luma` of the reference frame, and of the window's frames
    `search_frames(ratio)`.   before (2, rows, columns): vectors to try as well, those of the window before.

    Hierarchical search: pictures an eighth of the size first, then each block's best and its neighbours',
    refined. Deterministic; only the encoder searches, so nothing depends on another machine doing the same.
    """
    search = _Search(reference, window, ratio, block)
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
    """Pictures at every scale, and how well motion vectors explain them."""

    def __init__(self, reference: Tensor, window: Tensor, ratio: int, block: int) -> None:
        self.block = block
        self.times = torch.tensor(search_frames(ratio), device=window.device) / ratio
        pictures = torch.cat((reference[None], window))[:, None].float()
        # Whole blocks, and whole pixels at every scale.
        height, width = pictures.shape[2:]
        padding = (0, -width % block, 0, -height % block)
        self._luma = {1: functional.pad(pictures, padding, mode="replicate")}

    def pictures(self, scale: int) -> Tensor:
        """(1 + L, 1, H/scale, W/scale): the reference frame, then the window's that are searched."""
        if scale not in self._luma:
            self._luma[scale] = functional.avg_pool2d(self.pictures(scale // 2), 2)
        return self._luma[scale]

    def cost(self, vectors: Tensor, scale: int, around: Tensor) -> Tensor:
        """(K, rows, columns): the cost of K fields of vectors (K, 2, rows, columns), in pixels.

        Mean absolute error of each block, and what its roughness costs. around (2, rows, columns): what a
        smooth field has there.
        """
        pictures = self.pictures(scale)
        height, width = pictures.shape[2:]
        field = dense_field(vectors / scale, self.block // scale, height, width)
        by = field[:, None] * self.times[:, None, None, None]
        predicted = moved(pictures[:1], by.flatten(0, 1), "bilinear").unflatten(0, by.shape[:2])
        error = (predicted - pictures[1:]).abs_().mean(dim=1)
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
        near = [_neighbour(start, by, axis) for axis in (1, 2) for by in (1, -1)]
        stepped = [start + start.new_tensor(step)[:, None, None] for step in steps]
        candidates = torch.stack([start, *stepped, *near, *others])
        pixels = self.pictures(scale)[1:].numel()
        # At once where pictures are small, in turns where they are not.
        parts = candidates.split(max(1, _AT_ONCE // pixels))
        costs = torch.cat([self.cost(part, scale, around) for part in parts])
        best = costs.argmin(dim=0)
        return candidates.gather(0, best[None, None].expand(1, 2, -1, -1))[0]


def _neighbour(field: Tensor, by: int, axis: int) -> Tensor:
    """The field with each block's value from its neighbour `by` blocks before, the border repeated."""
    size = field.shape[axis]
    index = (torch.arange(size, device=field.device) - by).clamp_(0, size - 1)
    return field.index_select(axis, index)


def _median_around(field: Tensor) -> Tensor:
    """Median of a block's four neighbours and itself."""
    near = [field, *(_neighbour(field, by, axis) for axis in (1, 2) for by in (1, -1))]
    return torch.stack(near).median(dim=0).values
