"""A clip to a latent and back, and how close it is: python examples/compress_and_restore.py [CLIP]"""

import sys
import tempfile
from pathlib import Path

import imfn_cli as imfn
from imfn_cli.media import open_sequence
from imfn_cli.media.psnr import psnr

clip = sys.argv[1] if len(sys.argv) > 1 else "examples/clip.mp4"

with tempfile.TemporaryDirectory() as folder:
    latent = Path(folder) / "clip.safetensors"
    report = imfn.compress(clip, latent, ratio=16)
    values = [
        psnr(original.pixels, restored)
        for original, restored in zip(open_sequence(clip), imfn.read_frames(latent), strict=True)
    ]

print(f"{report.frames} frames of {report.width}×{report.height} in {report.bytes:,} bytes:")
print(f"  {report.bits_per_pixel:.3f} bits per pixel, {report.ratio_of_numbers:.1f} times fewer numbers")
print(f"  PSNR {sum(values) / len(values):.2f} dB on average, {min(values):.2f} dB at worst")
