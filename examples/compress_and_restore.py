"""A clip to a latent and back: python examples/compress_and_restore.py [CLIP]"""

import sys
import tempfile
from pathlib import Path

import imfn_cli as imfn

clip = sys.argv[1] if len(sys.argv) > 1 else "examples/clip.mp4"

with tempfile.TemporaryDirectory() as folder:
    latent = Path(folder) / "clip.safetensors"
    report = imfn.compress(clip, latent, ratio=16, quality=50)
    print(f"{report.frames} frames of {report.width}×{report.height} in {report.bytes:,} bytes:")
    print(f"  {report.bits_per_pixel:.3f} bits per pixel, {report.ratio_of_numbers:.1f} times fewer numbers")

    restored = imfn.decompress(latent, Path(folder) / "restored.mkv")
    print(f"restored {restored.frames} frames at {restored.frames_per_second:.0f} a second")
