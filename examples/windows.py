"""Random windows of a long latent, by several workers, for training: python examples/windows.py [CLIP]"""

import sys
import tempfile
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

import imfn


class Windows(Dataset[Tensor]):
    """Every window of `length` frames of a latent, floats (length, C, H, W) in [0, 1]."""

    def __init__(self, latent: imfn.Latent, length: int) -> None:
        self.latent, self.length = latent, length

    def __len__(self) -> int:
        return len(self.latent) - self.length + 1

    def __getitem__(self, start: int) -> Tensor:
        pixels = self.latent[start : start + self.length]
        return torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255


def main(clip: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.safetensors"
        # Intra nodes only: a window costs its own memories, wherever it is.
        imfn.compress(clip, path, gop=0, model="video-linear")
        windows = Windows(imfn.open(path), 8)
        batches = DataLoader(
            windows, batch_size=4, shuffle=True, num_workers=1, multiprocessing_context="spawn"
        )
        batch = next(iter(batches))
        print(f"{len(windows)} windows; a batch of {tuple(batch.shape)}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "examples/clip.mp4")
