"""Windows of many latents, of frames and of memories: python examples/train_from_latents.py [CLIP]"""

import sys
import tempfile
from pathlib import Path

from torch import Tensor
from torch.utils.data import DataLoader

import imfn


def main(clip: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"part{part}.safetensors" for part in range(2)]
        for part, path in enumerate(paths):
            # Intra nodes only: a window costs its own memories. Linear maps alone: they restore fast.
            imfn.compress(
                clip, path, ratio=4, gop=0, model="video-linear", frames=(16 * part, 16 * part + 16)
            )
        every = imfn.data.LatentDataset(paths, frames=8)
        print(f"{len(every)} windows, the last from frame {every.place(-1).start} on")
        random = imfn.data.RandomWindows(paths, frames=8, windows=6, seed=1)
        batch: Tensor = next(iter(DataLoader(random, batch_size=3)))
        print(f"frames {tuple(batch.shape)} {batch.dtype}")
        memories = imfn.data.RandomWindows(paths, frames=8, what="memories", windows=6, seed=1)
        reader = iter(memories)
        next(reader)
        state = memories.state_dict()
        again = imfn.data.RandomWindows(paths, frames=8, what="memories", windows=6, seed=1)
        again.load_state_dict(state)
        left: list[Tensor] = list(again)
        print(f"memories {tuple(left[0].shape)} {left[0].dtype}, {len(left)} left after the first")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "examples/clip.mp4")
