"""How alike two clips are: PSNR, SSIM and MS-SSIM of 8-bit frames, each the mean over frames."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from ..media.psnr import from_mse
from .extra import installed, left_out

if TYPE_CHECKING:
    from torch import Tensor

Pixels = NDArray[np.uint8]

# ITU-R BT.601, limited range: 8-bit RGB → Y in 16 … 235, U and V in 16 … 240.
_YUV = tuple(
    tuple(weight / 255 for weight in weights)
    for weights in ((65.481, 128.553, 24.966), (-37.797, -74.203, 112.0), (112.0, -93.786, -18.214))
)
_OFFSET = (16.0, 128.0, 128.0)
#: Smallest side of a frame with a single 11×11 window, and with one at a sixteenth of its size.
SSIM_SIDE, MS_SSIM_SIDE = 11, 161
# Pixels that are compared at once.
_BATCH_PIXELS = 24 * 320 * 240


@dataclass(frozen=True)
class Metrics:
    """Means over the frames of a clip; see `Row` for each. notes: why something is None."""

    frames: int
    psnr_rgb: float
    psnr_yuv: float | None
    psnr_y: float
    ssim: float | None
    ms_ssim: float | None
    psnr_per_frame: tuple[float, ...]
    notes: tuple[str, ...]


def yuv(planes: "Tensor") -> "Tensor":
    """RGB planes (3, …), floats 0 … 255 → YUV of the same shape, or gray (1, …) → Y; rounded to 8-bit levels.

    Not subsampled: so no filter is part of the measure, and odd sizes need no rule.
    """
    if len(planes) == 1:
        return (planes * sum(_YUV[0]) + _OFFSET[0]).round_()
    # Plane by plane: a matrix of three rows is what matrix products are slowest at.
    out = torch.empty_like(planes)
    for plane, weights, offset in zip(out, _YUV, _OFFSET, strict=True):
        torch.mul(planes[0], weights[0], out=plane)
        plane.add_(planes[1], alpha=weights[1]).add_(planes[2], alpha=weights[2]).add_(offset).round_()
    return out


class Comparison:
    """Takes pairs of frames in order, and gives their `Metrics` at the end. Holds a few frames at a time."""

    def __init__(self) -> None:
        self._pairs: list[tuple[Pixels, Pixels]] = []
        # One line per frame: RGB, Y, U, V.
        self._psnr: list[list[float]] = []
        self._ssim: list[Tensor] = []
        self._ms_ssim: list[Tensor] = []
        self._structure = installed("pytorch_msssim")

    def add(self, original: Pixels, restored: Pixels) -> None:
        """The next frame before and after, (H, W, 3 or 1) uint8 both."""
        if original.shape != restored.shape:
            raise ValueError(f"frames of {original.shape} and {restored.shape} cannot be compared")
        self._pairs.append((original, restored))
        if len(self._pairs) * original.shape[0] * original.shape[1] >= _BATCH_PIXELS:
            self._compare()

    @torch.inference_mode()
    def _compare(self) -> None:
        before, after = (_planes(frames) for frames in zip(*self._pairs, strict=True))
        self._pairs = []
        rgb = _squared_error(before, after).mean(dim=0)
        before, after = yuv(before), yuv(after)
        planes = _squared_error(before, after)
        for errors in torch.cat([rgb[None], planes]).T.tolist():
            self._psnr.append([from_mse(error) for error in errors])
        side = min(before.shape[2:])
        if self._structure and side >= SSIM_SIDE:
            ssim, ms_ssim = _structure(before[0], after[0], scales=side >= MS_SSIM_SIDE)
            self._ssim.append(ssim)
            if ms_ssim is not None:
                self._ms_ssim.append(ms_ssim)
        self._side = side

    def result(self) -> Metrics:
        """The means. Raises `ValueError` where no frame came."""
        if self._pairs:
            self._compare()
        if not self._psnr:
            raise ValueError("no frames to compare")
        table = np.array(self._psnr)
        means = table.mean(axis=0)
        notes = []
        if table.shape[1] == 2:
            notes.append("psnr_yuv: the clip is gray")
        if not self._structure:
            notes.append(f"ssim, ms_ssim: {left_out('pytorch_msssim')}")
        for name, least in (("ssim", SSIM_SIDE), ("ms_ssim", MS_SSIM_SIDE)):
            if self._structure and self._side < least:
                notes.append(f"{name}: needs frames of {least} pixels a side, here {self._side}")
        return Metrics(
            frames=len(table),
            psnr_rgb=float(means[0]),
            psnr_yuv=float(means[1:] @ [6, 1, 1] / 8) if table.shape[1] == 4 else None,
            psnr_y=float(means[1]),
            ssim=float(torch.cat(self._ssim).mean()) if self._ssim else None,
            ms_ssim=float(torch.cat(self._ms_ssim).mean()) if self._ms_ssim else None,
            psnr_per_frame=tuple(table[:, 0].tolist()),
            notes=tuple(notes),
        )


def _planes(frames: Sequence[Pixels]) -> "Tensor":
    """Frames (H, W, C) uint8 → planes (C, T, H, W), floats 0 … 255."""
    height, width, channels = frames[0].shape
    planes = np.empty((channels, len(frames), height, width), np.float32)
    for index, frame in enumerate(frames):
        planes[:, index] = np.moveaxis(frame, 2, 0)
    return torch.from_numpy(planes)


def _squared_error(before: "Tensor", after: "Tensor") -> "Tensor":
    """Planes (C, T, H, W) → mean squared error of each (C, T)."""
    return (before - after).square_().mean(dim=(2, 3)).to(torch.float64)


def _as_channels(planes: "Tensor") -> "Tensor":
    """Planes (T, H, W) → one picture (1, T, H, W) whose channels lie side by side in memory."""
    # Transposing two dimensions is what copying is quick at.
    flat = planes.flatten(1).T.contiguous()
    return flat.view(1, *planes.shape[1:], len(planes)).permute(0, 3, 1, 2)


def _structure(before: "Tensor", after: "Tensor", *, scales: bool) -> "tuple[Tensor, Tensor | None]":
    """Planes (T, H, W) → SSIM (T,) and, with `scales`, MS-SSIM (T,).

    What `pytorch_msssim.ssim` and `ms_ssim` give, frame by frame, in half the time: the first scale of one is
    the other, and frames that stand as channels of one picture convolve four times faster than one by one.
    """
    # Of the extra `eval`; without it nobody comes here.
    from pytorch_msssim.ssim import _fspecial_gauss_1d, _ssim

    count = len(before)
    window = _fspecial_gauss_1d(11, 1.5).repeat(count, 1, 1, 1)
    pair = [_as_channels(planes) for planes in (before, after)]
    ssim, contrast = _ssim(*pair, data_range=255, win=window, size_average=False)
    if not scales:
        return ssim[0], None
    product, weights = torch.ones(count), (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
    smallest = ssim
    for weight in weights[:-1]:
        product = product * torch.relu(contrast[0]) ** weight
        padding = [side % 2 for side in pair[0].shape[2:]]
        pair = [torch.nn.functional.avg_pool2d(plane, 2, padding=padding) for plane in pair]
        smallest, contrast = _ssim(*pair, data_range=255, win=window, size_average=False)
    return ssim[0], product * torch.relu(smallest[0]) ** weights[-1]
