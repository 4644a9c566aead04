"""One memory of a fixed size for an endless sequence, as a file, and the way back to frames.

The file is a safetensors file with one tensor, `memory` F32 (C, h, w), and one metadata key, sorted JSON:
which model made it, of how many frames, of which size and times, the tensor's CRC-32, and its own (from
version 2 on). It is replaced as a whole, in one rename, so that there is a good one at any moment.
"""

import json
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from ..bitstream.container.header import MAX_PIXELS, MAX_SIDE
from ..errors import InputError, LatentError
from ..media import ColourDescription, Frame, Sequence, SequenceInfo, open_writer, selected
from ..network import frames_from_pixels, pixels_from_frames
from ..network.fading_memory import HALF_LIFE, FadingMemory
from ..reports import DamagedNode, DecompressReport, FadingMemoryReport, VerifyReport
from ..system.files import check_output, replacing, writing
from ..system.peak_rss import LargestRss
from ..version import __version__
from ..zoo.model import Model
from .codec import Progress, check_size, writer_of
from .stream import Intake, Live

_KEY = "imfn_memory"
#: The version that this code writes. It reads every version from 1 to this one.
MEMORY_VERSION = 2
# Without a selection so many half-lives are restored: what is older is the average and nothing else.
_RECALLED = 10
# Frames that are restored at once.
_BATCH = 16


@dataclass(frozen=True)
class Memory:
    """A memory and what it is of. frames: how many it has seen.   first_time, last_time: in ticks."""

    values: Tensor  # (1, C, h, w)
    model: str
    model_sha256: str
    half_life: float
    frames: int
    height: int
    width: int
    channels: int
    time_base: Fraction
    first_time: int
    last_time: int

    def write(self, path: Path, *, force: bool) -> int:
        """Put it at `path` in one rename; returns the file's size. Raises `OutputError`."""
        values = self.values[0].contiguous().float().cpu()
        about: dict[str, Any] = {
            name: value for name, value in vars(self).items() if name not in ("values", "time_base")
        }
        about |= {"format": MEMORY_VERSION, "tool": f"imfn {__version__}"}
        about["time_base"] = f"{self.time_base.numerator}/{self.time_base.denominator}"
        about["crc32"] = zlib.crc32(values.numpy().tobytes())
        about["crc32_of_header"] = zlib.crc32(_dump(about))
        content = save({"memory": values}, {_KEY: _dump(about).decode()})
        with replacing(path, force=force) as temporary, writing(path):
            temporary.write_bytes(content)
        return len(content)

    @classmethod
    def read(cls, path: Path) -> "Memory":
        """The memory in a file. Raises `LatentError` where it is damaged or of a future version."""
        memory, whole = stored_memory(path)
        if not whole:
            raise LatentError(f"{path}: its memory is damaged (checksum differs); stream the source again")
        return memory


def stored_memory(path: Path) -> tuple[Memory, bool]:
    """What a file of `Memory.write` holds, and whether the memory's checksum is right.

    Raises `LatentError` where the rest is damaged, or of a future version.
    """
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {})[_KEY])
            values = file.get_tensor("memory")
        if about["format"] > MEMORY_VERSION:
            raise LatentError(f"{path}: a memory of a later version; upgrade imfn to read it")
        if about["format"] > 1 and about.pop("crc32_of_header") != zlib.crc32(_dump(about)):
            raise ValueError("checksum differs")
        whole = about.pop("crc32") == zlib.crc32(values.numpy().tobytes())
        del about["format"], about["tool"]
        about["time_base"] = Fraction(about["time_base"])
        memory = Memory(values[None], **about)
        sides = memory.height, memory.width
        if not (min(sides) > 0 and max(sides) <= MAX_SIDE and sides[0] * sides[1] <= MAX_PIXELS):
            raise ValueError("size of frames")
        if memory.frames < 1 or not 1 <= memory.half_life <= 1e6 or memory.time_base <= 0:
            raise ValueError("number or times of frames")
        return memory, whole
    except (SafetensorError, ValueError, KeyError, TypeError, ZeroDivisionError) as error:
        raise LatentError(f"{path}: its header is damaged ({error}); stream the source again") from error


def _dump(about: dict[str, Any]) -> bytes:
    return json.dumps(about, sort_keys=True, separators=(",", ":")).encode()


def is_memory(path: Path) -> bool:
    """Whether a file says that it is a memory of this kind; False where it cannot be read."""
    try:
        with safe_open(path, framework="numpy") as file:
            return _KEY in (file.metadata() or {})
    except (OSError, SafetensorError):
        return False


@torch.inference_mode()
def remember_sequence(
    sequence: Sequence,
    output: Path,
    model: Model,
    *,
    half_life: float = HALF_LIFE,
    frames: int | None = None,
    duration: float | None = None,
    force: bool = False,
    every: float = 1.0,
    stopping: Callable[[], bool] = lambda: False,
    progress: Callable[[Live], None] = lambda _: None,
) -> FadingMemoryReport:
    """Take the frames of `sequence` into one memory of a fixed size; see `network.forget`.

    half_life: frames after which an error counts half.   every: seconds from one writing of the file to the
    next; it is written at the end too. The rest as in `streaming.stream_sequence`, and what it raises.
    """
    check_output(output, force=force)
    check_size(sequence)
    info, config = sequence.info, model.network.config
    recursion = FadingMemory(model.network, half_life)
    values = recursion.reset(info.height, info.width)
    intake = Intake(sequence, frames, duration, stopping)
    resident = LargestRss()
    began = written = time.perf_counter()
    done = size = first_time = last_time = 0

    def write() -> int:
        memory = Memory(
            values,
            model.name,
            model.sha256,
            half_life,
            done,
            info.height,
            info.width,
            info.channels,
            info.time_base,
            first_time,
            last_time,
        )
        return memory.write(output, force=force or size > 0)

    for frame in intake:
        pixels = torch.from_numpy(frame.pixels[None]).to(model.device)
        values = recursion.step(values, frames_from_pixels(pixels, config.in_channels))
        first_time = frame.time if done == 0 else first_time
        last_time = frame.time
        done += 1
        if time.perf_counter() - written >= every:
            size, written = write(), time.perf_counter()
        progress(Live(done, 1, size, resident.look(done)))
    if not done:
        raise intake.problem or InputError(f"{sequence.name}: no frame came")
    size = write()
    if intake.problem is not None:
        raise intake.told(output, done)
    seconds = time.perf_counter() - began
    return FadingMemoryReport(
        source=sequence.name,
        output=str(output),
        model=model.name,
        half_life=half_life,
        frames=done,
        height=info.height,
        width=info.width,
        channels=info.channels,
        bytes=size,
        seconds=seconds,
        frames_per_second=done / seconds,
        memory_mb=resident.largest,
        ended=intake.ended,
        notes=(*info.notes, *sequence.warnings),
    )


def _fits(memory: Memory, model: Model) -> bool:
    config = model.network.config
    return memory.values.shape == (1, config.channels, *config.grid(memory.height, memory.width))


@torch.inference_mode()
def verify_memory(path: Path, memory: Memory, whole: bool, model: Model | None) -> VerifyReport:
    """What `stored_memory` read from `path`: are its checksums right, and does its newest frame come back?

    It counts as one node of all its frames. Without a model only the checksum is looked at.
    """
    problem = "" if whole else "checksum differs"
    if not problem and model is not None:
        if not _fits(memory, model):
            problem = "wrong shape"
        elif not bool(torch.isfinite(memory.values).all()):
            problem = "not of finite numbers"
        else:
            list(recalled_frames(memory, model, memory.frames - 1, memory.frames))
    last = memory.frames - 1
    said = f"{path}: its memory (frames 0 to {last}) is damaged ({problem}); stream the source again"
    return VerifyReport(
        source=str(path),
        ok=not problem,
        nodes=1,
        frames=memory.frames,
        decoded=model is not None,
        damaged=(DamagedNode(0, 0, last, said),) if problem else (),
        notes=(),
    )


@torch.inference_mode()
def recalled_frames(memory: Memory, model: Model, start: int, stop: int) -> Iterator[Frame]:
    """Frames start … stop − 1 of those that a memory has seen, in order, their times starting at 0."""
    recursion = FadingMemory(model.network, memory.half_life)
    values = memory.values.to(model.device)
    tick = max(1, round((memory.last_time - memory.first_time) / max(1, memory.frames - 1)))
    for first in range(start, stop, _BATCH):
        last = min(first + _BATCH, stop)
        ages = range(memory.frames - last, memory.frames - first)
        frames = recursion.recall(values, memory.frames, memory.height, memory.width, ages).flip(0)
        pixels = pixels_from_frames(frames, memory.channels).cpu().numpy()
        for index, one in enumerate(pixels, first):
            yield Frame(np.ascontiguousarray(one), tick * (index - start))


def recall_memory(
    path: Path,
    output: str | Path,
    model: str | Path | Model | None = None,
    *,
    start: int = 0,
    stop: int | None = None,
    device: str = "auto",
    force: bool = False,
    progress: Progress = lambda _: None,
) -> DecompressReport:
    """Restore frames start … stop − 1 of those that the memory at `path` has seen into `output`.

    Without a selection the last ten half-lives. Raises `LatentError`, `ModelError`, `OutputError`, and
    `InputError` for an empty selection.
    """
    began = time.perf_counter()
    memory = Memory.read(path)
    loaded = writer_of(path, memory.model, memory.model_sha256, model, device)
    if not _fits(memory, loaded):
        raise LatentError(f"{path}: its memory has a wrong shape; stream the source again")
    if (start, stop) == (0, None):
        start = max(0, memory.frames - round(_RECALLED * memory.half_life))
    chosen = selected(str(path), memory.frames, start, stop)
    ticks = (memory.last_time - memory.first_time) / max(1, memory.frames - 1)
    rate = 1 / (Fraction(max(1, round(ticks))) * memory.time_base)
    info = SequenceInfo(
        width=memory.width,
        height=memory.height,
        channels=memory.channels,
        time_base=memory.time_base,
        frame_rate=rate,
        frame_count=len(chosen),
        kind="video",
        size_bytes=path.stat().st_size,
        colour=ColourDescription(),
    )
    done = 0
    with open_writer(output, info, force=force) as writer:
        for frame in recalled_frames(memory, loaded, chosen.start, chosen.stop):
            writer.write(frame.pixels, frame.time)
            done += 1
            progress(done)
    seconds = time.perf_counter() - began
    return DecompressReport(
        source=str(path),
        output=str(output),
        model=loaded.name,
        frames=done,
        height=memory.height,
        width=memory.width,
        channels=memory.channels,
        seconds=seconds,
        frames_per_second=done / seconds,
        damaged=(),
    )
