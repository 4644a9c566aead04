"""A stream into one fading memory of a fixed size, and the way back to frames (`network.fading_memory`)."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

from ..bitstream.container.fading_memory import FadingMemoryFile, FadingMemoryHeader
from ..defaults import HALF_LIFE
from ..errors import InputError, LatentError
from ..limits import DEFAULT_LIMITS, LIBRARIES, Limits
from ..media import open_output
from ..media.selection import selected
from ..media.sequence import ColourDescription, Frame, Sequence, SequenceInfo, notes_without_alpha
from ..network import frames_from_pixels, pixels_from_frames
from ..network.fading_memory import FadingMemory
from ..reports import DamagedNode, DecompressReport, FadingMemoryReport, VerifyReport
from ..system.files import check_output
from ..system.peak_rss import LargestRss
from ..zoo import Model
from .encoder import Progress
from .file_model import writer_of
from .intake import Intake, lost_tracks
from .needs import check_frames
from .sequence_header import check_size
from .stream import Live
from .synthesis import batch_frames

# Without a selection so many half-lives are restored: what is older is the average and nothing else.
_RESTORED_HALF_LIVES = 10
# Frames that are restored at once, at most.
_BATCH = 16
# Measured, in sizes of a memory and of a frame of floats: what restoring takes, beside the matrices.
_MEMORIES, _FRAMES = 10, 5


@torch.inference_mode()
def stream_into_memory(
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
    """Take the frames of `sequence` into one memory of a fixed size; see `network.fading_memory`.

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
        header = FadingMemoryHeader(
            model=model.name,
            model_sha256=model.sha256,
            half_life=half_life,
            frames=done,
            height=info.height,
            width=info.width,
            channels=info.channels,
            time_base=info.time_base,
            first_time=first_time,
            last_time=last_time,
        )
        memory = FadingMemoryFile(header, values[0].contiguous().float().cpu().numpy())
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
        reconnects=sequence.reconnects,
        dropped=sequence.dropped,
        notes=(*notes_without_alpha(info), *sequence.warnings, *lost_tracks(sequence)),
    )


def _fits(memory: FadingMemoryFile, model: Model) -> bool:
    config, header = model.network.config, memory.header
    return memory.values.shape == (config.channels, *config.grid(header.height, header.width))


def _check_needs(
    path: Path, memory: FadingMemoryFile, model: Model, frames: int, size: int, limits: Limits
) -> None:
    """Raise `LimitError` where restoring so many frames from a file of `size` bytes is too much."""
    header, config = memory.header, model.network.config
    check_frames(path, limits, header.height, header.width, frames, size)
    frame = 4 * config.in_channels * header.height * header.width
    at_once = min(_BATCH, batch_frames(header.height, header.width))
    needed = (
        LIBRARIES + 24 * config.channels**2 + memory.values.nbytes * _MEMORIES + frame * at_once * _FRAMES
    )
    limits.check_memory(path, needed, "restoring its frames")


@torch.inference_mode()
def verify_fading_memory(
    path: Path, memory: FadingMemoryFile, model: Model | None, limits: Limits = DEFAULT_LIMITS
) -> VerifyReport:
    """Whether the checksums of what was read from `path` are right, and its newest frame comes back.

    It counts as one node of all its frames. Without a model only the checksum is looked at. Raises
    LimitError where restoring a frame is too much.
    """
    frames = memory.header.frames
    problem = "" if memory.whole else "checksum differs"
    if not problem and model is not None:
        _check_needs(path, memory, model, 1, path.stat().st_size, limits)
        if not _fits(memory, model):
            problem = "wrong shape"
        elif not bool(np.isfinite(memory.values).all()):
            problem = "not of finite numbers"
        else:
            list(fading_frames(memory, model, frames - 1, frames))
    said = f"{path}: its memory (frames 0 to {frames - 1}) is damaged ({problem}); stream the source again"
    return VerifyReport(
        source=str(path),
        ok=not problem,
        nodes=1,
        frames=frames,
        decoded=model is not None,
        damaged=(DamagedNode(0, 0, frames - 1, said),) if problem else (),
        notes=(),
        lost=((0, frames - 1),) if problem else (),
    )


@torch.inference_mode()
def fading_frames(memory: FadingMemoryFile, model: Model, start: int, stop: int) -> Iterator[Frame]:
    """Frames start … stop − 1 of those that a memory has seen, in order, their times starting at 0."""
    header = memory.header
    recursion = FadingMemory(model.network, header.half_life)
    values = torch.from_numpy(memory.values)[None].to(model.device)
    tick = _tick(header)
    batch = min(_BATCH, batch_frames(header.height, header.width))
    for first in range(start, stop, batch):
        last = min(first + batch, stop)
        ages = range(header.frames - last, header.frames - first)
        frames = recursion.restore(values, header.frames, header.height, header.width, ages).flip(0)
        pixels = pixels_from_frames(frames, header.channels).cpu().numpy()
        for index, one in enumerate(pixels, first):
            yield Frame(np.ascontiguousarray(one), tick * (index - start))


def _tick(header: FadingMemoryHeader) -> int:
    """Ticks from frame to frame, on the average."""
    return max(1, round((header.last_time - header.first_time) / max(1, header.frames - 1)))


def restore_fading_memory(
    path: Path,
    memory: FadingMemoryFile,
    output: str | Path,
    model: str | Path | Model | None = None,
    *,
    start: int = 0,
    stop: int | None = None,
    device: str = "auto",
    format: str | None = None,
    force: bool = False,
    limits: Limits = DEFAULT_LIMITS,
    progress: Progress = lambda _: None,
) -> DecompressReport:
    """Restore frames start … stop − 1 of those that the memory in `path` has seen into `output`.

    Without a selection the last ten half-lives. Raises LatentError (damaged, wrong shape), ModelError,
    OutputError, LimitError, and InputError if the selection is empty.
    """
    began = time.perf_counter()
    header = memory.header
    if not memory.whole:
        raise LatentError(f"{path}: its memory is damaged (checksum differs); stream the source again")
    loaded = writer_of(path, header.model, header.model_sha256, model, device, limits)
    if (start, stop) == (0, None):
        start = max(0, header.frames - round(_RESTORED_HALF_LIVES * header.half_life))
    chosen = selected(str(path), header.frames, start, stop)
    _check_needs(path, memory, loaded, len(chosen), path.stat().st_size, limits)
    if not _fits(memory, loaded):
        raise LatentError(f"{path}: its memory has a wrong shape; stream the source again")
    info = SequenceInfo(
        width=header.width,
        height=header.height,
        channels=header.channels,
        time_base=header.time_base,
        frame_rate=1 / (_tick(header) * header.time_base),
        frame_count=len(chosen),
        kind="video",
        size_bytes=path.stat().st_size,
        colour=ColourDescription(),
    )
    done = 0
    with open_output(output, info, force=force, format=format) as writer:
        for frame in fading_frames(memory, loaded, chosen.start, chosen.stop):
            writer.write(frame.pixels, frame.time)
            done += 1
            progress(done)
    seconds = time.perf_counter() - began
    return DecompressReport(
        source=str(path),
        output=str(output),
        model=loaded.name,
        frames=done,
        height=header.height,
        width=header.width,
        channels=header.channels,
        seconds=seconds,
        frames_per_second=done / seconds,
        damaged=(),
    )
