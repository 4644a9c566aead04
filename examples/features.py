"""How much each part of a clip changes, from its memories alone: python examples/features.py [CLIP]"""

import sys
import tempfile
from itertools import pairwise
from pathlib import Path

import torch

import imfn


def main(clip: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.safetensors"
        imfn.compress(clip, path, ratio=16)
        with imfn.open(path) as latent:
            # One vector for each memory: the mean over places of its (C, h, w) numbers.
            memories = [memory for memory in latent.memories() if memory.level == 4]
            vectors = torch.stack([memory.values.mean(dim=(1, 2)) for memory in memories])
        for (one, other), (before, after) in zip(pairwise(memories), pairwise(vectors), strict=True):
            distance = torch.linalg.vector_norm(after - before)
            print(f"frames {one.frames.start} and {other.frames.start}: distance {distance:.3f}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "examples/clip.mp4")
