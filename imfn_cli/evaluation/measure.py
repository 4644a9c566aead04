"""One setting on one clip: code the frames, restore them, compare; what a worker process does."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ..media import Sequence as Frames
from ..system.peak_rss import PeakRss
from ..zoo import load
from .clip import Clip, ClipInfo, HeldFrames
from .coding import Coded, code_imfn, code_peer
from .metrics import Comparison, Metrics
from .rows import IMFN, Row, Setting


@dataclass(frozen=True)
class Task:
    """What one row needs. model: as `imfn_cli.zoo.load` takes it; peers do without."""

    clip: Clip
    setting: Setting
    model: str | None
    device: str = "cpu"


@dataclass(frozen=True)
class Measured:
    """What came of a task.   row: None where there is none.   error: why.   clip: None where nobody knows."""

    row: Row | None
    error: str = ""
    clip: ClipInfo | None = None


@dataclass(frozen=True)
class _Effort:
    """What coding and restoring took: seconds each, and MB of peak RSS, None where unknown."""

    compress: float
    restore: float
    megabytes: float | None


def measure(task: Task, frames: Frames, folder: Path) -> Row:
    """The row of `task`; `frames` are those of its clip, files go to `folder`.

    Frames are compared by index. Raises `ImfnError` where coding fails.
    """
    setting, name = task.setting, None
    buffer = frames.buffer() if isinstance(frames, HeldFrames) else None
    with PeakRss() as peak:
        code: Callable[[], Coded]
        if setting.codec == IMFN:
            model = load(task.model, device=task.device)
            name = model.name
            code = partial(code_imfn, frames, setting, model, folder)
        else:
            code = partial(code_peer, frames, setting)
        began = time.perf_counter()
        coded = code()
        compressed = time.perf_counter()
        count = 0
        for pixels in coded.restore():
            if buffer is not None and count < len(buffer):
                buffer[count] = pixels
            count += 1
        restored = time.perf_counter()
    comparison = Comparison()
    originals = (frame.pixels for frame in frames)
    results = iter(buffer) if buffer is not None and count == len(buffer) else coded.restore()
    for original, pixels in zip(originals, results, strict=True):
        comparison.add(original, pixels)
    effort = _Effort(compressed - began, restored - compressed, peak.megabytes)
    return _row(task, frames, name, coded, comparison.result(), effort).rounded()


def _row(
    task: Task, frames: Frames, model: str | None, coded: Coded, metrics: Metrics, effort: _Effort
) -> Row:
    setting, size, info = task.setting, coded.size, frames.info
    notes = metrics.notes
    if size is not None and not isinstance(frames, HeldFrames):
        notes = (*notes, "speed: reading the clip included, its frames do not fit in memory")
    return Row(
        clip=task.clip.name,
        codec=setting.codec,
        label=setting.label,
        model=model,
        ratio=setting.ratio,
        quality=setting.quality,
        in_float=setting.in_float,
        student=setting.student,
        gop=setting.gop if setting.quality is not None else None,
        crf=setting.crf,
        options=coded.options,
        frames=metrics.frames,
        psnr_rgb=metrics.psnr_rgb,
        psnr_yuv=metrics.psnr_yuv,
        psnr_y=metrics.psnr_y,
        ssim=metrics.ssim,
        ms_ssim=metrics.ms_ssim,
        bytes=size,
        bits_per_pixel=8 * size / (metrics.frames * info.width * info.height) if size is not None else None,
        compress_fps=metrics.frames / effort.compress if size is not None else None,
        restore_fps=metrics.frames / effort.restore if size is not None else None,
        peak_memory_mb=effort.megabytes if size is not None else None,
        psnr_per_frame=metrics.psnr_per_frame,
        notes=notes,
    )
