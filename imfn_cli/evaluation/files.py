"""What files cost and give: PSNR against bits per pixel, from latents on disk."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path

from ..frames import Source
from .psnr import psnr

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class FileRow:
    """One whole clip at one ratio and quality: mean PSNR in dB over its 8-bit frames; the file's size counts whole."""

    clip: str
    ratio: int
    quality: int
    frames: int
    psnr: float
    bits_per_pixel: float


def file_rows(
    model: str | None,
    sources: Sequence[Source],
    ratios: Sequence[int],
    qualities: Sequence[int],
    *,
    jobs: int = 1,
    progress: Progress = lambda *_: None,
) -> Iterator[FileRow]:
    """Compress and restore every clip at every ratio and quality, `jobs` clips at a time.

    model: as `imfn_cli.model.load` takes it. Raises what compressing and restoring raise.
    """
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        found = pool.map(_clip_rows, repeat(model), sources, repeat(ratios), repeat(qualities), repeat(jobs))
        for index, rows in enumerate(found):
            progress("PSNR and size of files", index + 1, len(sources))
            yield from rows


def _clip_rows(
    model: str | None, source: Source, ratios: Sequence[int], qualities: Sequence[int], jobs: int
) -> list[FileRow]:
    import torch

    from ..codec import compress_sequence, restored_frames
    from ..frames import open_sequence
    from ..latent.container import LatentReader
    from ..model import load

    if jobs > 1:
        torch.set_num_threads(1)
    loaded = load(model)
    rows = []
    with tempfile.TemporaryDirectory() as folder, open_sequence(source) as sequence:
        path = Path(folder) / "clip.safetensors"
        for ratio in ratios:
            for quality in qualities:
                report = compress_sequence(sequence, path, loaded, ratio=ratio, quality=quality, force=True)
                restored = restored_frames(LatentReader(path), loaded)
                values = [psnr(a.pixels, b.pixels) for a, b in zip(sequence, restored, strict=True)]
                mean = sum(values) / len(values)
                row = FileRow(source.paths[0].name, ratio, quality, len(values), mean, report.bits_per_pixel)
                rows.append(row)
    return rows
