"""The leaf transform: one frame to its memory and back."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from .branch import Branch
from .config import IMFNConfig
from .linear import OrthonormalMap
from .root_coding import RootCoding

#: Grid positions that are refined at once where there are no gradients: bounds the branch's hidden values.
POSITIONS = 1 << 14


class LeafTransform(nn.Module):
    """Cuts a frame into patches and turns each into C numbers; invertible where C is the patch size.

    frames (T, in_channels, H, W) in [0, 1] ──pad──▶ patches (T, h, w, patch_size) ──W──▶ leaves (T, C, h, w)

    Frames are padded at the bottom and right by repeating the border; `inverse` crops it off again. Memories
    lie channels-last, so that no copy stands between a level and the next.

    With `config.leaf_width` a learned branch refines leaves before they become pixels again: rounding treats
    every patch on its own and leaves edges between them, which neighbouring patches give away.
    """

    def __init__(self, config: IMFNConfig) -> None:
        super().__init__()
        self.config = config
        self.map = OrthonormalMap(config.patch_size, config.channels)
        self.inverse_branch: Branch | None = None
        if config.leaf_width:
            c = config.channels
            self.inverse_branch = Branch(
                *(c, c, config.leaf_width, config.leaf_blocks),
                kernel=config.kernel,
                conditions=config.levels + 1,
            )

    def patches(self, frames: Tensor) -> Tensor:
        """Frames (T, in_channels, H, W) → patches (T, h, w, patch_size), rows, columns, channels inside."""
        c = self.config
        if frames.ndim != 4 or frames.shape[1] != c.in_channels:
            raise ValueError(f"frames must be (T, {c.in_channels}, H, W), not {tuple(frames.shape)}")
        height, width = frames.shape[2:]
        h, w = c.grid(height, width)
        below, right = h * c.patch_height - height, w * c.patch_width - width
        if below or right:
            frames = functional.pad(frames, (0, right, 0, below), mode="replicate")
        pixels = frames.permute(0, 2, 3, 1)
        cut = pixels.reshape(-1, h, c.patch_height, w, c.patch_width, c.in_channels)
        return cut.permute(0, 1, 3, 2, 4, 5).reshape(-1, h, w, c.patch_size)

    def forward(self, frames: Tensor) -> Tensor:
        """Frames (T, in_channels, H, W) in [0, 1] → leaves (T, C, h, w)."""
        memory: Tensor = self.map(self.patches(frames))
        return memory.permute(0, 3, 1, 2)

    def refine(self, leaves: Tensor, coding: RootCoding, positions: int = POSITIONS) -> Tensor:
        """Leaves (T, C, h, w) that came out of rounded memories → nearer to what they were, (T, C, h, w).

        What is added is in units of the quantisation step: where nothing was rounded, leaves stay as they
        are; and where `coding.refine` is False. positions: grid positions at once, without gradients.
        """
        branch = self.inverse_branch
        if branch is None or not coding.step or not coding.refine:
            return leaves
        condition = coding.condition(self.config.levels).to(leaves)
        rows = leaves.permute(0, 2, 3, 1)
        count = len(rows) if torch.is_grad_enabled() else max(1, positions // rows[0, ..., 0].numel())
        parts = [part + coding.step * branch(part, condition) for part in rows.split(count)]
        return torch.cat(parts).permute(0, 3, 1, 2)

    def inverse(self, leaves: Tensor, height: int, width: int) -> Tensor:
        """Leaves (T, C, h, w) → frames (T, in_channels, height, width), not clamped."""
        c = self.config
        h, w = leaves.shape[2:]
        patches = self.map.inverse(leaves.permute(0, 2, 3, 1))
        cut = patches.reshape(-1, h, w, c.patch_height, c.patch_width, c.in_channels)
        pixels = cut.permute(0, 1, 3, 2, 4, 5).reshape(
            -1, h * c.patch_height, w * c.patch_width, c.in_channels
        )
        return pixels[:, :height, :width].permute(0, 3, 1, 2)
