"""One frame out of a long latent, without the rest: python examples/random_access.py [CLIP]"""

import sys
import tempfile
import time
from pathlib import Path

import imfn_cli as imfn

clip = sys.argv[1] if len(sys.argv) > 1 else "examples/clip.mp4"
model = imfn.load()

with tempfile.TemporaryDirectory() as folder:
    latent = Path(folder) / "clip.safetensors"
    report = imfn.compress(clip, latent, model=model, ratio=16)
    for number in (0, report.frames // 2, report.frames - 1):
        began = time.perf_counter()
        (pixels,) = imfn.read_frames(latent, number, number + 1, model=model)  # uint8 (H, W, 3)
        spent = 1000 * (time.perf_counter() - began)
        print(f"frame {number} of {report.frames}: {pixels.shape}, {spent:.0f} ms")
