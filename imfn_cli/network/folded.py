"""The linear tree in one matrix product: root = Σ_t P_t z_t + const, from pixels to memory and back."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from .config import IMFNConfig
from .tree import IMFN

# Numbers in one folded matrix: beyond this it costs more memory and time to make than it saves.
_LARGEST = 1 << 22


def foldable_level(config: IMFNConfig) -> int:
    """The highest level of a linear tree that is worth folding, at least 0: matrices grow with the ratio."""
    ratio = _LARGEST // (config.channels * config.patch_size)
    return min(config.levels, max(ratio, 1).bit_length() - 1)


class Folded(NamedTuple):
    """The linear part of a tree over r patches x_t, multiplied out in float64 on the CPU.

    root = Σ_t merge[t] @ (x_t − mean[t]), and x_t ≈ split[t] @ root + mean[t]: the zero memory restores to
    `mean`, and `mean` merges to the zero memory, since every map's rows are orthonormal.
    """

    merge: Tensor  # (r, C, patch_size): P_t
    split: Tensor  # (r, patch_size, C)
    mean: Tensor  # (r, patch_size)


def fold(network: IMFN, level: int) -> Folded:
    """Multiply the linear maps of leaf transform and sweepers 1 … `level` out, without learned branches."""
    with torch.no_grad():
        leaf = network.leaf.map
        return _fold(network, level, leaf.weight.cpu().double(), leaf.mean.cpu().double())


def fold_leaves(network: IMFN, level: int) -> Folded:
    """The same without the leaf transform: root = Σ_t P_t (z_t − mean_t) over r leaves z_t, C numbers each.

    merge (r, C, C), split (r, C, C) and mean (r, C); the P_t side by side, (C, r · C), have orthonormal rows.
    """
    channels = network.config.channels
    with torch.no_grad():
        return _fold(network, level, torch.eye(channels).double(), torch.zeros(channels).double())


def _fold(network: IMFN, level: int, leaf: Tensor, centre_of_leaf: Tensor) -> Folded:
    """Sweepers 1 … `level` after the map x ↦ leaf @ (x − centre), (C, k) and (k,)."""
    # On the CPU: not every device (MPS) has float64.
    merge = leaf[None]  # (frames of a subtree, C, k)
    split = merge.mT
    mean = centre_of_leaf[None]
    for above in range(1, level + 1):
        weight = network.sweeper(above).map.weight.cpu().double()  # (C, 2C)
        centre = network.sweeper(above).map.mean.cpu().double()
        halves = weight.chunk(2, dim=1)
        mean = torch.cat([mean + split @ half for half in centre.chunk(2)])
        merge = torch.cat([half @ merge for half in halves])
        split = torch.cat([split @ half.mT for half in halves])
    return Folded(merge, split, mean)


class FoldedTree:
    """All merges of a linear IMFN up to one level, folded into one matrix each way.

    A linear tree's root is a sum over its leaves, so leaf transform and sweepers multiply out to a matrix
    (C, r · patch_size) and its inverse to (r · patch_size, C): one product a frame instead of one a level.
    Works on 8-bit pixels, so that patches are cut and put together in bytes.
    """

    def __init__(self, network: IMFN, level: int) -> None:
        self.config = network.config
        self.ratio = 1 << level
        self._network, self._level = network, level
        folded = fold(network, level)
        device = network.leaf.map.weight.device
        matrix = folded.merge.permute(1, 0, 2).reshape(self.config.channels, -1)
        self._merge = (matrix.T / 255).float().contiguous().to(device)
        self._merge_bias = -(matrix @ folded.mean.flatten()).float().to(device)
        self._split = (255 * folded.split).float().to(device)  # (r, patch_size, C)
        self._split_bias = (255 * folded.mean).float().to(device)  # (r, patch_size)

    def __getstate__(self) -> dict[str, Any]:
        """Without what oneDNN holds, which can be neither copied nor pickled, and is made anew."""
        return {name: value for name, value in vars(self).items() if name != "_by_onednn"}

    def compress(self, pixels: Tensor) -> Tensor:
        """Pixels (T, H, W, in_channels) uint8, T a multiple of r → memories (T/r, C, h, w) float32."""
        c, r = self.config, self.ratio
        count, height, width = pixels.shape[:3]
        if count % r or pixels.shape[3] != c.in_channels:
            raise ValueError(
                f"pixels must be (multiple of {r}, H, W, {c.in_channels}), not {tuple(pixels.shape)}"
            )
        h, w = c.grid(height, width)
        pixels = _repeat_border(pixels, 1, h * c.patch_height)
        pixels = _repeat_border(pixels, 2, w * c.patch_width)
        cut = pixels.reshape(count // r, r, h, c.patch_height, w, c.patch_width, c.in_channels)
        rows = cut.permute(0, 2, 4, 1, 3, 5, 6).reshape(-1, r * c.patch_size)
        memories = torch.addmm(self._merge_bias, rows.float(), self._merge)
        return memories.reshape(-1, h, w, c.channels).permute(0, 3, 1, 2)

    def restore(self, memories: Tensor, height: int, width: int, start: int, stop: int) -> Tensor:
        """Memories (N, C, h, w) → frames start … stop − 1, pixels (stop − start, H, W, in_channels) uint8."""
        c = self.config
        trees, frames = self._wanted(memories, start, stop)
        rows = trees.permute(0, 2, 3, 1).flatten(0, 2)
        h, w = memories.shape[2:]
        patch = c.patch_height, c.patch_width, c.in_channels
        cut = len(trees), len(frames), h, patch[0], w, *patch[1:]
        found = torch.empty(cut, dtype=torch.uint8, device=rows.device)
        # Frame by frame: what one product gives is in the cache yet when it becomes bytes.
        for index, values in enumerate(self._frame_products(rows, frames)):
            patches = values.round_().clamp_(0, 255).view(len(trees), h, w, *patch)
            found[:, index] = patches.permute(0, 1, 3, 2, 4, 5)
        pixels = found.view(-1, h * c.patch_height, w * c.patch_width, c.in_channels)
        first = start % self.ratio - frames.start
        return pixels[first : first + stop - start, :height, :width]

    def leaves(self, memories: Tensor, start: int, stop: int) -> Tensor:
        """Memories (N, C, h, w) → leaves start … stop − 1, (stop − start, C, h, w)."""
        trees, frames = self._wanted(memories, start, stop)
        split, bias = (part[frames.start : frames.stop] for part in self._split_to_leaves)
        rows = trees.permute(0, 2, 3, 1)
        values = torch.addmm(bias.flatten(), rows.flatten(0, 2), split.flatten(0, 1).T)
        leaves = values.reshape(*rows.shape[:3], *bias.shape).permute(0, 3, 4, 1, 2).flatten(0, 1)
        first = start % self.ratio - frames.start
        return leaves[first : first + stop - start]

    @cached_property
    def _split_to_leaves(self) -> tuple[Tensor, Tensor]:
        folded = fold_leaves(self._network, self._level)
        device = self._split.device
        return folded.split.float().to(device), folded.mean.float().to(device)  # (r, C, C), (r, C)

    def _wanted(self, memories: Tensor, start: int, stop: int) -> tuple[Tensor, range]:
        """The trees that hold frames start … stop − 1, and which frames of each are computed.

        Of a single tree only the wanted frames are computed; of several, all of each.
        """
        r = self.ratio
        if not 0 <= start < stop <= len(memories) * r:
            raise ValueError(f"frames {start}:{stop} of {len(memories) * r}")
        trees = memories[start // r : -(-stop // r)]
        first = start % r
        return trees, range(first, first + stop - start) if len(trees) == 1 else range(r)

    def _frame_products(self, rows: Tensor, frames: range) -> Iterator[Tensor]:
        """Rows (P, C) of memories → the patches (P, patch_size) of each frame, not rounded."""
        if rows.device.type != "cpu" or torch.is_autocast_enabled("cpu") or not self._by_onednn:
            for frame in frames:
                yield torch.addmm(self._split_bias[frame], rows, self._split[frame].T)
            return
        held = rows.to_mkldnn()
        for frame in frames:
            yield functional.linear(held, *self._by_onednn[frame]).to_dense()

    @cached_property
    def _by_onednn(self) -> list[tuple[Tensor, Tensor]]:
        """Weight and bias of each frame for oneDNN; empty where there is none.

        On processors that are not Intel's its products are twice as quick as those of torch.addmm, by MKL.
        """
        if not torch.backends.mkldnn.is_available():
            return []
        parts = zip(self._split, self._split_bias, strict=True)
        return [(weight.to_mkldnn(), bias.to_mkldnn()) for weight, bias in parts]


def _repeat_border(pixels: Tensor, axis: int, size: int) -> Tensor:
    missing = size - pixels.shape[axis]
    if not missing:
        return pixels
    last = pixels.narrow(axis, pixels.shape[axis] - 1, 1)
    return torch.cat([pixels] + [last] * missing, dim=axis)
