"""Random sequences of independent digits, with their labels, from MNIST's idx files."""

import gzip
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ...errors import InputError
from ...media.problems import reading
from ...media.sources.idx import IdxSequence
from ..vectors.compressors import Components, principal_components

#: Pixels on a side, and in an image.
SIDE, PIXELS = 28, 28 * 28
_FILES = {"train": "train", "test": "t10k"}


@dataclass(frozen=True)
class Digits:
    """Images and what they show: images (count, 784) uint8, labels (count,) int64 from 0 to 9."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.images)

    def draw(self, count: int, length: int, random: np.random.Generator) -> tuple[Tensor, Tensor]:
        """`count` sequences of images drawn with replacement: (count, length, 784) in [0, 1], and labels."""
        return self._take(random.integers(len(self), size=(count, length)))

    @property
    def key(self) -> int:
        """What the checkpoints of baselines know the training images by: how many there are."""
        return len(self)

    @property
    def size(self) -> int:
        """Numbers in a vector: the pixels of an image."""
        return PIXELS

    def sequences(self, count: int, length: int, random: np.random.Generator) -> Tensor:
        """The images of `draw`, without labels."""
        return self.draw(count, length, random)[0]

    def components(self) -> Components:
        """Principal components of all images."""
        return principal_components(unit(self.images))

    def cut(self, length: int, *, longest: int, seed: int) -> tuple[Tensor, Tensor]:
        """Every image once, in an order drawn from `seed`, cut into sequences: (B, length, 784), and labels.

        Images that do not fill a sequence of `longest` (a multiple of `length`) are left out, so that every
        length holds the same images. Raises `InputError` where there are fewer than `longest`.
        """
        whole = len(self) // longest * longest
        if not whole:
            raise InputError(f"{len(self)} test images are too few for sequences of {longest}")
        order = np.random.default_rng(seed).permutation(len(self))[:whole]
        return self._take(order.reshape(-1, length))

    def _take(self, index: np.ndarray) -> tuple[Tensor, Tensor]:
        chosen = torch.from_numpy(index)
        return unit(self.images[chosen]), self.labels[chosen]


def unit(pixels: Tensor) -> Tensor:
    """uint8 → float32 in [0, 1]."""
    return pixels.to(torch.float32).div_(255)


def read_digits(folder: Path, part: Literal["train", "test"], *, most: int | None = None) -> Digits:
    """The first `most` images of MNIST's training or test files in `folder`, .gz or not, and their labels.

    Raises `InputError`, one line, where a file is missing, damaged, of another size or does not fit its pair.
    """
    images = _file(folder, f"{_FILES[part]}-images", "idx3-ubyte")
    labels = _file(folder, f"{_FILES[part]}-labels", "idx1-ubyte")
    sequence = IdxSequence(images, str(images))
    if (sequence.info.height, sequence.info.width) != (SIDE, SIDE):
        raise InputError(
            f"{images}: images of {sequence.info.width}x{sequence.info.height}, not {SIDE}x{SIDE}"
        )
    shown = _labels(labels)
    if len(shown) != sequence.info.frame_count:
        raise InputError(f"{labels}: {len(shown)} labels for {sequence.info.frame_count} images")
    count = len(shown) if most is None else min(most, len(shown))
    pixels = np.empty((count, PIXELS), np.uint8)
    for row, frame in zip(pixels, sequence, strict=False):
        row[:] = frame.pixels.reshape(-1)
    return Digits(torch.from_numpy(pixels), torch.from_numpy(shown[:count].astype(np.int64)))


def _file(folder: Path, stem: str, ending: str) -> Path:
    # Some copies write a dot where the original has a hyphen.
    for name in (f"{stem}-{ending}.gz", f"{stem}-{ending}", f"{stem}.{ending}.gz", f"{stem}.{ending}"):
        if (folder / name).is_file():
            return folder / name
    raise InputError(f"{folder}: holds no {stem}-{ending}.gz; put MNIST's four files there")


def _labels(path: Path) -> np.ndarray:
    """The labels of an idx1-ubyte file: uint8 (count,)."""
    problem = "cannot be read as MNIST labels (idx1-ubyte); is it damaged or cut short?"
    with reading(str(path), problem):
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
        magic, count = struct.unpack(">2I", data[:8])
        if magic != 0x0801 or len(data) != 8 + count:
            raise EOFError("not idx1-ubyte of that length")
        return np.frombuffer(data, np.uint8, offset=8)


def batches_of(sequences: Tensor, images: int) -> Sequence[Tensor]:
    """Sequences (B, N, …) in parts of about `images` images, at least one sequence each."""
    return sequences.split(max(1, images // sequences.shape[1]))
