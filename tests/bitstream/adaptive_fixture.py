"""An adaptive forest of version 5 for ever: a model of few numbers, a clip, and what was made of both."""

import lzma
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import imfn_cli as imfn
from imfn_cli import codec
from imfn_cli.bitstream.container.growing_writer import GrowingWriter
from imfn_cli.bitstream.entropy.entropy_model import EntropyModel
from imfn_cli.bitstream.open import open_latent
from imfn_cli.codec import sequence_header
from imfn_cli.codec.adaptive import partition
from imfn_cli.network import IMFN, IMFNConfig
from imfn_cli.zoo import load, save

from .builders import integer_tensors, noise

FOLDER = Path(__file__).parent / "fixtures" / "v5"
#: Of the latent: GOPs of five, five and two frames, and the levels of their trees.
FRAMES, LEVELS = 12, [0, 2, 0, 2, 0, 0]
QUALITY = 70.5
#: Frames of the growing latent's trees that are whole; its last record is cut off.
GROWN = 11


def unpacked_model(folder: Path) -> Path:
    """The model, its weights unpacked to `folder`: three quarters of a megabyte of few numbers."""
    (folder / "config.json").write_bytes((FOLDER / "config.json").read_bytes())
    (folder / "model.safetensors").write_bytes(
        lzma.decompress((FOLDER / "model.safetensors.xz").read_bytes())
    )
    return folder


def clip() -> NDArray[np.uint8]:
    """Twelve frames of 29×44, half moving and half still, all another from frame 8 on; by whole numbers."""
    y, x = np.mgrid[:29, :44]
    frames = np.zeros((FRAMES, 29, 44, 3), np.int64)
    for t in range(FRAMES):
        shift = np.where(x < 22, 0, t)
        for plane in range(3):
            waves = (y * (3 + plane) + (x + shift) * 5) % 64 + (y // 7 + (x + 2 * shift) // 9) % 2 * 70
            frames[t, ..., plane] = 60 + waves if t < 8 else 200 - 20 * plane - waves
    return np.clip(frames + noise(frames.size, -5, 5, 7).reshape(frames.shape), 0, 255).astype(np.uint8)


def regenerate(work: Path, patch: pytest.MonkeyPatch) -> None:
    """Write model, latent, growing latent, and the frames that they hold."""
    FOLDER.mkdir()
    save(work, _network(), EntropyModel(_no_entropy()), {"name": "v5", "kind": "linear"})
    (FOLDER / "config.json").write_bytes((work / "config.json").read_bytes())
    (FOLDER / "model.safetensors.xz").write_bytes(
        lzma.compress((work / "model.safetensors").read_bytes(), preset=9)
    )
    model, path = load(str(work), device="cpu"), FOLDER / "latent.safetensors"
    patch.setattr(sequence_header, "__version__", "0.1.0")
    patch.setattr(partition, "_WINDOW_BIAS", 0.6)
    imfn.compress(clip(), path, model=model, ratio="auto", quality=QUALITY, gop=4, effort=3)
    reader = open_latent(path)
    np.save(FOLDER / "frames.npy", np.stack([one.pixels for one in codec.restored_frames(reader, model)]))
    growing = FOLDER / "growing.safetensors"
    writer = GrowingWriter(growing, reader.header)
    for entry in reader.nodes:
        writer.add(entry.level, reader.read(entry), [40 * t - 80 for t in entry.frames])
    writer.close()
    growing.write_bytes(growing.read_bytes()[:-20])


def _no_entropy() -> dict[str, NDArray[np.generic]]:
    """An entropy model that nothing is coded with: of an adaptive forest its memories are not."""
    tensors = integer_tensors(192, 2, 2)
    kept = {"groups", "counts", "logs"}
    return {name: one if name in kept else np.zeros_like(one) for name, one in tensors.items()}


def _network() -> IMFN:
    """Walsh functions of 8×8 pixels, low ones first, of gray and two colours; sweepers after Haar."""
    walsh = np.array([[(-1) ** bin(u & y).count("1") for y in range(8)] for u in (0, 4, 6, 2, 3, 7, 5, 1)])
    colours = np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]]) / np.sqrt([3, 2, 6])[:, None]
    places = sorted(np.ndindex(8, 8), key=lambda place: (sum(place), place))
    leaf = [np.kron(np.outer(walsh[v], walsh[u]) / 8, one).ravel() for v, u in places for one in colours]
    network = IMFN(IMFNConfig(levels=2)).requires_grad_(False)
    network.leaf.map.fit(torch.tensor(np.array(leaf)), torch.full((192,), 0.5))
    for level in (1, 2):
        sweeper = np.zeros((192, 384))
        for k in range(192):
            # Two sums, then a difference.
            difference = k % 3 == 2
            channel = k // 3 if difference else 2 * (k // 3) + k % 3
            sweeper[k, channel], sweeper[k, 192 + channel] = 0.5**0.5, (-1 if difference else 1) * 0.5**0.5
        network.sweeper(level).map.fit(torch.tensor(sweeper), torch.zeros(384))
    return network
