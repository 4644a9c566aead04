"""Frames to a latent file and back: the one place that joins media, networks and the file format."""

import time
from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from . import __version__
from .errors import InputError, LatentError, ModelError
from .frames import ColourDescription, Frame, Sequence, SequenceInfo, open_writer
from .latent.container import LatentReader, LatentWriter, NodeEntry, describe
from .latent.header import Header
from .latent.quantiser import DEFAULT_QUALITY, step_of_quality
from .model import Model, find_model, load, read_config, weights_sha256
from .network import BinaryCounter, frames_from_pixels, level_of_ratio, pixels_from_frames
from .parallel import map_ordered, prefetch

Pixels = NDArray[np.uint8]
#: Called with the number of frames done so far.
Progress = Callable[[int], None]

DEFAULT_RATIO = 16
#: Threads that code nodes; each spends its time in numpy and the rANS coder, which release the GIL.
CODING_THREADS = 2
# Pixels that go through the network at once: enough to keep it busy, few enough to stay small in memory.
_BATCH_PIXELS = 2 << 20


@dataclass(frozen=True)
class CompressReport:
    """What compressing did.

    bits_per_pixel counts the whole file over frames · height · width. ratio_of_numbers is numbers in the frames
    over numbers in the memories (the paper's ratio; tails and padding lower it), ratio_of_bytes is source
    bytes over file bytes. seconds includes reading and decoding the source.
    """

    source: str
    output: str
    model: str
    ratio: int
    quality: int
    frames: int
    height: int
    width: int
    channels: int
    nodes: int
    source_bytes: int
    bytes: int
    bits_per_pixel: float
    ratio_of_numbers: float
    ratio_of_bytes: float
    seconds: float
    frames_per_second: float
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class DecompressReport:
    """What decompressing did. damaged: frames, as first and last, that could not be restored."""

    source: str
    output: str
    model: str
    frames: int
    height: int
    width: int
    channels: int
    seconds: float
    frames_per_second: float
    damaged: tuple[tuple[int, int], ...]

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON values."""
        return asdict(self)


# -- compress ----------------------------------------------------------------------------------------------------


@torch.inference_mode()
def compress_sequence(
    sequence: Sequence,
    output: Path,
    model: Model,
    *,
    ratio: int = DEFAULT_RATIO,
    quality: int = DEFAULT_QUALITY,
    force: bool = False,
    progress: Progress = lambda _: None,
) -> CompressReport:
    """Compress the frames of `sequence` into a latent file at `output`.

    Frames stream: memory use does not depend on their number. Raises `RatioError`, `OutputError` (exists
    without `force`, cannot be written), and `InputError` from reading the sequence; nothing is left then.
    """
    began = time.perf_counter()
    level = level_of_ratio(ratio, model.network.config.levels)
    step = step_of_quality(quality)
    info = sequence.info
    times = array("q")

    def read() -> Iterator[Pixels]:
        batch: list[Pixels] = []
        size = batch_frames(info.height, info.width)
        for frame in sequence:
            times.append(frame.time)
            batch.append(frame.pixels)
            if len(batch) == size:
                yield np.stack(batch)
                batch = []
        if batch:
            yield np.stack(batch)

    def grow() -> Iterator[tuple[int, Tensor]]:
        done = 0
        for pixels in prefetch(read(), 2):
            for node in counter.feed(model, pixels):
                yield node
            done += len(pixels)
            progress(done)
        yield from counter.flush()

    def encode(node: tuple[int, Tensor]) -> tuple[int, bytes]:
        node_level, memory = node
        values = memory[0].float().cpu().numpy() / np.float32(step)
        return node_level, model.entropy.encode(values, node_level, quality)

    counter = _Grower(model, level)
    with LatentWriter(output, force=force) as writer:
        nodes = 0
        for node_level, data in map_ordered(encode, grow(), CODING_THREADS):
            writer.add(node_level, data)
            nodes += 1
        if not times:
            raise InputError(f"{sequence.name}: holds no frames")
        ticks = np.diff(np.frombuffer(times, np.int64))
        constant = _constant_ticks(ticks, info)
        header = Header(
            tool=f"imfn {__version__}",
            model=model.name,
            model_sha256=model.sha256,
            ratio=ratio,
            quality=quality,
            frames=len(times),
            height=info.height,
            width=info.width,
            channels=info.channels,
            time_base=info.time_base,
            start_time=times[0],
            frame_ticks=constant,
            frame_rate=info.frame_rate,
            sample_aspect_ratio=info.sample_aspect_ratio,
            colour=asdict(info.colour),
            value_range=info.value_range,
            source_kind=info.kind,
            source_bytes=info.size_bytes,
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
    )


class _Grower:
    """Batches of pixels to nodes: whole trees at once where a batch holds them, the binary counter above that."""

    def __init__(self, model: Model, level: int) -> None:
        self.level = level
        self.counter = BinaryCounter(model.network, level)

    def feed(self, model: Model, pixels: Pixels) -> Iterator[tuple[int, Tensor]]:
        """Pixels (T, H, W, C) uint8, T a power of two except at the end → nodes (level, (1, C, h, w)) completed."""
        tensor = torch.from_numpy(pixels).to(model.device)
        frames = frames_from_pixels(tensor, model.network.config.in_channels)
        first = 0
        while first < len(frames):
            piece = min((len(frames) - first).bit_length() - 1, self.level)
            trees = (len(frames) - first) >> piece if piece == self.level else 1
            count = trees << piece
            for memory in model.compress(frames[first : first + count], 1 << piece).split(1):
                root = self.counter.push(memory, piece)
                if root is not None:
                    yield self.level, root
            first += count

    def flush(self) -> list[tuple[int, Tensor]]:
        """The tail: what no full tree holds."""
        return self.counter.flush()


def batch_frames(height: int, width: int) -> int:
    """How many frames go through the network at once: a power of two, whatever the machine and its threads."""
    return 1 << max(0, min(10, (_BATCH_PIXELS // (height * width)).bit_length() - 1))


def _constant_ticks(ticks: NDArray[np.int64], info: SequenceInfo) -> int | None:
    """Ticks from frame to frame if always the same; for a single frame, its nominal duration."""
    if ticks.size:
        return int(ticks[0]) if (ticks == ticks[0]).all() else None
    return max(1, round(1 / (info.frame_rate * info.time_base))) if info.frame_rate else 1


# -- decompress --------------------------------------------------------------------------------------------------


def model_of(reader: LatentReader, name: str | None = None, device: str = "cpu") -> Model:
    """The model that wrote the latent, by its name or as the user named it.

    Raises `ModelError` naming both where it is not the one: other weights would decode to noise.
    """
    header = reader.header
    try:
        folder = find_model(name or header.model)
    except ModelError as error:
        if name:
            raise
        raise ModelError(
            f"{reader.path}: was written by model {header.model!r}, which does not ship with imfn; "
            "give its folder with -m PATH"
        ) from error
    found = weights_sha256(folder)
    if found != header.model_sha256:
        other = read_config(folder).get("name", folder.name)
        raise ModelError(
            f"{reader.path}: was written by model {header.model!r} (weights {header.model_sha256[:12]}), "
            f"not by {other!r} ({found[:12]}); give the folder of the right one with -m PATH"
        )
    return load(str(folder), device=device)


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


def decode_node(reader: LatentReader, model: Model, node: NodeEntry) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """A node's symbols and memory, (C, h, w) each. Raises `LatentError` naming the node if it is damaged."""
    header, config = reader.header, model.network.config
    data = reader.read(node)
    if node.level > config.levels:
        raise LatentError(f"{reader.path}: {describe(node)} has level {node.level}, the model has {config.levels}")
    try:
        symbols, values = model.entropy.decode(
            data, node.level, header.quality, *config.grid(header.height, header.width)
        )
    except (ValueError, AssertionError, OverflowError) as error:
        raise LatentError(f"{reader.path}: {describe(node)} is damaged ({error})") from error
    return symbols, values * np.float32(step_of_quality(header.quality))


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

    Reads only the nodes above wanted frames and makes only the splits on the way to them. A damaged node
    raises `LatentError`, unless `damaged` is given: then it is noted there, and its frames repeat the last
    good one (mid-gray before the first). Raises `InputError` for an empty selection.
    """
    header = reader.header
    stop = header.frames if stop is None else min(stop, header.frames)
    if not 0 <= start < stop:
        raise InputError(
            f"{reader.path}: frames {start}:{stop} select nothing; it has frames 0:{header.frames}"
        )
    wanted = [node for node in reader.nodes if node.frames[0] < stop and node.frames[-1] >= start]
    last = np.full((header.height, header.width, header.channels), 128, np.uint8)
    size = batch_frames(header.height, header.width)
    clock = _clock(reader, start)
    for group in _decoded_groups(reader, model, wanted, size, damaged):
        first, end = group[0][0].first_frame, group[-1][0].frames[-1] + 1
        ratio = 1 << group[0][0].level
        if group[0][1] is None:
            for _ in range(max(start, first), min(stop, end)):
                yield Frame(last, next(clock))
            continue
        memories = torch.from_numpy(np.stack([m for _, m in group if m is not None])).to(model.device)
        batches = model.network.restore_in_batches(
            memories, ratio, header.height, header.width, max(start - first, 0), min(stop, end) - first, size
        )
        for batch in batches:
            pixels = pixels_from_frames(batch, header.channels).cpu().numpy()
            for frame in pixels:
                yield Frame(frame, next(clock))
            last = pixels[-1]


_Decoded = tuple[NodeEntry, NDArray[np.float32] | None]


def _decoded_groups(
    reader: LatentReader, model: Model, nodes: Iterable[NodeEntry], size: int, damaged: Damaged | None
) -> Iterator[list[_Decoded]]:
    """Nodes with their memories, in runs of one level that hold up to `size` frames; a damaged one stands alone."""

    def decode(node: NodeEntry) -> tuple[NodeEntry, NDArray[np.float32] | None, str]:
        try:
            return node, decode_node(reader, model, node)[1], ""
        except LatentError as error:
            if damaged is None:
                raise
            return node, None, str(error)

    group: list[_Decoded] = []
    for node, memory, problem in map_ordered(decode, nodes, CODING_THREADS):
        if memory is None and damaged is not None:
            damaged.append((node, problem))
        joins = group and memory is not None and group[-1][1] is not None and group[-1][0].level == node.level
        if group and (not joins or (len(group) + 1) << node.level > size):
            yield group
            group = []
        group.append((node, memory))
    if group:
        yield group


def _clock(reader: LatentReader, start: int) -> Iterator[int]:
    """Times of the frames from `start` on; a selection starts at 0, as a clip of its own."""
    header = reader.header
    now = header.start_time if start == 0 else 0
    if header.frame_ticks is not None:
        while True:
            yield now
            now += header.frame_ticks
    assert reader.ticks is not None
    for tick in reader.ticks[start:]:
        yield now
        now += int(tick)
    yield now


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

    Raises `OutputError`, `InputError` (empty selection) and, unless `skip_damaged`, `LatentError` for a damaged node.
    """
    began = time.perf_counter()
    header = reader.header
    damaged = Damaged() if skip_damaged else None
    done = 0
    with open_writer(output, info_of(header), force=force) as writer:
        ahead = max(2, batch_frames(header.height, header.width))
        for frame in prefetch(restored_frames(reader, model, start, stop, damaged=damaged), ahead):
            writer.write(frame.pixels, frame.time)
            done += 1
            progress(done)
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


def default_restored(path: Path, kind: str) -> str:
    """Where `decompress` writes unless told: clip.safetensors → clip.restored.mp4; GIF, arrays and images as such."""
    ending = {"animation": ".gif", "array": ".npy", "idx": ".npy", "images": ""}.get(kind, ".mp4")
    stem = path.name.removesuffix(".safetensors")
    return str(path.with_name(f"{stem}.restored{ending}")) + ("/" if not ending else "")

