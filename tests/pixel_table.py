"""How far restored pixels differ from one way of computing them to another.

`python -m tests.pixel_table CLIP [FRAMES [MODEL [FILE …]]]` compresses the first FRAMES (256) frames of CLIP
as each of FILES says, in one GOP, as intra nodes alone and as an adaptive forest, restores each file in
processes of its own, and prints how far the pixels of any frame, and of the last one, differ from those of
one thread, as Markdown.
"""

import copy
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import imfn_cli as imfn
from imfn_cli.bitstream.open import open_latent
from imfn_cli.codec import Decoder
from imfn_cli.network import RootCoding, pixels_from_frames

#: What is compressed: name → options.
FILES: dict[str, dict[str, Any]] = {
    "1:1": {"ratio": 1, "gop": 256},
    "16:1": {"ratio": 16, "gop": 256},
    "1:1, -g 0": {"ratio": 1, "gop": 0},
    "16:1, -g 0": {"ratio": 16, "gop": 0},
    "adaptive": {"ratio": "auto"},
}
#: Ways to compute: name → environment.
WAYS: dict[str, dict[str, str]] = {
    "1 thread": {"OMP_NUM_THREADS": "1"},
    "2 threads": {"OMP_NUM_THREADS": "2"},
    "oneDNN off": {"OMP_NUM_THREADS": "1", "IMFN_TABLE": "no-onednn"},
    "oneDNN on AVX2": {"OMP_NUM_THREADS": "1", "ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"},
    "float64": {"OMP_NUM_THREADS": "1", "IMFN_TABLE": "float64"},
    "no vector units": {
        "OMP_NUM_THREADS": "1",
        "ATEN_CPU_CAPABILITY": "default",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
        "OPENBLAS_CORETYPE": "Prescott",
        "NUMBA_CPU_NAME": "generic",
        "NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3 AVX512F AVX512CD AVX512_SKX",
    },
}


def restore(latent: Path, output: Path, model: str) -> None:
    """Restore a latent as the environment says."""
    import torch

    loaded = imfn.load(model, device="cpu")
    if os.environ.get("IMFN_TABLE") == "float64":
        reader = open_latent(latent)
        if not reader.header.adaptive and not Decoder(reader, loaded).shows_whole:
            np.save(output, in_float64(latent, loaded))
            return
        loaded = replace(loaded, network=copy.deepcopy(loaded.network).double())
    if os.environ.get("IMFN_TABLE") == "no-onednn":
        torch.backends.mkldnn.enabled = False  # type: ignore[assignment]
    imfn.decompress(latent, output, model=loaded, force=True)


def in_float64(latent: Path, model: imfn.Model) -> np.ndarray:
    """The frames of a latent (T, H, W, C), by a network in float64."""
    reader = open_latent(latent)
    header, parts = reader.header, []
    network = copy.deepcopy(model.network).double()
    for node in Decoder(reader, model).walk():
        assert node.memory is not None
        level = node.entry.level
        coding = RootCoding(level, header.step)
        memories, size = node.memory[None].double(), (header.height, header.width)
        frames = network.restore(memories, 1 << level, *size, coding=coding)
        parts.append(pixels_from_frames(frames, header.channels).numpy())
    return np.concatenate(parts)


def table(clip: str, frames: int, model: str, names: list[str]) -> None:
    """Print the rows of these files."""
    print(f"| {model}, {frames} frames | " + " | ".join(WAYS) + " |\n" + "|---" * (len(WAYS) + 1) + "|")
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            options = FILES[name]
            latent = Path(folder) / "x.safetensors"
            imfn.compress(clip, latent, model=model, frames=(0, frames), force=True, **options)
            cells = []
            first: np.ndarray | None = None
            for environment in WAYS.values():
                output = Path(folder) / "x.npy"
                words = [
                    sys.executable,
                    "-m",
                    "tests.pixel_table",
                    "--restore",
                    str(latent),
                    str(output),
                    model,
                ]
                ran = subprocess.run(
                    words, env=os.environ | environment, capture_output=True, text=True, check=False
                )
                if ran.returncode:
                    cells.append((ran.stderr.strip().splitlines() or ["failed"])[-1][:60])
                    continue
                pixels = np.load(output)
                first = pixels if first is None else first
                far = np.abs(pixels.astype(np.int16) - first)
                share = (far > 0).mean()
                cells.append(f"{far.max()} ({share:.4%}), last frame {far[-1].max()}" if far.any() else "0")
            print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "--restore":
        restore(Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4])
    else:
        table(
            sys.argv[1],
            int(sys.argv[2]) if len(sys.argv) > 2 else 256,
            sys.argv[3] if len(sys.argv) > 3 else "video",
            sys.argv[4:] or list(FILES),
        )
