"""Random windows of a long latent, by several workers, for training: python examples/windows.py [CLIP]"""

import sys
import tempfile
from pathlib import Path

from torch.utils.data import DataLoader

import imfn


def main(clip: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.safetensors"
        # Intra nodes only: a window costs its own memories, wherever it is.
        imfn.compress(clip, path, gop=0, model="video-linear")
        # Every window of 8 frames, uint8 (8, C, H, W).
        windows = imfn.data.LatentDataset(path, frames=8, stride=1)
        batches = DataLoader(
            windows, batch_size=4, shuffle=True, num_workers=1, multiprocessing_context="spawn"
        )
        batch = next(iter(batches)) / 255
        print(f"{len(windows)} windows; a batch of {tuple(batch.shape)}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "examples/clip.mp4")
