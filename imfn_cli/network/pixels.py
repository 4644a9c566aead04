"""8-bit pixels to frames and back."""

import torch
from torch import Tensor

# Luma of Rec. 601, for an RGB source and a model of gray frames.
_LUMA = (0.299, 0.587, 0.114)


def frames_from_pixels(pixels: Tensor, in_channels: int) -> Tensor:
    """Pixels (T, H, W, 1 or 3) uint8 → frames (T, in_channels, H, W) float32 in [0, 1], lying channels-last.

    Gray becomes three equal channels, and RGB becomes its luma, where the model wants the other.
    """
    if pixels.ndim != 4 or pixels.shape[3] not in (1, 3) or pixels.dtype != torch.uint8:
        raise ValueError(f"pixels must be (T, H, W, 1 or 3) uint8, not {tuple(pixels.shape)} {pixels.dtype}")
    frames = pixels.to(torch.float32) / 255
    if pixels.shape[3] != in_channels:
        frames = frames.expand(-1, -1, -1, 3) if in_channels == 3 else frames @ _luma(frames)
    return frames.permute(0, 3, 1, 2)


def pixels_from_frames(frames: Tensor, channels: int) -> Tensor:
    """Frames (T, in_channels, H, W) → pixels (T, H, W, channels) uint8, rounded and clamped to 0 … 255."""
    values = frames.permute(0, 2, 3, 1)
    if values.shape[3] != channels:
        values = values @ _luma(values) if channels == 1 else values.expand(-1, -1, -1, channels)
    return (values * 255).round_().clamp_(0, 255).to(torch.uint8)


def _luma(like: Tensor) -> Tensor:
    return torch.tensor(_LUMA, dtype=like.dtype, device=like.device)[:, None]
