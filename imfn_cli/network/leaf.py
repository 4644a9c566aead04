"""The leaf transform: one frame to its memory and back."""

from torch import Tensor, nn
from torch.nn import functional

from .config import IMFNConfig
from .linear import OrthonormalMap


class LeafTransform(nn.Module):
    """Cuts a frame into patches and turns each into C numbers; invertible where C is the patch size.

    frames (T, in_channels, H, W) in [0, 1] ──pad──▶ patches (T, h, w, patch_size) ──W──▶ leaves (T, C, h, w)

    Frames are padded at the bottom and right by repeating the border; `inverse` crops it off again. Memories
    are stored channels-last, so that no copy stands between a level and the next.
    """

    def __init__(self, config: IMFNConfig) -> None:
        super().__init__()
        self.config = config
        self.map = OrthonormalMap(config.patch_size, config.channels)

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
