"""Frames of your own, compressed as they come and read while more come: python examples/stream.py [CLIP]"""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import imfn_cli as imfn
from imfn_cli.media import open_sequence

clip = sys.argv[1] if len(sys.argv) > 1 else "examples/clip.mp4"
model = imfn.load()


def camera() -> Iterator[np.ndarray]:
    """Stands for a camera of yours: each frame uint8 (H, W, 3), when it is there."""
    for frame in open_sequence(clip):
        yield frame.pixels


with tempfile.TemporaryDirectory() as folder:
    latent = Path(folder) / "live.safetensors"

    def look(live: imfn.Live) -> None:
        """Called after each frame; anybody may read the file meanwhile."""
        if live.frames == 30:
            readable = sum(1 for _ in imfn.read_frames(latent, model=model)) if live.nodes else 0
            print(f"after {live.frames} frames: {readable} readable, {live.bytes:,} bytes")

    report = imfn.stream(camera(), latent, model=model, ratio=8, rate=25, progress=look)
    restored = list(imfn.read_frames(latent, report.frames - 3, report.frames, model=model))

print(f"{report.frames} frames in {report.nodes} nodes, {report.bytes:,} bytes ({report.method})")
print(f"the last {len(restored)} again, {restored[0].shape} each")
