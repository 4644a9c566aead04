"""Peak resident memory of whole commands, each in a process of its own."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from ..media import SequenceInfo, open_writer
from ..system.peak_rss import peak_megabytes

Progress = Callable[[str, int, int], None]
_RATE = 25
_WIDTH, _HEIGHT = 320, 240


@dataclass(frozen=True)
class MemoryRow:
    """Peak resident memory of the process, in MB (10^6 bytes)."""

    seconds: int
    frames: int
    compress: float
    decompress: float


def memory_rows(
    model: str | None, lengths: tuple[int, ...], *, ratio: int = 16, progress: Progress = lambda *_: None
) -> list[MemoryRow]:
    """Peak memory of `imfn compress` and `imfn decompress` for 320×240 clips of `lengths` seconds."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for index, seconds in enumerate(lengths):
            progress("peak memory", index, len(lengths))
            clip, latent = Path(folder) / f"{seconds}.mp4", Path(folder) / f"{seconds}.safetensors"
            render(clip, seconds * _RATE)
            named = ["-m", model] if model else []
            there = _peak(["compress", str(clip), "-r", str(ratio), *named, "--quiet"])
            back = _peak(["decompress", str(latent), *named, "--quiet"])
            rows.append(MemoryRow(seconds, seconds * _RATE, there, back))
            for file in Path(folder).iterdir():
                file.unlink()
    return rows


def render(path: Path, frames: int) -> None:
    """A clip of a textured disc that wanders over a textured ground, `frames` long."""
    random = np.random.default_rng(0)
    ground = random.integers(60, 180, (_HEIGHT // 8, _WIDTH // 8, 3)).repeat(8, 0).repeat(8, 1)
    y, x = np.mgrid[:_HEIGHT, :_WIDTH]
    rate = Fraction(_RATE)
    info = SequenceInfo(_WIDTH, _HEIGHT, 3, 1 / rate, rate, frames, "video", 0)
    with open_writer(path, info) as writer:
        for t in range(frames):
            centre_x, centre_y = 160 + 110 * np.sin(t / 31), 120 + 80 * np.cos(t / 23)
            disc = (x - centre_x) ** 2 + (y - centre_y) ** 2 < 40**2
            picture = np.where(disc[..., None], 255 - np.roll(ground, t, axis=1), ground)
            writer.write(picture.astype(np.uint8), t)


def _peak(args: list[str]) -> float:
    """Peak resident memory of one command in MB. Raises `RuntimeError` if it fails."""
    child = subprocess.Popen([sys.executable, "-m", "imfn_cli", *args])
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"imfn {' '.join(args)} failed")
    return peak_megabytes(usage)
