"""One setting on one clip: code the frames, restore them, compare; what a worker process does."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ..bitstream.open import open_latent
from ..codec.decoder import restored_frames
from ..codec.encoder import compress_sequence
from ..codec.node_builders import node_builder
from ..errors import InputError
from ..media import Frame, Source, open_sequence
from ..media import Sequence as Frames
from ..network import forest_levels, level_of_ratio
from ..system.peak_rss import PeakRss
from ..zoo import Model, load
from . import peers
from .metrics import Comparison
from .rows import IMFN, Row, Setting

Pixels = NDArray[np.uint8]
#: Bytes of a clip's frames that are kept in memory, twice; longer clips are read and restored twice instead.
HELD_BYTES = 256 << 20


@dataclass(frozen=True)
class Clip:
    """A source and the frames start … stop − 1 of it, under the name that the rows give it."""

    name: str
    source: Source
    start: int = 0
    stop: int | None = None

    def open(self) -> Frames:
        """Raises `InputError` as `open_sequence` does."""
        return open_sequence(self.source, start=self.start, stop=self.stop)


@dataclass(frozen=True)
class Task:
    """What one row needs. model: as `imfn_cli.model.load` takes it; not looked at for peers."""

    clip: Clip
    setting: Setting
    model: str | None
    device: str = "cpu"


@dataclass(frozen=True)
class Coded:
    """A clip as bytes (None: memories in float), and the way back, which may be gone more than once."""

    size: int | None
    options: str
    restore: Callable[[], Iterator[Pixels]]


class HeldFrames(Frames):
    """The frames of another sequence, in memory."""

    def __init__(self, sequence: Frames, frames: list[Frame]) -> None:
        super().__init__(sequence.name, sequence.info)
        self._frames = frames

    def __iter__(self) -> Iterator[Frame]:
        return iter(self._frames)

    def buffer(self) -> Pixels:
        """Memory for as many frames, written to once, so that using it costs no memory any more."""
        return np.full((len(self._frames), *self._frames[0].pixels.shape), 1, np.uint8)


def held(sequence: Frames) -> Frames:
    """`sequence` with its frames in memory, where there are less than `HELD_BYTES`; else itself.

    Raises `InputError` where it cannot be read, or holds no frames.
    """
    frames: list[Frame] = []
    size = 0
    for frame in sequence:
        size += frame.pixels.nbytes
        if size > HELD_BYTES:
            return sequence
        frames.append(frame)
    if not frames:
        raise InputError(f"{sequence.name}: holds no frames")
    return HeldFrames(sequence, frames)


def measure(task: Task, frames: Frames, folder: Path) -> Row:
    """The row of `task`; `frames` are those of its clip, files go to `folder`.

    Frames are compared by index. Raises `ImfnError` where coding fails.
    """
    setting = task.setting
    frames_in_memory = isinstance(frames, HeldFrames)
    buffer = frames.buffer() if isinstance(frames, HeldFrames) else None
    name = None
    with PeakRss() as memory:
        code: Callable[[], Coded]
        if setting.codec == IMFN:
            model = load(task.model, device=task.device)
            name = model.name
            code = lambda: _code_imfn(frames, setting, model, folder)  # noqa: E731
        else:
            code = lambda: _code_peer(frames, setting)  # noqa: E731
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
    metrics = comparison.result()
    size, info = coded.size, frames.info
    notes = () if frames_in_memory else ("speed: reading the clip included, its frames do not fit in memory",)
    has_file = size is not None
    return Row(
        clip=task.clip.name,
        codec=setting.codec,
        label=setting.label,
        model=name,
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
        compress_fps=metrics.frames / (compressed - began) if has_file else None,
        restore_fps=metrics.frames / (restored - compressed) if has_file else None,
        peak_memory_mb=memory.megabytes if has_file else None,
        psnr_per_frame=metrics.psnr_per_frame,
        notes=(*metrics.notes, *(notes if has_file else ())),
    ).rounded()


def _code_imfn(frames: Frames, setting: Setting, model: Model, folder: Path) -> Coded:
    assert setting.ratio is not None
    student = setting.student
    options = f"-m {model.name} -r {setting.ratio}" + (" --student" if student else "")
    if setting.in_float:
        ratio = setting.ratio
        return Coded(None, f"{options} --float", lambda: float_frames(frames, model, ratio, student=student))
    assert setting.quality is not None
    path = folder / "clip.safetensors"
    compress_sequence(
        frames,
        path,
        model,
        ratio=setting.ratio,
        quality=setting.quality,
        gop=setting.gop,
        student=student,
        force=True,
    )

    def restore() -> Iterator[Pixels]:
        return (frame.pixels for frame in restored_frames(open_latent(path), model))

    options = f"{options} -q {setting.quality} -g {setting.gop}"
    return Coded(path.stat().st_size, options, restore)


def _code_peer(frames: Frames, setting: Setting) -> Coded:
    encoded = peers.encode(frames, setting)
    return Coded(encoded.size, encoded.options, lambda: peers.decode(encoded))


@torch.inference_mode()
def float_frames(frames: Frames, model: Model, ratio: int, *, student: bool = False) -> Iterator[Pixels]:
    """Every frame by way of its memory in float, not quantised; the same trees as in a file."""
    level = level_of_ratio(ratio, model.network.config.levels)
    if student:
        yield from _through_student(frames, model, level)
        return
    waiting: list[Pixels] = []

    def through(pixels: Pixels) -> Iterator[Pixels]:
        memories = model.compress_pixels(torch.from_numpy(pixels).to(model.device), len(pixels))
        yield from model.restore_pixels(memories, len(pixels), pixels.shape[1:], 0, len(pixels)).cpu().numpy()

    for frame in frames:
        waiting.append(frame.pixels)
        if len(waiting) == ratio:
            yield from through(np.stack(waiting))
            waiting = []
    first = 0
    for below in forest_levels(len(waiting), level):
        yield from through(np.stack(waiting[first : first + (1 << below)]))
        first += 1 << below


def _through_student(frames: Frames, model: Model, level: int) -> Iterator[Pixels]:
    builder = node_builder(model, level, student=True)
    info = frames.info
    size = info.height, info.width, info.channels

    def restored(node: tuple[int, torch.Tensor]) -> Iterator[Pixels]:
        ratio = 1 << node[0]
        yield from model.restore_pixels(node[1], ratio, size, 0, ratio).cpu().numpy()

    for frame in frames:
        for node in builder.feed(frame.pixels[None]):
            yield from restored(node)
    for node in builder.flush():
        yield from restored(node)
