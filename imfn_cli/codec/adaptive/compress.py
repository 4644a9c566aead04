"""Frames to a latent whose forest is adaptive."""

import threading
import time
from array import array
from collections.abc import Iterator
from collections.abc import Sequence as Seq
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ... import defaults
from ...bitstream.container.embedded_model import ModelFiles
from ...bitstream.container.latent_writer import LatentWriter
from ...bitstream.quantiser import checked_quality
from ...errors import ModelError
from ...media.sequence import Sequence
from ...reports import CompressReport
from ...system.threads import map_ordered
from ...zoo.model import Model
from ..alpha import AlphaIntake
from ..encoder import CODING_THREADS, Progress, compress_report
from ..sequence_header import check_shape, check_size, finish_latent
from ..work import compressing
from .bases import bases_of, fits
from .effort import effort_of
from .gop_encoder import encode_gop
from .gop_state import BLOCK
from .shape import gop_frames_of, top_of
from .tree_bytes import split_tree

# Numbers that a window spends on a block: four leaves of 192 channels.
_NUMBERS = 4 * 192


def compress_adaptive(
    sequence: Sequence,
    output: Path,
    model: Model,
    *,
    quality: float = defaults.QUALITY,
    gop: int = defaults.GOP,
    effort: int = defaults.EFFORT,
    force: bool = False,
    resume: bool = False,
    parts: Seq[Path] = (),
    embed: ModelFiles | None = None,
    progress: Progress = lambda _: None,
) -> CompressReport:
    """Compress the frames of `sequence` into an adaptive forest at `output`.

    gop: frames in a group of pictures, about: full trees and the intra frame before them.   effort: 1 to 3.
    resume, parts, embed: as in `compress_sequence`.
    Uses the linear maps of `model`. Raises ModelError if they are not of 8×8 RGB patches with all channels,
    and as `compress_sequence` does; nothing is left then.
    """
    began = time.perf_counter()
    quality, tried = checked_quality(quality), effort_of(effort)
    check_fits(model)
    check_size(sequence)
    info = sequence.info
    shape = info.height, info.width, model.network.config.levels
    size = gop_frames_of(info.height, info.width, top_of(*shape, gop=gop), gop)
    top = top_of(*shape, windows=tried.windows, gop=gop)
    bases = bases_of(model, top)

    def encode(frames: list[NDArray[np.uint8]]) -> list[tuple[int, bytes]]:
        trees = []
        for tree in encode_gop(frames, top, quality, bases, tried):
            trees.append(tree)
            counting(1 << tree[0])
        return trees

    blocks = -(-info.height // BLOCK) * -(-info.width // BLOCK)
    told = compressing(sequence, model, ratio=defaults.AUTO, quality=quality, gop=size, effort=effort)
    windows, counting = 0.0, _Counting(progress)
    with LatentWriter(output, force=force, told=told, resume=resume, model=embed) as writer:
        times = writer.take_over(parts, size) if parts else writer.take_up(size)
        resumed = written = counting.done = len(times)
        for (level, *_), data in zip(writer.table, writer.nodes(), strict=True):
            windows += _windows_in(data, blocks << level)
        alpha = AlphaIntake(info, size)
        gops = _gops(sequence, size, times, alpha)
        # Whole GOPs are large: none waits but those that are being coded.
        for trees in map_ordered(encode, gops, CODING_THREADS, ahead=CODING_THREADS - 1):
            for level, data in trees:
                alpha.write(writer, written + (1 << level))
                writer.add(level, data, times[written : written + (1 << level)])
                written += 1 << level
                windows += _windows_in(data, blocks << level)
        finish_latent(*(writer, model, sequence, times), ratio=1 << top, quality=quality, gop_frames=size)
    return compress_report(
        sequence,
        output,
        model,
        ratio=defaults.AUTO,
        quality=quality,
        gop=size,
        student=False,
        frames=counting.done,
        nodes=writer.node_count,
        numbers=_NUMBERS * windows,
        seconds=time.perf_counter() - began,
        resumed=resumed,
    )


class _Counting:
    """Frames that are coded, by several threads."""

    def __init__(self, progress: Progress) -> None:
        self.done, self._progress, self._lock = 0, progress, threading.Lock()

    def __call__(self, frames: int) -> None:
        with self._lock:
            self.done += frames
            self._progress(self.done)


def check_fits(model: Model) -> None:
    """Raise ModelError where a model's tree cannot be an adaptive forest."""
    if not fits(model.network.config):
        raise ModelError(
            f"model {model.name!r}: its memories cannot be cut by blocks; choose a ratio with -r"
        )


def _windows_in(data: bytes, block_frames: int) -> float:
    """How many windows, of all lengths, a tree of so many frames of blocks has."""
    windows = split_tree(data).windows
    return block_frames - sum(share - share / (1 << level) for level, share in windows.items())


def _gops(
    sequence: Sequence, size: int, times: "array[int]", alpha: AlphaIntake
) -> Iterator[list[NDArray[np.uint8]]]:
    """The frames (H, W, C) after those of `times` in lists of `size`, the last one shorter.

    Their times go to `times`, their alpha planes to `alpha`.
    """
    gop: list[NDArray[np.uint8]] = []
    done = len(times)
    for frame in alpha.through(sequence.after(done), done, done):
        check_shape(sequence, frame.pixels[None])
        times.append(frame.time)
        gop.append(frame.pixels)
        if len(gop) == size:
            full, gop = gop, []
            yield full
            del full
    if gop:
        yield gop
