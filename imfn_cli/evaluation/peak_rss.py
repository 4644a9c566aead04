"""How much RAM whole files take: the peak RSS of processes that compress and restore them."""

import multiprocessing
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from ..errors import ImfnError
from ..media import SequenceInfo, open_writer
from ..system.peak_rss import own_peak_megabytes
from ..system.signals import ignored_interrupts

Progress = Callable[[str, int, int], None]
#: Reads its first path and writes its second. It travels to another process: a function of a module, or a
#: `functools.partial` of one.
Work = Callable[[Path, Path], object]
_RATE = 25
_WIDTH, _HEIGHT = 320, 240


@dataclass(frozen=True)
class PeakRssRow:
    """Peak RSS in MB (10^6 bytes) of the processes that compressed and restored a clip of this length."""

    seconds: int
    frames: int
    compress: float
    decompress: float


def peak_rss_rows(
    compress: Work, decompress: Work, lengths: tuple[int, ...], *, progress: Progress = lambda *_: None
) -> list[PeakRssRow]:
    """Peak RSS of `compress` (clip → latent) and `decompress` (latent → clip), each in a process of its own.

    lengths: of 320×240 clips, in seconds. Raises `ImfnError` where one of the two does, or its process dies.
    """
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for index, seconds in enumerate(lengths):
            progress("peak RSS", index, len(lengths))
            names = "clip.mp4", "clip.safetensors", "clip.restored.mp4"
            clip, latent, restored = (Path(folder) / name for name in names)
            render(clip, seconds * _RATE)
            there = _peak(compress, clip, latent)
            back = _peak(decompress, latent, restored)
            rows.append(PeakRssRow(seconds, seconds * _RATE, there, back))
            for file in (clip, latent, restored):
                file.unlink(missing_ok=True)
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


def _peak(work: Work, source: Path, target: Path) -> float:
    """Peak RSS in MB of a fresh process that does `work(source, target)`. Raises `ImfnError` if it fails."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(theirs, work, source, target))
    with ignored_interrupts():
        process.start()
    theirs.close()
    try:
        found = ours.recv()
    except EOFError:
        found = f"{source.name}: the process that worked on it died, perhaps for want of RAM"
    finally:
        ours.close()
        # Nothing to wait for, unless we are leaving early.
        process.terminate()
        process.join()
    if not isinstance(found, float):
        raise ImfnError(found or "this system does not tell the peak RSS of a process")
    return found


def _work(connection: Connection, work: Work, source: Path, target: Path) -> None:
    try:
        work(source, target)
        connection.send(own_peak_megabytes())
    except ImfnError as error:
        connection.send(str(error))
