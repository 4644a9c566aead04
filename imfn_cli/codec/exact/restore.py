"""Array latents to arrays: all of it into a file, or any frames; and whether it is whole."""

import time
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...bitstream.exact.array_file import ArrayFile, Group
from ...bitstream.exact.array_header import Tree
from ...bitstream.exact.tree_model import TreeModel
from ...errors import InputError, LatentError
from ...media.arrays.sinks import ArrayInfo, write_array
from ...media.arrays.source import ArraySource
from ...media.selection import selected
from ...reports import DamagedNode, DecompressReport, VerifyReport
from ...zoo.array_model import tree_of
from .difference import Difference
from .group_bytes import decode, within
from .needs import check_array_needs
from .planes import from_planes, plane_shape
from .samples import SampleMap

if TYPE_CHECKING:
    from .tree_group import TreeCoder

Array = NDArray[Any]


def read_group(latent: ArrayFile, group: Group) -> Array:
    """The frames of a group, (N, *frame). Raises `LatentError` where it is damaged."""
    header = latent.header
    axes = header.axes[len(header.axes) - header.frame_axes :]
    data = latent.read(group)
    try:
        shape = (group.length, *plane_shape(header.frame_shape, axes))
        if header.tree is None:
            planes = decode(data, shape, SampleMap.of(header))
        else:
            planes = _tree_coder(latent).decode(data, shape, np.dtype(header.dtype))
    except (ValueError, AssertionError, IndexError, OverflowError) as error:
        raise LatentError(f"{latent.path}: {group} is damaged (it does not decode)") from error
    return from_planes(planes, header.frame_shape, axes)


def read_memories(latent: ArrayFile, group: Group) -> list[tuple[int, NDArray[np.float32]]]:
    """The memories of a group of a latent that has some: level and (N, C, h, w), in order of time.

    Raises `LatentError` where it is damaged.
    """
    header = latent.header
    axes = header.axes[len(header.axes) - header.frame_axes :]
    data = latent.read(group)
    try:
        shape = (group.length, *plane_shape(header.frame_shape, axes))
        return _tree_coder(latent).memories(data, shape)
    except (ValueError, IndexError, OverflowError) as error:
        raise LatentError(f"{latent.path}: {group} is damaged (it does not decode)") from error


def _tree_coder(latent: ArrayFile) -> "TreeCoder":
    assert latent.header.tree is not None
    return _coder_of(latent.model, latent.header.tree)


@lru_cache(maxsize=8)
def _coder_of(model: bytes, tree: Tree) -> "TreeCoder":
    """Raises ValueError where the model's bytes are malformed, or it is none of this tree."""
    # Torch is loaded for memories alone.
    from .tree_group import Span, TreeCoder

    read = TreeModel.from_bytes(model)
    if len(read.sweepers) < tree.levels:
        raise ValueError("the model has too few levels")
    return TreeCoder(tree_of(read), tree.levels, tree.step, Span(*tree.span, tree.bounds))


def read_array(latent: ArrayFile, start: int, stop: int) -> Iterator[Array]:
    """Frames start … stop − 1 in blocks, (N, *frame) each; only their groups are read."""
    for group in latent.groups:
        if group.frames.start < stop and group.frames.stop > start:
            low, high = max(start, group.frames.start), min(stop, group.frames.stop)
            yield read_group(latent, group)[low - group.frames.start : high - group.frames.start]


def decompress_array(
    latent: ArrayFile,
    output: Path,
    *,
    start: int = 0,
    stop: int | None = None,
    format: str | None = None,
    force: bool = False,
    skip_damaged: bool = False,
    progress: Any = None,
) -> DecompressReport:
    """Restore an array latent into a file; see `api.decompress`."""
    started, header = time.perf_counter(), latent.header
    chosen = selected(str(latent.path), header.frames, start, stop)
    whole = len(chosen) == header.frames
    if not whole and header.frame_axes != len(header.shape) - 1:
        raise InputError(f"{latent.path}: has several axes before its frames; leave --frames out")
    check_array_needs(latent, len(chosen))
    damaged: list[tuple[int, int]] = []

    def blocks() -> Iterator[Array]:
        done, last = 0, np.zeros(header.frame_shape, header.dtype)
        for group in latent.groups:
            if group.frames.start >= chosen.stop or group.frames.stop <= chosen.start:
                continue
            low, high = max(chosen.start, group.frames.start), min(chosen.stop, group.frames.stop)
            try:
                block = read_group(latent, group)[low - group.first_frame : high - group.first_frame]
            except LatentError:
                if not skip_damaged:
                    raise
                first = low - chosen.start
                if damaged and damaged[-1][1] + 1 == first:
                    first = damaged.pop()[0]
                damaged.append((first, high - 1 - chosen.start))
                block = np.broadcast_to(last, (high - low, *header.frame_shape))
            last = np.array(block[-1])
            yield block
            done += high - low
            if progress is not None:
                progress(done)

    shape = header.shape if whole else (len(chosen), *header.frame_shape)
    info = ArrayInfo(shape, np.dtype(header.dtype), header.axes, header.frame_axes, header.about)
    write_array(output, info, blocks(), format=format, force=force)
    height, width, channels = plane_shape(header.frame_shape, header.axes[-header.frame_axes or 99 :])
    seconds = time.perf_counter() - started
    return DecompressReport(
        source=str(latent.path),
        output=str(output),
        model="",
        frames=len(chosen),
        height=height,
        width=width,
        channels=channels,
        seconds=seconds,
        frames_per_second=len(chosen) / seconds,
        damaged=tuple(damaged),
    )


def verify_array(
    latent: ArrayFile, source: ArraySource | None = None, *, progress: Any = None
) -> VerifyReport:
    """Decode every group; with the source, compare every sample with it.

    Raises `InputError` for another source, `LimitError` where decoding asks for too much.
    """
    header = latent.header
    check_array_needs(latent, header.frames)
    if source is not None and (source.shape, source.dtype.str) != (header.shape, header.dtype):
        raise InputError(
            f"{source.name}: is {source.dtype.str} of shape {source.shape}, {latent.path} of "
            f"{header.dtype} {header.shape}; name the array that it was made from"
        )
    problems = []
    measured = Difference()
    for group in latent.groups:
        problem = None
        try:
            restored = read_group(latent, group)
        except LatentError as error:
            problem = str(error)
        else:
            if source is not None and header.max_error is None:
                measured.add(source.read(group.frames.start, group.frames.stop), restored)
            elif source is not None:
                problem = _difference(
                    latent, group, restored, source.read(group.frames.start, group.frames.stop)
                )
        if problem:
            problems.append(DamagedNode(group.number, group.frames[0], group.frames[-1], problem))
        if progress is not None:
            progress(group.number + 1)
    compared: tuple[str, ...] = ()
    if source is not None:
        told = "" if header.tree is None else f"; {measured.text(header.tree.bounds)}"
        compared = (f"every sample was compared with the source{told}",)
    return VerifyReport(
        source=str(latent.path),
        ok=not problems,
        nodes=len(latent.groups),
        frames=header.frames,
        decoded=True,
        damaged=tuple(problems),
        notes=compared,
    )


def _difference(latent: ArrayFile, group: Group, restored: Array, samples: Array) -> str | None:
    """What is wrong with restored samples, on one line."""
    limit = latent.header.max_error
    if not limit:
        wrong = int(samples.tobytes() != restored.tobytes())
        what = "not the source's samples"
    else:
        far = ~within(samples, restored, limit)
        wrong, what = (
            int(far.sum()),
            f"{int(far.sum())} samples are further off than {limit:g}",
        )
    return f"{latent.path}: {group} is not of this source: {what}" if wrong else None
