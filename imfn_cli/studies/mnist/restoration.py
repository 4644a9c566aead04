"""How well images come back from their memories: in floats at every length, and from files."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ... import api
from ...zoo import Model
from ..vectors.compressors import Compressor
from .classifier import Classifier
from .sequences import PIXELS, SIDE, Digits, batches_of

#: Called as models are measured: (what is done, models done, models in all).
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class RestorationRow:
    """One model at one length, over all test images that fill sequences of the longest.

    numbers: of memory for each image.   mse: mean squared error, pixels in [0, 1], restored clamped.
    psnr: mean over the images of theirs, dB.   accuracy: part of the restored digits that the classifier
    recognises; on_originals: of the originals.
    """

    model: str
    seed: int
    length: int
    numbers: float
    mse: float
    psnr: float
    accuracy: float
    on_originals: float


@dataclass(frozen=True)
class FileRow:
    """The same from a latent on disk, written and read by `imfn compress` and `imfn decompress`.

    bytes_per_image: of the whole file. Restored pixels are rounded to 8 bits.
    """

    model: str
    ratio: int
    quality: int
    images: int
    bytes_per_image: float
    mse: float
    psnr: float
    accuracy: float


@torch.inference_mode()
def restorations(
    compressors: Sequence[Compressor],
    test: Digits,
    classifier: Classifier,
    lengths: Sequence[int],
    *,
    seed: int = 0,
    progress: Progress = lambda *_: None,
) -> list[RestorationRow]:
    """Every compressor at every length; all see the same images in the same order, drawn from `seed`."""
    rows = []
    longest = max(lengths)
    originals = classifier.accuracy(*test.cut(longest, longest=longest, seed=seed))
    for index, compressor in enumerate(compressors):
        progress("restoring test images", index, len(compressors))
        for length in lengths:
            images, labels = test.cut(length, longest=longest, seed=seed)
            restored = restored_by(compressor, images)
            mse, psnr = errors(restored, images)
            rows.append(
                RestorationRow(
                    compressor.name,
                    seed,
                    length,
                    compressor.memory_size / length,
                    mse,
                    psnr,
                    classifier.accuracy(restored, labels),
                    originals,
                )
            )
    return rows


def restored_by(compressor: Compressor, images: Tensor) -> Tensor:
    """Images (B, N, 784) → the same through one memory a sequence, clamped to [0, 1]."""
    parts = [
        compressor.restore(compressor.compress(part), part.shape[1]) for part in batches_of(images, 4096)
    ]
    return torch.cat(parts).clamp(0, 1)


def file_rows(
    model: Model, test: Digits, classifier: Classifier, ratio: int, qualities: Sequence[int], *, seed: int = 0
) -> list[FileRow]:
    """The test images through files at `ratio` and each of `qualities`."""
    images, labels = test.cut(ratio, longest=ratio, seed=seed)
    images, labels = images.flatten(0, 1), labels.flatten()
    pixels = (images * 255).round().to(torch.uint8).reshape(-1, SIDE, SIDE).numpy()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for quality in qualities:
            latent, restored = Path(folder) / f"{quality}.safetensors", Path(folder) / f"{quality}.npy"
            report = api.compress(pixels, latent, model=model, ratio=ratio, quality=quality)
            api.decompress(latent, restored, model=model)
            rows.append(
                _file_row(model.name, ratio, quality, report.bytes, restored, images, labels, classifier)
            )
    return rows


def _file_row(
    name: str,
    ratio: int,
    quality: int,
    size: int,
    path: Path,
    images: Tensor,
    labels: Tensor,
    classifier: Classifier,
) -> FileRow:
    restored = torch.from_numpy(np.load(path)).reshape(-1, PIXELS).float() / 255
    mse, psnr = errors(restored, images)
    accuracy = classifier.accuracy(restored, labels)
    return FileRow(name, ratio, quality, len(images), size / len(images), mse, psnr, accuracy)


def errors(restored: Tensor, images: Tensor) -> tuple[float, float]:
    """Mean squared error, and mean over the images (last axis) of PSNR in dB, at most 100."""
    each = (restored - images).square().mean(-1).double()
    return float(each.mean()), float((-10 * each.clamp_min(1e-10).log10()).mean())
