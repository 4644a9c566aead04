"""A frame as codecs leave it at the same bits per pixel: python examples/equal_bits.py [CLIP] [-o PNG]"""

import argparse
import tempfile
from itertools import islice
from pathlib import Path

import numpy as np
from sheet import save_sheet

import imfn_cli as imfn
from imfn_cli.evaluation import sweep
from imfn_cli.evaluation.peer_coding import decode, encode
from imfn_cli.media import open_sequence
from imfn_cli.media.psnr import psnr

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("clip", nargs="?", default="examples/clip.mp4")
parser.add_argument("-o", "--output", default="equal-bits.png")
parser.add_argument("--bpp", type=float, default=0.05)
parser.add_argument("--frame", type=int, default=39)
parser.add_argument("--ratios", nargs="+", default=["16", "4", "auto"])
arguments = parser.parse_args()

with open_sequence(arguments.clip) as sequence:
    frames = np.stack([frame.pixels for frame in sequence])
wanted = int(arguments.bpp * frames[..., 0].size / 8)
pictures = [("original", frames[arguments.frame])]


def add(title: str, size: int, restored: np.ndarray) -> None:
    """One more picture."""
    quality = psnr(frames[arguments.frame], restored)
    pictures.append((f"{title}, {8 * size / frames[..., 0].size:.3f} bpp, {quality:.1f} dB", restored))


with tempfile.TemporaryDirectory() as folder:
    for word in arguments.ratios:
        latent, ratio = Path(folder) / "clip.safetensors", word if word == "auto" else int(word)
        report = imfn.compress(frames, latent, ratio=ratio, target_size=wanted, force=True)
        (restored,) = imfn.read_frames(latent, arguments.frame, arguments.frame + 1)
        add(f"imfn {ratio if word == 'auto' else f'{ratio}:1'}", report.bytes, restored)
with open_sequence(arguments.clip) as sequence:
    tried = [encode(sequence, setting) for setting in sweep("x264", range(20, 50))]
best = min(tried, key=lambda one: abs(one.size - wanted))
add("x264 medium", best.size, next(islice(decode(best), arguments.frame, None)))

save_sheet(pictures, arguments.output)
print(arguments.output)
