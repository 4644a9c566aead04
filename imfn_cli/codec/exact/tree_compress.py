"""Arrays in, latents of memories out: the tree that was fitted to the array travels with them."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ...bitstream.exact.array_file import ArrayWriter
from ...bitstream.exact.array_header import MAX_SAMPLES, ArrayHeader, Tree
from ...bitstream.exact.tree_model import MOST_LEVELS, TreeModel
from ...errors import InputError
from ...media.arrays.source import ArraySource
from ...network import level_of_ratio
from ...reports import ArrayReport
from ...version import __version__
from ...zoo.array_model import tree_of
from .analysis import Findings, look
from .compress import array_report, blocks_of, frame_samples, frames_in_group
from .planes import plane_shape, to_planes
from .tree_group import Span, TreeCoder

# Samples that are looked at together.
_LOOK = 1 << 21


def range_of(source: ArraySource) -> Findings:
    """The range of an array's finite samples, read once."""
    return look(source.dtype, blocks_of(source, max(1, _LOOK // frame_samples(source))))


def span_of(found: Findings) -> Span:
    """From the lowest sample to the highest."""
    low, high = float(found.low or 0), float(found.high or 0)
    return Span(low, high, (low, high))


def windows(source: ArraySource, frames: int, most: int, span: Span) -> Iterator[NDArray[np.float32]]:
    """Windows of so many frames spread over an array, `most` samples in all, in units of the span.

    (T, H, W, C) each; of an array of fewer frames all of it. Samples that are not finite are 0.
    """
    frames = min(frames, source.frames)
    axes = source.axes[len(source.axes) - source.frame_axes :]
    count = max(1, min(source.frames // frames, most // (frames * frame_samples(source))))
    starts = np.linspace(0, source.frames - frames, count).astype(np.int64)
    for start in starts.tolist():
        samples = to_planes(source.read(start, start + frames), axes)
        if samples.dtype.kind == "f":
            samples = np.where(np.isfinite(samples), samples, span.low)
        yield span.unit(samples)


def plane_size(source: ArraySource) -> tuple[int, int, int]:
    """(H, W, C) of an array's frames."""
    return plane_shape(source.frame_shape, source.axes[len(source.axes) - source.frame_axes :])


def check_tree_ratio(source: ArraySource, ratio: int) -> None:
    """Raises `RatioError` for no ratio, `InputError` where so many frames are too large to be merged."""
    level_of_ratio(ratio, MOST_LEVELS)
    most = MAX_SAMPLES // frame_samples(source)
    if ratio > most:
        raise InputError(
            f"{source.name}: frames of {frame_samples(source):,} samples are too large for memories of "
            f"{ratio}; at most -r {1 << most.bit_length() - 1}"
        )


def compress_tree(
    source: ArraySource,
    place: Path,
    model: TreeModel,
    span: Span,
    *,
    ratio: int,
    step: float,
    quality: float,
    gop: int | None = None,
    force: bool = False,
    progress: Any = None,
    before: float = 0.0,
) -> ArrayReport:
    """Compress an array into memories of `ratio` frames, group by group.

    model, span: what was fitted, and the unit it was fitted in.   step: of the quantiser, in parts of it.
    gop: frames in a group, whose memories are predicted from one another; 0: each memory alone; None: as
    many as are held easily.   before: seconds that fitting took. Raises `OutputError`.
    """
    started = time.perf_counter() - before
    group_frames = frames_in_group(frame_samples(source)) if gop is None else max(1, gop // ratio) * ratio
    group_frames = max(
        ratio, min(group_frames, 1 << 20, MAX_SAMPLES // frame_samples(source) // ratio * ratio)
    )
    header = ArrayHeader(
        tool=f"imfn {__version__}",
        shape=source.shape,
        dtype=source.dtype.str,
        axes=source.axes,
        frame_axes=source.frame_axes,
        coding="memories",
        exponent=0,
        low_bits=0,
        base=0,
        limits=(0, 0),
        error_steps=0,
        max_error=None,
        quality=quality,
        group_frames=group_frames,
        source_kind=source.kind,
        source_bytes=source.size_bytes,
        about=source.about,
        tree=Tree(ratio, step, (span.low, span.high), span.bounds),
    )
    axes = source.axes[len(source.axes) - source.frame_axes :]
    coder = TreeCoder(tree_of(model), ratio.bit_length() - 1, step, span)
    done = 0
    with ArrayWriter(place, force=force) as writer:
        for block in blocks_of(source, group_frames):
            writer.add(len(block), coder.encode(to_planes(block, axes)))
            done += len(block)
            if progress is not None:
                progress(done)
        writer.finish(header, model.to_bytes())
    h, w = coder.tree.grid(*plane_size(source))
    numbers = frame_samples(source) * ratio / (h * w * model.channels)
    seconds = time.perf_counter() - started
    return array_report(source, place, header, writer.groups, seconds, ratio_of_numbers=numbers)


def tree_memories(
    source: ArraySource, model: TreeModel, span: Span, ratio: int, progress: Callable[[int], None]
) -> Iterator[tuple[int, Tensor]]:
    """An array's memories in order of time, in floats: level and (K, h, w). progress: frames read so far."""
    coder = TreeCoder(tree_of(model), ratio.bit_length() - 1, 0.0, span)
    axes = source.axes[len(source.axes) - source.frame_axes :]
    done = 0
    for block in blocks_of(source, max(ratio, frames_in_group(frame_samples(source)) // ratio * ratio)):
        yield from coder.climbed(to_planes(block, axes))
        done += len(block)
        progress(done)
