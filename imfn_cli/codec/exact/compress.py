"""Arrays in, array latents out."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...bitstream.exact.array_file import ArrayWriter
from ...bitstream.exact.array_header import MAX_SAMPLES, ArrayHeader
from ...media.arrays.source import ArraySource
from ...reports import ArrayReport
from ...version import __version__
from .analysis import look, sample_map
from .channels import may_differ
from .group_bytes import encode
from .planes import plane_shape, to_planes
from .tolerance import Tolerance

# Samples in a group, about: they are in memory several times over.
_GROUP_SAMPLES = 1 << 23
_FEWEST, _MOST = 8, 1 << 17
# Samples that are looked at together.
_LOOK = 1 << 21


def compress_array(
    source: ArraySource,
    place: Path,
    tolerance: Tolerance,
    *,
    force: bool = False,
    told: Mapping[str, Any] | None = None,
    resume: bool = False,
    progress: Any = None,
) -> ArrayReport:
    """Compress an array into the latent at `place`, group by group; see `api.compress`.

    told: by name, what its samples depend on; resume: go on from the groups of a run that was interrupted.
    progress: called with the frames that are done.   Raises `InputError`, `OutputError`.
    """
    started = time.perf_counter()
    found = look(source.dtype, blocks_of(source, max(1, _LOOK // frame_samples(source))))
    max_error = tolerance.of_range(found.low, found.high)
    how, max_error = sample_map(found, max_error)
    axes = source.axes[len(source.axes) - source.frame_axes :]
    size = plane_shape(source.frame_shape, axes)
    how = replace(how, differences=may_differ(size, how.limits, how.error_steps))
    group_frames = even_groups(source.frames, frame_samples(source))
    header = ArrayHeader(
        tool=f"imfn {__version__}",
        shape=source.shape,
        dtype=source.dtype.str,
        axes=source.axes,
        frame_axes=source.frame_axes,
        coding=how.coding,
        exponent=how.exponent,
        low_bits=how.low_bits,
        base=how.base,
        limits=how.limits,
        error_steps=how.error_steps,
        max_error=max_error,
        quality=tolerance.quality,
        group_frames=group_frames,
        source_kind=source.kind,
        source_bytes=source.size_bytes,
        about=source.about,
        differences=how.differences,
    )
    if told is not None:
        told = {**told, "error": repr(tolerance), "imfn": __version__, "numpy": np.__version__}
    with ArrayWriter(place, force=force, told=told, resume=resume) as writer:
        resumed = done = writer.take_up()
        for block in blocks_of(source, group_frames, done):
            writer.add(len(block), encode(to_planes(block, axes), how, max_error))
            done += len(block)
            if progress is not None:
                progress(done)
        writer.finish(header)
    exact = header.lossless and not tolerance.lossless
    notes = ("kept exactly: an error as small as this one would save nothing",) if exact else ()
    report = array_report(source, place, header, writer.groups, time.perf_counter() - started, notes=notes)
    return replace(report, resumed=resumed)


def array_report(
    source: ArraySource,
    place: Path,
    header: ArrayHeader,
    groups: int,
    seconds: float,
    *,
    ratio_of_numbers: float = 1.0,
    notes: tuple[str, ...] = (),
) -> ArrayReport:
    """What compressing did. ratio_of_numbers: of samples to numbers that are coded."""
    height, width, channels = plane_shape(
        source.frame_shape, source.axes[len(source.shape) - source.frame_axes :]
    )
    size, samples = place.stat().st_size, header.frames * header.frame_samples
    array_bytes = samples * source.dtype.itemsize
    return ArrayReport(
        source=source.name,
        output=str(place),
        model="",
        ratio=header.tree.ratio if header.tree else 1,
        quality=header.quality,
        frames=header.frames,
        height=height,
        width=width,
        channels=channels,
        nodes=groups,
        source_bytes=source.size_bytes,
        bytes=size,
        bits_per_pixel=8 * size / (header.frames * height * width),
        ratio_of_numbers=ratio_of_numbers,
        ratio_of_bytes=array_bytes / size,
        seconds=seconds,
        frames_per_second=header.frames / seconds,
        notes=(*source.notes, *notes),
        gop=header.group_frames,
        shape=source.shape,
        dtype=source.dtype.str,
        max_error=header.max_error,
        lossless=header.lossless,
        bits_per_sample=8 * size / samples,
        megabytes_per_second=array_bytes / 1e6 / seconds,
    )


def frames_in_group(frame_samples: int) -> int:
    """A power of two: how many frames of so many samples are coded together."""
    fitting = max(1, _GROUP_SAMPLES // frame_samples)
    return min(_MOST, max(_FEWEST, 1 << fitting.bit_length() - 1))


def even_groups(frames: int, frame_samples: int) -> int:
    """Frames in each of an array's groups, but the last: so many that it has hardly fewer.

    The first frame of a group costs several times as much as others, so that a short group does not pay.
    """
    most = frames_in_group(frame_samples)
    each = -(-frames // max(1, round(frames / most)))
    return each if frames > most and each * frame_samples <= MAX_SAMPLES else most


def frame_samples(source: ArraySource) -> int:
    """Samples of a frame."""
    return int(np.prod(source.frame_shape, dtype=np.int64))


def blocks_of(source: ArraySource, frames: int, first: int = 0) -> Iterator[NDArray[Any]]:
    """All frames from `first` on, so many at a time, each block read once."""
    for start in range(first, source.frames, frames):
        yield source.read(start, min(source.frames, start + frames))
