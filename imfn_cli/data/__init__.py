"""Latents as data for training: windows of frames, or of memories, for `torch.utils.data.DataLoader`."""

from typing import TYPE_CHECKING

from ..system.lazy import lazy_attributes

if TYPE_CHECKING:
    from .dataset import LatentDataset
    from .random_windows import RandomWindows

__all__ = ["LatentDataset", "RandomWindows"]

__getattr__, __dir__ = lazy_attributes(
    __name__, {"dataset": ("LatentDataset",), "random_windows": ("RandomWindows",)}
)
