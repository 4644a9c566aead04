"""Frames to a latent file and back: the one place that joins media, networks and the file format."""

import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .. import defaults
from ..bitstream.container.header import MAX_PIXELS, MAX_SIDE, Header
from ..bitstream.container.latent import LatentReader, LatentWriter, NodeEntry, describe
from ..bitstream.quantiser import step_of_quality
from ..errors import InputError, LatentError, ModelError
from ..media import ColourDescription, Frame, Sequence, SequenceInfo, batched, open_writer, selected
from ..motion.motion import luma
from ..network import RootCoding, level_of_ratio
from ..reports import CompressReport, DamagedNode, DecompressReport, VerifyReport
from ..system.threads import map_ordered, prefetch
from ..version import __version__
from ..zoo import Model, load, model_folders
from .inter import Chain, Looks, NodeParts
from .node_builders import node_builder
from .synthesis import batch_frames, restored_parts

Pixels = NDArray[np.uint8]
#: Called with the number of frames done so far.
Progress = Callable[[int], None]

#: Stands after the tool's version in the header of a latent that a student made.
STUDENT_MARK = " (student)"
#: Threads that code nodes; each spends its time in numpy and the rANS coder, which release the GIL.
CODING_THREADS = 2


# -- compress --------------------------------------------------------------------------------------------


@torch.inference_mode()
def compress_sequence(
    sequence: Sequence,
    output: Path,
    model: Model,
    *,
    ratio: int = defaults.RATIO,
    quality: int = defaults.QUALITY,
    gop: int = defaults.GOP,
    student: bool = False,
    force: bool = False,
    progress: Progress = lambda _: None,
) -> CompressReport:
    """Compress the frames of `sequence` into a latent file at `output`.

    group: frames whose nodes may build on one another (`chain.py`), 0 for none.
    student: by the model's student instead of its tree.

    Frames stream: memory use does not depend on their number. Raises `RatioError`, `OutputError` (exists
    without `force`, cannot be written), and `InputError` from reading the sequence; nothing is left then.
    """
    began = time.perf_counter()
    level = level_of_ratio(ratio, model.network.config.levels)
    step_of_quality(quality)  # refuses others
    info = sequence.info
    check_size(sequence)
    times = array("q")
    gop_nodes = gop_nodes_of(model, ratio, gop)
    seen = Looks(level)

    def grow() -> Iterator[tuple[int, Tensor]]:
        done = 0
        for pixels, shown in prefetch(batched(sequence, batch_frames(info.height, info.width)), 2):
            times.extend(shown)
            if gop_nodes > 1:
                seen.feed(luma(pixels))
            yield from builder.feed(pixels)
            done += len(pixels)
            progress(done)
        yield from builder.flush()

    def encode(node: tuple[int, Tensor]) -> tuple[int, bytes]:
        return encode_node(model, node, quality)

    links = Chain(model, (info.height, info.width, info.channels), quality)

    @torch.inference_mode()
    def link(node: tuple[bool, int, Tensor, Pixels]) -> tuple[int, bytes]:
        key, node_level, memory, search_frames = node
        return node_level, links.encode(node_level, memory, search_frames, key=key)

    def with_looks() -> Iterator[tuple[bool, int, Tensor, Pixels]]:
        for index, (node_level, memory) in enumerate(grow()):
            yield index % gop_nodes == 0, node_level, memory, seen.pop(node_level)

    builder = node_builder(model, level, student=student)
    with LatentWriter(output, force=force) as writer:
        nodes = 0
        # Nodes of a chain are made one after another; the next are merged meanwhile.
        coded = (
            map_ordered(encode, grow(), CODING_THREADS)
            if gop_nodes == 1
            else map_ordered(link, with_looks(), 1)
        )
        for node_level, data in coded:
            writer.add(node_level, data)
            nodes += 1
        if not times:
            raise InputError(f"{sequence.name}: holds no frames")
        if nodes == 1:
            gop_nodes = 1  # nothing builds on it
        moments = np.frombuffer(times, np.int64)
        ticks = moments[1:] - moments[:-1]
        constant = constant_ticks(ticks, info)
        header = header_of(
            model,
            info,
            ratio=ratio,
            quality=quality,
            gop_nodes=gop_nodes,
            student=student,
            frames=len(times),
            start_time=times[0],
            frame_ticks=constant,
        )
        writer.finish(header, None if constant is not None else ticks)
    size = output.stat().st_size
    seconds = time.perf_counter() - began
    pixels = len(times) * info.height * info.width
    h, w = model.network.config.grid(info.height, info.width)
    return CompressReport(
        source=sequence.name,
        output=str(output),
        model=model.name,
        ratio=ratio,
        quality=quality,
        frames=len(times),
        height=info.height,
        width=info.width,
        channels=info.channels,
        nodes=nodes,
        source_bytes=info.size_bytes,
        bytes=size,
        bits_per_pixel=8 * size / pixels,
        ratio_of_numbers=pixels * info.channels / (nodes * model.network.config.channels * h * w),
        ratio_of_bytes=info.size_bytes / size,
        seconds=seconds,
        frames_per_second=len(times) / seconds,
        notes=(*info.notes, *sequence.warnings),
        student=student,
        gop=gop_nodes * ratio if gop_nodes > 1 else 0,
    )


def gop_nodes_of(model: Model, ratio: int, gop: int) -> int:
    """How many nodes of a ratio build on one another in a group of frames; 1 where they stand alone.

    Raises `ValueError` for a negative group.
    """
    if gop < 0:
        raise ValueError(f"group {gop}: must be a number of frames, or 0")
    return max(1, gop // ratio) if model.can_predict else 1


def check_size(sequence: Sequence) -> None:
    """Raise `InputError` for frames larger than a latent may hold."""
    info = sequence.info
    if max(info.height, info.width) > MAX_SIDE or info.height * info.width > MAX_PIXELS:
        raise InputError(
            f"{sequence.name}: frames of {info.width}x{info.height} are too large; "
            f"at most {MAX_SIDE:,} a side and {MAX_PIXELS:,} pixels"
        )


def encode_node(model: Model, node: tuple[int, Tensor], quality: int) -> tuple[int, bytes]:
    """A node (level, memory (1, C, h, w)) → its level and its bytes, quantised at `quality`."""
    level, memory = node
    values = memory[0].float().cpu().numpy() / np.float32(step_of_quality(quality))
    return level, model.entropy.encode(values, level, quality)


def header_of(
    model: Model,
    info: SequenceInfo,
    *,
    ratio: int,
    quality: int,
    student: bool,
    frames: int,
    start_time: int,
    frame_ticks: int | None,
    gop_nodes: int = 1,
) -> Header:
    """What a latent of a sequence says about itself. The student is named after the tool: every reader of
    this format version takes it there."""
    return Header(
        tool=f"imfn {__version__}" + (STUDENT_MARK if student else ""),
        model=model.name,
        model_sha256=model.sha256,
        ratio=ratio,
        quality=quality,
        frames=frames,
        height=info.height,
        width=info.width,
        channels=info.channels,
        time_base=info.time_base,
        start_time=start_time,
        frame_ticks=frame_ticks,
        frame_rate=info.frame_rate,
        sample_aspect_ratio=info.sample_aspect_ratio,
        colour=asdict(info.colour),
        value_range=info.value_range,
        source_kind=info.kind,
        source_bytes=info.size_bytes,
        gop_nodes=gop_nodes,
    )


def constant_ticks(ticks: NDArray[np.int64], info: SequenceInfo) -> int | None:
    """Ticks from frame to frame if always the same; for a single frame, its nominal duration."""
    if ticks.size:
        return int(ticks[0]) if (ticks == ticks[0]).all() else None
    return max(1, round(1 / (info.frame_rate * info.time_base))) if info.frame_rate else 1


# -- decompress ------------------------------------------------------------------------------------------


def model_of(reader: LatentReader, model: Model | Path | str | None = None, device: str = "auto") -> Model:
    """The model that wrote the latent: among those that ship, or as the caller named or loaded it.

    Raises `ModelError` naming both where it is not the one: other weights would decode to noise.
    """
    return writer_of(reader.path, reader.header.model, reader.header.model_sha256, model, device)


def writer_of(
    path: Path, name: str, sha256: str, model: Model | Path | str | None, device: str = "auto"
) -> Model:
    """`model_of` for any file that names the model that wrote it, and the SHA-256 of its weights."""
    if model is None:
        # A name in a file that came from somewhere may not make us read a folder, or ask the hub.
        if name not in model_folders():
            raise ModelError(
                f"{path}: was written by model {name!r}, which does not ship with imfn; "
                "give its folder with -m PATH"
            )
        model = name
    if not isinstance(model, Model):
        model = load(model, device=device)
    if model.sha256 != sha256:
        raise ModelError(
            f"{path}: was written by model {name!r} (weights {sha256[:12]}), not by {model.name!r} "
            f"({model.sha256[:12]}); give the folder of the right one with -m PATH"
        )
    return model


def info_of(header: Header) -> SequenceInfo:
    """What a writer of frames needs to know of a latent's sequence."""
    return SequenceInfo(
        width=header.width,
        height=header.height,
        channels=header.channels,
        time_base=header.time_base,
        frame_rate=header.frame_rate,
        frame_count=header.frames,
        kind=header.source_kind,
        size_bytes=header.source_bytes,
        colour=ColourDescription(**header.colour),
        sample_aspect_ratio=header.sample_aspect_ratio,
        value_range=header.value_range,
    )


def chain_of_latent(reader: LatentReader, model: Model) -> Chain:
    """What decodes the nodes of a latent, one after another.

    Raises `LatentError` for nodes that build on one another by a model that cannot forecast.
    """
    header = reader.header
    if header.gop_nodes > 1 and not model.can_predict:
        raise LatentError(f"{reader.path}: its nodes build on one another, which model {model.name!r} cannot")
    return Chain(model, (header.height, header.width, header.channels), header.quality)


def decode_node(reader: LatentReader, model: Model, node: NodeEntry) -> NodeParts:
    """What a node says by itself; all of it, for a key node. Raises `LatentError` naming it if damaged."""
    data = reader.read(node)
    levels = model.network.config.levels
    if node.level > levels:
        raise LatentError(f"{reader.path}: {describe(node)} has level {node.level}, the model has {levels}")
    with _naming(reader, node):
        return chain_of_latent(reader, model).parse(data, node.level, key=reader.header.is_intra(node.index))


@contextmanager
def _naming(reader: LatentReader, node: NodeEntry) -> Iterator[None]:
    """Turn what decoding a node raises into a `LatentError` that names it."""
    try:
        yield
    except (ValueError, AssertionError, OverflowError) as error:
        raise LatentError(f"{reader.path}: {describe(node)} is damaged ({error})") from error


class Damaged(list[tuple[NodeEntry, str]]):
    """Nodes that could not be decoded, each with the reason."""


@torch.inference_mode()
def restored_frames(
    reader: LatentReader,
    model: Model,
    start: int = 0,
    stop: int | None = None,
    *,
    damaged: Damaged | None = None,
) -> Iterator[Frame]:
    """The frames start … stop − 1 of a latent, in order, as 8-bit pixels with their times.

    Reads only the nodes above wanted frames, and those before them in their chain, and makes only the splits
    on the way. A damaged node raises `LatentError`, unless `damaged` is given: then it is noted there, with
    those that build on it, and their frames repeat the last good one (mid-gray before the first). Raises
    `InputError` for an empty selection.
    """
    header = reader.header
    stop = selected(str(reader.path), header.frames, start, stop).stop
    wanted = [node for node in reader.nodes if node.frames[0] < stop and node.frames[-1] >= start]
    last = np.full((header.height, header.width, header.channels), 128, np.uint8)
    size = batch_frames(header.height, header.width)
    step = step_of_quality(header.quality)
    # A selection starts at 0, as a clip of its own.
    origin = next(reader.times(start)) if start else 0
    clock = (shown - origin for shown in reader.times(start))
    for gop in _decoded_groups(reader, model, wanted, size, damaged):
        first, end = gop[0][0].first_frame, gop[-1][0].frames[-1] + 1
        if gop[0][1] is None:
            for _ in range(max(start, first), min(stop, end)):
                yield Frame(last, next(clock))
            continue
        memories = torch.stack([m for _, m in gop if m is not None]).to(model.device)
        wanted_here = max(start - first, 0), min(stop, end) - first
        level, shape = gop[0][0].level, (header.height, header.width, header.channels)
        for part in restored_parts(model, memories, level, shape, wanted_here, RootCoding(level, step)):
            pixels = part.cpu().numpy()
            for frame in pixels:
                yield Frame(frame, next(clock))
            last = pixels[-1]


_Decoded = tuple[NodeEntry, Tensor | None]


def _decoded_groups(
    reader: LatentReader, model: Model, wanted: list[NodeEntry], size: int, damaged: Damaged | None
) -> Iterator[list[_Decoded]]:
    """Wanted nodes and memories in runs of one level, up to `size` frames; a damaged one by itself."""
    gop: list[_Decoded] = []
    for node, memory in _memories(reader, model, wanted, damaged):
        if node.index < wanted[0].index:
            continue
        joins = gop and memory is not None and gop[-1][1] is not None and gop[-1][0].level == node.level
        if gop and (not joins or (len(gop) + 1) << node.level > size):
            yield gop
            gop = []
        gop.append((node, memory))
    if gop:
        yield gop


def _memories(
    reader: LatentReader, model: Model, wanted: list[NodeEntry], damaged: Damaged | None
) -> Iterator[_Decoded]:
    """The memories of wanted nodes, which follow one another, and of those before them in their chain."""

    def parse(node: NodeEntry) -> tuple[NodeEntry, NodeParts | None, str]:
        try:
            return node, decode_node(reader, model, node), ""
        except LatentError as error:
            if damaged is None:
                raise
            return node, None, str(error)

    header = reader.header
    first = wanted[0].index
    needed = reader.nodes[first - first % header.gop_nodes : wanted[-1].index + 1]
    gop_nodes = chain_of_latent(reader, model)
    broken: NodeEntry | None = None
    for node, parts, problem in map_ordered(parse, needed, CODING_THREADS):
        memory = None
        if header.is_intra(node.index):
            broken = None
        if broken is not None:
            problem = problem or _builds_on(reader, node, broken)
        elif parts is not None:
            try:
                with _naming(reader, node):
                    # Nothing builds on a node that stands alone.
                    memory = (
                        gop_nodes.restore(node.level, parts)
                        if header.gop_nodes > 1
                        else torch.from_numpy(parts.values)
                    )
            except LatentError as error:
                if damaged is None:
                    raise
                problem = str(error)
        if memory is None and damaged is not None:
            broken = broken or node
            if node.index >= first:
                damaged.append((node, problem))
        yield node, memory


def _builds_on(reader: LatentReader, node: NodeEntry, broken: NodeEntry) -> str:
    return f"{reader.path}: {describe(node)} builds on {describe(broken)}, which is damaged"


@torch.inference_mode()
def decompress_latent(
    reader: LatentReader,
    output: str | Path,
    model: Model,
    *,
    start: int = 0,
    stop: int | None = None,
    force: bool = False,
    skip_damaged: bool = False,
    progress: Progress = lambda _: None,
) -> DecompressReport:
    """Restore frames start … stop − 1 of a latent into `output`, whose ending says the format.

    Raises `OutputError`, `InputError` (empty selection) and, unless `skip_damaged`, `LatentError` for a
    damaged node.
    """
    began = time.perf_counter()
    header = reader.header
    damaged = Damaged() if skip_damaged else None
    done = 0
    with open_writer(output, info_of(header), force=force) as writer:
        ahead = max(2, batch_frames(header.height, header.width))
        try:
            for frame in prefetch(restored_frames(reader, model, start, stop, damaged=damaged), ahead):
                writer.write(frame.pixels, frame.time)
                done += 1
                progress(done)
        except LatentError as error:
            raise LatentError(f"{error}; --skip-damaged restores the others") from error
    seconds = time.perf_counter() - began
    return DecompressReport(
        source=str(reader.path),
        output=str(output),
        model=model.name,
        frames=done,
        height=header.height,
        width=header.width,
        channels=header.channels,
        seconds=seconds,
        frames_per_second=done / seconds,
        damaged=tuple((node.frames[0], node.frames[-1]) for node, _ in damaged or ()),
    )


@torch.inference_mode()
def verify_latent(
    reader: LatentReader, model: Model | None, *, progress: Progress = lambda _: None
) -> VerifyReport:
    """Read every node and decode it; without a model only the checksums are compared."""

    def check(node: NodeEntry) -> tuple[NodeParts | None, str]:
        try:
            if model is not None:
                return decode_node(reader, model, node), ""
            reader.read(node)
        except LatentError as error:
            return None, str(error)
        return None, ""

    damaged = []
    gop_nodes = None if model is None else chain_of_latent(reader, model)
    checked = map_ordered(check, reader.nodes, CODING_THREADS)
    broken: NodeEntry | None = None
    for node, (parts, problem) in zip(reader.nodes, checked, strict=True):
        if reader.header.is_intra(node.index):
            broken = None
        if broken is not None:
            problem = problem or _builds_on(reader, node, broken)
        elif gop_nodes is not None and parts is not None:
            try:
                with _naming(reader, node):
                    gop_nodes.read_motion(node.level, parts)
            except LatentError as error:
                problem = str(error)
        if problem:
            broken = broken or node
            damaged.append(DamagedNode(node.index, node.frames[0], node.frames[-1], problem))
        progress(node.index + 1)
    return VerifyReport(
        source=str(reader.path),
        ok=not damaged,
        nodes=len(reader.nodes),
        frames=reader.header.frames,
        decoded=model is not None,
        damaged=tuple(damaged),
        notes=(),
    )


def default_restored(path: Path, kind: str) -> str:
    """Where `decompress` writes unless told: clip.restored.mp4; animations, arrays and images as such."""
    ending = {"animation": ".gif", "array": ".npy", "idx": ".npy", "images": ""}.get(kind, ".mp4")
    stem = path.name.removesuffix(".safetensors")
    return str(path.with_name(f"{stem}.restored{ending}")) + ("/" if not ending else "")
