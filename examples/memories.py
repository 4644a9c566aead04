"""Memories as tensors: merge, split, and what each ratio costs. python examples/memories.py [CLIP]"""

import sys

import numpy as np
import torch

import imfn_cli as imfn
from imfn_cli.media import open_sequence

clip = sys.argv[1] if len(sys.argv) > 1 else "examples/clip.mp4"
model = imfn.load()
with open_sequence(clip, stop=max(model.ratios)) as sequence:
    pixels = np.stack([frame.pixels for frame in sequence])
frames = torch.from_numpy(pixels).to(model.device).permute(0, 3, 1, 2) / 255  # (T, 3, H, W) in [0, 1]
height, width = frames.shape[2:]

# Two neighbouring frames, their memories, the one memory of both, and back.
leaves = model.compress(frames[:2], ratio=1)
memory = model.merge(leaves[:1], leaves[1:], level=1)
left, right = model.split(memory, level=1)
print(f"two leaves {tuple(leaves.shape)} → one memory {tuple(memory.shape)} → {tuple(left.shape)} twice")

for ratio in model.ratios:
    whole = frames[: len(frames) // ratio * ratio]  # full trees
    if len(whole):
        restored = model.restore(model.compress(whole, ratio), ratio, height, width).clamp(0, 1)
        error = (restored - whole).square().mean(dim=(1, 2, 3))
        print(f"{ratio:>3}:1  PSNR {-10 * error.log10().mean():.1f} dB")
