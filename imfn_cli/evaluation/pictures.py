"""Frames to look at: the worst of each clip, before and after."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .. import defaults
from ..bitstream.container.latent_reader import LatentReader
from ..bitstream.open import open_latent
from ..codec import adaptive
from ..codec.decoder import restored_frames
from ..limits import NO_LIMITS
from ..media.psnr import psnr
from ..zoo import Model, load
from .clip import Clip
from .coding import write_latent
from .equal_bytes import at_equal_bytes
from .page_pictures import ClipPictures, FramePicture
from .rows import IMFN, Row, Setting
from .window_picture import draw_windows

Pixels = NDArray[np.uint8]
#: Frames shown of each clip.
FRAMES = 8


def worst_pictures(
    clips: Sequence[Clip],
    rows: Sequence[Row],
    model: str | None,
    *,
    device: str = "cpu",
    progress: Callable[[int, int], None] = lambda *_: None,
) -> list[ClipPictures]:
    """The worst frames of each clip, far enough apart to differ, at the setting closest to the defaults.

    Beside each the same frame by way of the first peer among `rows`, in about as many bytes.
    """
    loaded = load(model, device=device)
    found = []
    with tempfile.TemporaryDirectory(prefix="imfn-eval-") as folder:
        for index, clip in enumerate(clips):
            progress(index, len(clips))
            here = [row for row in rows if row.clip == clip.name]
            row = typical(here)
            if row is None or row.ratio is None or row.quality is None:
                continue
            path = Path(folder) / "clip.safetensors"
            with clip.open() as sequence:
                setting = Setting(row.codec, row.ratio, row.quality, student=row.student, gop=row.gop or 0)
                write_latent(sequence, path, loaded, setting)
                chosen = worst(row.psnr_per_frame)
                before = _at(sorted(chosen), (frame.pixels for frame in sequence))
            reader, size = open_latent(path, NO_LIMITS), path.stat().st_size
            peer = at_equal_bytes(clip, here, size, chosen)
            frames = []
            for number in chosen:
                after, windows = _restored(reader, loaded, number)
                other = None if peer is None else peer.frames.get(number)
                frames.append(
                    FramePicture(
                        number, row.psnr_per_frame[number], before[number], after, windows, other,
                        None if other is None else psnr(before[number], other),
                    )
                )  # fmt: skip
            found.append(
                ClipPictures(
                    clip.name, f"{row.label} q{row.quality}", frames, size,
                    "" if peer is None else peer.name, None if peer is None else peer.bytes,
                )
            )  # fmt: skip
    return found


def _restored(reader: LatentReader, model: Model, number: int) -> tuple[Pixels, Pixels | None]:
    """A frame of a latent, and the windows of an adaptive forest drawn over it."""
    if reader.header.adaptive:
        pixels, levels = adaptive.frame_and_windows(reader, model, number)
        return pixels, draw_windows(pixels, levels)
    (frame,) = islice(restored_frames(reader, model, number, number + 1), 1)
    return frame.pixels, None


def typical(rows: Sequence[Row]) -> Row | None:
    """The row of a file of ours whose ratio, then quality, is closest to the defaults."""
    files = [row for row in rows if row.codec == IMFN and row.bytes and row.ratio is not None]
    return min(
        files,
        key=lambda row: (
            abs(np.log2(row.ratio) - np.log2(defaults.RATIO)) if isinstance(row.ratio, int) else 0,
            abs((row.quality or 0) - defaults.QUALITY),
        ),
        default=None,
    )


def worst(psnr: Sequence[float], count: int = FRAMES) -> list[int]:
    """Indices of up to `count` frames of low PSNR, the lowest first, none next to another one.

    >>> worst([30, 20, 21, 35, 25, 40, 41, 42], 3)
    [1, 4, 7]
    """
    apart = max(1, len(psnr) // (2 * count))
    chosen: list[int] = []
    for index in sorted(range(len(psnr)), key=lambda index: (psnr[index], index)):
        if all(abs(index - other) > apart for other in chosen):
            chosen.append(index)
            if len(chosen) == count:
                break
    return chosen


def _at(wanted: Sequence[int], frames: Iterator[Pixels]) -> dict[int, Pixels]:
    """The frames of the wanted numbers, which rise."""
    return {index: pixels for index, pixels in enumerate(islice(frames, wanted[-1] + 1)) if index in wanted}
