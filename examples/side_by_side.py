"""A frame before, and after several ratios, side by side: python examples/side_by_side.py [CLIP] [-o PNG]"""

import argparse
import tempfile
from pathlib import Path

from sheet import save_sheet

import imfn_cli as imfn
from imfn_cli.media import open_sequence
from imfn_cli.media.psnr import psnr

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("clip", nargs="?", default="examples/clip.mp4")
parser.add_argument("-o", "--output", default="side-by-side.png")
parser.add_argument("-m", "--model")
parser.add_argument("--frame", type=int, default=39)
parser.add_argument("--ratios", type=int, nargs="+", default=[4, 16, 64])
arguments = parser.parse_args()

with open_sequence(arguments.clip, start=arguments.frame, stop=arguments.frame + 1) as sequence:
    original = next(iter(sequence)).pixels
with open_sequence(arguments.clip) as sequence:
    frames = sum(1 for _ in sequence)
pictures = [("original", original)]
with tempfile.TemporaryDirectory() as folder:
    for ratio in arguments.ratios:
        latent = Path(folder) / "clip.safetensors"
        report = imfn.compress(arguments.clip, latent, ratio=ratio, model=arguments.model, force=True)
        (restored,) = imfn.read_frames(latent, arguments.frame, arguments.frame + 1, model=arguments.model)
        size = f"{report.bytes / 1000:.0f} kB for {frames} frames"
        pictures.append((f"{ratio}:1, {size}, {psnr(original, restored):.1f} dB", restored))

save_sheet(pictures, arguments.output)
print(arguments.output)
