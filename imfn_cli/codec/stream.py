"""Frames to a growing latent, as they come: constant memory and constant work per frame, for ever."""

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch

from .. import defaults
from ..bitstream.container.growing_reader import compact
from ..bitstream.container.growing_writer import GrowingWriter
from ..errors import ImfnError, InputError, OutputError
from ..media.sequence import Sequence, notes_without_alpha
from ..reports import StreamReport
from ..system.files import check_output
from ..system.peak_rss import LargestRss
from ..zoo import Model
from .intake import Intake, lost_tracks
from .live_forest import LiveForest
from .sequence_header import check_size, constant_ticks, header_of

# Nodes that may wait to be coded.
_WAITING_NODES = 2


@dataclass(frozen=True)
class Live:
    """Where a stream is. bytes: of the file.   memory_mb: resident now, None where that is not known."""

    frames: int
    nodes: int
    bytes: int
    memory_mb: float | None


@torch.inference_mode()
def stream_sequence(
    sequence: Sequence,
    output: Path,
    model: Model,
    forest: LiveForest,
    *,
    frames: int | None = None,
    duration: float | None = None,
    force: bool = False,
    sync: float = 1.0,
    stopping: Callable[[], bool] = lambda: False,
    progress: Callable[[Live], None] = lambda _: None,
) -> StreamReport:
    """Compress the frames of `sequence` as they come into a latent that is readable from its first node on.

    forest: what they become; of `model`.
    frames, duration: end after so many frames, or seconds of presentation time.
    sync: seconds, at most, of finished nodes that a power cut may cost; a kill costs none.
    stopping: asked all the time; once it says True the stream ends, its tail included.

    However it ends, what was finished stays: when the source fails half-way, or gives no frame for its
    `timeout`, the file is finished before `InputError` is raised (or what else the source raised). Raises
    `OutputError` besides.
    """
    check_output(output, force=force)
    check_size(sequence)
    info = sequence.info
    nominal = constant_ticks(np.zeros(0, np.int64), info)
    header = header_of(model, info, frames=1, start_time=0, frame_ticks=nominal, **forest.fields)
    began = time.perf_counter()
    state = _Stream(GrowingWriter(output, header, force=force, sync=sync), forest)
    intake = Intake(sequence, frames, duration, stopping)
    with ThreadPoolExecutor(1) as pool:
        for frame in intake:
            state.times.append(frame.time)
            for node in forest.feed(frame.pixels[None]):
                state.submit(pool, node)
            state.done += 1
            state.collect(_WAITING_NODES)
            progress(state.live())
        for node in forest.flush():
            state.submit(pool, node)
        state.collect(0)
    state.writer.close()
    if not state.done:
        raise intake.problem or InputError(f"{sequence.name}: no frame came")
    seconds = time.perf_counter() - began
    whole = intake.ended == "source" and intake.problem is None
    unfinished = _compacted(output, sequence.write_tracks if whole else None)
    lost = () if whole else lost_tracks(sequence)
    if intake.problem is not None:
        raise intake.told(output, state.done)
    size = output.stat().st_size
    return StreamReport(
        source=sequence.name,
        output=str(output),
        model=model.name,
        method=forest.method,
        ratio=defaults.AUTO if header.adaptive else header.ratio,
        quality=header.quality,
        frames=state.done,
        height=info.height,
        width=info.width,
        channels=info.channels,
        nodes=state.nodes,
        bytes=size,
        bits_per_pixel=8 * size / (state.done * info.height * info.width),
        seconds=seconds,
        frames_per_second=state.done / seconds,
        memory_mb=state.resident.largest,
        ended=intake.ended,
        reconnects=sequence.reconnects,
        dropped=sequence.dropped,
        finished=not unfinished,
        notes=(*notes_without_alpha(info), *sequence.warnings, *unfinished, *lost),
    )


def _compacted(output: Path, tracks: Callable[[BinaryIO], bool] | None) -> tuple[str, ...]:
    """Put a growing latent into its final form, with its tracks; a note on why it could not be."""
    try:
        compact(output, tracks)
    except (ImfnError, OSError) as error:
        return (f"left as it grew, readable all the same ({error})",)
    return ()


class _Stream:
    """What a stream holds: the times of frames whose node is not finished, and a few nodes being coded."""

    def __init__(self, writer: GrowingWriter, forest: LiveForest) -> None:
        self.writer = writer
        self.forest = forest
        self.times: deque[int] = deque()
        self.done = self.nodes = 0
        self.resident = LargestRss()
        self._waiting: deque[Future[None]] = deque()

    def submit(self, pool: ThreadPoolExecutor, node: tuple[int, Any]) -> None:
        """Have a node coded and appended by the one worker: in order, and as soon as it is coded."""
        times = [self.times.popleft() for _ in range(1 << node[0])]
        self._waiting.append(pool.submit(self._write, node, times))

    def _write(self, node: tuple[int, Any], times: list[int]) -> None:
        with torch.inference_mode():
            self.writer.add(node[0], self.forest.encode(node), times)
        self.nodes += 1

    def collect(self, most: int) -> None:
        """Wait until at most `most` nodes are not written; raises what writing them raised."""
        while self._waiting and (len(self._waiting) > most or self._waiting[0].done()):
            try:
                self._waiting.popleft().result()
            except OutputError as error:
                kept = f"; its {self.nodes} finished nodes are kept and readable" if self.nodes else ""
                raise OutputError(f"{error}{kept}") from error

    def live(self) -> Live:
        """Where it is."""
        return Live(self.done, self.nodes, self.writer.size, self.resident.look(self.done))
