"""A latent's nodes to memories to frames. One decoder walks the nodes and knows what is broken.

    file ──checksum──▶ bytes ──rANS──▶ symbols ─┬─ intra ───────────────▶ memory ─┐
      (several threads, any order)              └─ inter ─ + prediction ▶ memory ─┴─ inverse tree ──▶ frames
                                                    (one after another within a GOP)

Restoring, verifying and `info` go through the same walk; they differ in how far they follow it.
"""

import math
from collections.abc import Iterator
from itertools import islice, repeat
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..bitstream.container.latent_reader import LatentReader
from ..bitstream.container.node import NodeEntry, nodes_under
from ..bitstream.entropy.inter_node import split_inter
from ..bitstream.entropy.motion_field import MotionField, decode_motion_field
from ..errors import LatentError
from ..media.selection import selected
from ..media.sequence import Frame
from ..network import RootCoding
from ..system.threads import map_ordered
from ..zoo import Model
from . import adaptive
from .float_inter import FloatInter
from .inter import InterPrediction, Memory
from .needs import check_needs, decoding_threads
from .synthesis import batch_frames, restored_parts
from .whole_inter import WholeInter
from .whole_pictures import shows_whole_numbers, whole_pictures

# Where values are not kept.
_NOTHING = np.zeros(0, np.float32)
# What a symbol, and a block of a motion field, take at most: tokens of 24 bits, and raw bits.
_SYMBOL_BYTES, _BLOCK_BYTES = 6, 20


class ParsedNode(NamedTuple):
    """A node's bytes, decoded as far as that goes without the nodes before.

    values: (C, h, w), the memory or its residual, as `InterPrediction.residual` has it.
    motion: bytes of its motion field, None of an intra node.
    """

    values: Memory
    motion: bytes | None


class DecodedNode(NamedTuple):
    """A node at the end of its way.

    memory: (C, h, w) in floats, None where it was not asked for, or could not be restored.
    problem: why it cannot be restored, one line that names file and node; empty where it can.
    whole: the memory in whole numbers, where frames are shown in those (`Decoder.shows_whole`).
    """

    entry: NodeEntry
    memory: Tensor | None
    problem: str
    whole: Memory | None = None


class Decoder:
    """The way of a latent's nodes. Without a model only checksums are compared.

    shows_whole: whether frames are shown in whole numbers, as those of linear models are.
    floats: whether nodes get their memories in floats as well then.

    Raises LatentError if the nodes are predicted from one another, or of a ratio, that the model cannot do.
    """

    def __init__(self, reader: LatentReader, model: Model | None, *, floats: bool = True) -> None:
        self.reader, self.model, self._floats = reader, model, floats
        header = reader.header
        self._state: InterPrediction | None = None
        self.shows_whole = False
        if model is None:
            return
        levels = model.network.config.levels
        if header.ratio > 1 << levels:
            raise LatentError(
                f"{reader.path}: its ratio is {header.ratio}, the model's {1 << levels} at most"
            )
        if header.gop_nodes > 1 and not model.can_predict:
            raise LatentError(
                f"{reader.path}: its nodes are predicted from one another, which model {model.name!r} cannot"
            )
        # Of groups of pictures in floats the reference frames are no whole numbers.
        in_floats = header.gop_nodes > 1 and not header.whole_numbers
        self.shows_whole = not in_floats and shows_whole_numbers(model)
        kind = WholeInter if header.whole_numbers or self.shows_whole else FloatInter
        self._state = kind(model, header.frame_shape, header.quality)

    def walk(self, first: int = 0, last: int | None = None, *, restore: bool = True) -> Iterator[DecodedNode]:
        """Nodes first … last (excluded), and before them those of their GOP that they are predicted from.

        A node that cannot be restored has a `problem`, and so has each that is predicted from it, to the end
        of its GOP. restore: whether memories are restored, or only checked as far as their bytes go.
        """
        header = self.reader.header
        needed = self.reader.nodes[first - first % header.gop_nodes : last]
        broken: NodeEntry | None = None
        parse = self._parsed if restore else self._checked
        threads = decoding_threads(self.memory_bytes)
        # A worker of a DataLoader has one thread; others wait on it alone.
        alone = len(needed) == 1 or torch.get_num_threads() == 1
        for node, parsed, problem in map(parse, needed) if alone else map_ordered(parse, needed, threads):
            restored: Memory | None = None
            if header.is_intra(node.index):
                broken = None
            if broken is not None:
                problem = problem or f"{self.reader.path}: {node} builds on {broken}, which is damaged"
            elif parsed is not None:
                restored, problem = self._restored(node, parsed, restore)
            if problem:
                broken = broken or node
            memory: Tensor | None = None
            if restored is not None and self._state is not None and (self._floats or not self.shows_whole):
                memory = self._state.floats(restored)
            yield DecodedNode(node, memory, problem, restored if self.shows_whole else None)

    @property
    def memory_bytes(self) -> int:
        """What one memory takes."""
        if self.model is None or self._state is None:
            return 0
        h, w = self._state.grid
        return 4 * self.model.network.config.channels * h * w

    # -- without the nodes before ---------------------------------------------------------------------------

    def _parsed(self, node: NodeEntry) -> tuple[NodeEntry, ParsedNode | None, str]:
        try:
            return node, self.parse(node), ""
        except LatentError as error:
            return node, None, str(error)

    def _checked(self, node: NodeEntry) -> tuple[NodeEntry, ParsedNode | None, str]:
        """As `_parsed`, and nothing is kept but what checking on needs."""
        node, parsed, problem = self._parsed(node)
        return node, None if parsed is None else parsed._replace(values=_NOTHING), problem

    def parse(self, node: NodeEntry) -> ParsedNode | None:
        """What a node's bytes say by themselves; None without a model. Raises LatentError if damaged."""
        if self.model is None or self._state is None:
            self.reader.check(node)
            return None
        state, header, motion = self._state, self.reader.header, None
        blocks = math.prod(state.blocks)
        if node.size > self.memory_bytes // 4 * _SYMBOL_BYTES + blocks * _BLOCK_BYTES + 1024:
            raise LatentError(f"{self.reader.path}: {node} is damaged (no node of such frames is so large)")
        data = self.reader.read(node)
        try:
            if not header.is_intra(node.index):
                motion, data = split_inter(data)
            values = self.model.entropy.decode(
                data, node.level, header.quality, *state.grid, lanes=header.lanes
            )
        except ValueError as error:
            raise LatentError(self._damaged(node, error)) from error
        return ParsedNode(state.residual(values), motion)

    def _damaged(self, node: NodeEntry, why: ValueError) -> str:
        return f"{self.reader.path}: {node} is damaged ({why})"

    # -- with them ------------------------------------------------------------------------------------------

    def _restored(self, node: NodeEntry, parsed: ParsedNode, restore: bool) -> tuple[Memory | None, str]:
        """The memory of a node whose reference frame is known, if asked for, or why there is none."""
        state = self._state
        assert state is not None
        if self.reader.header.gop_nodes == 1:
            # Nothing is predicted from it.
            return (parsed.values if restore else None), ""
        field: MotionField | None = None
        vectors = state.no_motion()
        if parsed.motion is not None:
            before = state.vectors_before(node.level)
            try:
                field = decode_motion_field(parsed.motion, *state.blocks, len(state.groups), before)
            except ValueError as error:
                return None, self._damaged(node, error)
            vectors = field.vectors
        if not restore:
            state.advance_vectors(node.level, vectors)
            return None, ""
        memory = state.restored(parsed.values, node.level, field)
        state.advance(node.level, memory, vectors)
        return memory, ""


@torch.inference_mode()
def restored_frames(
    reader: LatentReader,
    model: Model,
    start: int = 0,
    stop: int | None = None,
    *,
    damaged: list[DecodedNode] | None = None,
    done: int = 0,
) -> Iterator[Frame]:
    """The frames start … stop − 1 of a latent, in order, as 8-bit pixels with their times.

    done: leaves so many of the first ones out; the others are the same, down to the rounding.

    Reads only the nodes above wanted frames and those before them in their GOP, and makes only the splits on
    the way. A damaged node raises LatentError, unless `damaged` is given: then it is noted there, with those
    predicted from it, and their frames repeat the last good one (mid-gray before the first). Raises
    InputError if the selection is empty, and LimitError if it is too much.
    """
    stop = selected(str(reader.path), reader.header.frames, start, stop).stop
    check_needs(reader, model, frames=stop - start)
    wanted = list(nodes_under(reader.nodes, start, stop))
    # What stands in for damaged frames depends on those before.
    first = wanted[0] if damaged is not None else _entry_to(wanted, start + done, reader)
    left_out = max(0, first.first_frame - start)
    clock = islice(_clock(reader, start), left_out, None)
    frames = _adaptive_frames if reader.header.adaptive else _frames
    run = frames(reader, model, wanted[first.index - wanted[0].index :], start, stop, clock, damaged)
    yield from islice(run, done - left_out, None)


def _entry_to(wanted: list[NodeEntry], frame: int, reader: LatentReader) -> NodeEntry:
    """The first of the nodes that go through the network together with that of a frame."""
    if reader.header.adaptive:
        return next(entry for entry in wanted if frame in entry.frames)
    size = batch_frames(reader.header.height, reader.header.width)
    level, count, first = -1, 0, wanted[0]
    for entry in wanted:
        count += 1
        if entry.level != level or count << level > size:
            level, count, first = entry.level, 1, entry
        if frame in entry.frames:
            break
    return first


def _frames(
    reader: LatentReader,
    model: Model,
    wanted: list[NodeEntry],
    start: int,
    stop: int,
    clock: Iterator[int],
    damaged: list[DecodedNode] | None,
) -> Iterator[Frame]:
    """`restored_frames` of a forest of nodes, from the first that is wanted on."""
    decoder = Decoder(reader, model, floats=False)
    nodes = _wanted(decoder, wanted[0].index, wanted[-1].index + 1, damaged)
    shown = _whole_pictures if decoder.shows_whole else _float_pictures
    for pixels in shown(reader, model, nodes, start, stop):
        yield Frame(pixels, next(clock))


def _whole_pictures(
    reader: LatentReader, model: Model, nodes: Iterator[DecodedNode], start: int, stop: int
) -> Iterator[NDArray[np.uint8]]:
    """Frames start … stop − 1, (H, W, C) each, of a linear model, in whole numbers."""
    shape = reader.header.frame_shape
    last = np.full(shape, 128, np.uint8)
    for node in nodes:
        first, end = node.entry.first_frame, node.entry.frames.stop
        window = max(start - first, 0), min(stop, end) - first
        if node.whole is None:
            yield from repeat(last, window[1] - window[0])
            continue
        for last in whole_pictures(model, node.whole, node.entry.level, shape, window):
            yield last


def _float_pictures(
    reader: LatentReader, model: Model, nodes: Iterator[DecodedNode], start: int, stop: int
) -> Iterator[NDArray[np.uint8]]:
    """Frames start … stop − 1, (H, W, C) each, through the network."""
    header = reader.header
    shape = header.frame_shape
    last = np.full(shape, 128, np.uint8)
    for run in _runs(nodes, batch_frames(header.height, header.width)):
        first, end = run[0].entry.first_frame, run[-1].entry.frames[-1] + 1
        if run[0].memory is None:
            yield from repeat(last, min(stop, end) - max(start, first))
            continue
        level = run[0].entry.level
        held = [node.memory.permute(1, 2, 0) for node in run if node.memory is not None]
        # Channels last, as memories come: to the network they are rows.
        memories = torch.stack(held).to(model.device).permute(0, 3, 1, 2)
        window = max(start - first, 0), min(stop, end) - first
        coding = RootCoding(level, header.step)
        for part in restored_parts(model, memories, level, shape, window, coding):
            pixels = part.cpu().numpy()
            yield from pixels
            last = pixels[-1]


def _clock(reader: LatentReader, start: int) -> Iterator[int]:
    """Presentation times from frame `start` on; a selection starts at 0, as a clip of its own."""
    origin = next(reader.times(start)) if start else 0
    return (shown - origin for shown in reader.times(start))


def _adaptive_frames(
    reader: LatentReader,
    model: Model,
    wanted: list[NodeEntry],
    start: int,
    stop: int,
    clock: Iterator[int],
    damaged: list[DecodedNode] | None,
) -> Iterator[Frame]:
    """`restored_frames` of an adaptive forest."""
    header = reader.header
    last = np.full(header.frame_shape, 128, np.uint8)
    begin = max(start, wanted[0].first_frame)
    for entry, tree, problem in adaptive.walk_trees(reader, model, begin, stop):
        if problem and damaged is None:
            raise LatentError(problem)
        shown = range(max(begin, entry.first_frame), min(stop, entry.frames.stop))
        if problem and shown and damaged is not None:
            damaged.append(DecodedNode(entry, None, problem))
        for number in shown:
            last = last if tree is None else tree.pixels[number - entry.first_frame]
            yield Frame(last, next(clock))


def _wanted(
    decoder: Decoder, first: int, last: int, damaged: list[DecodedNode] | None
) -> Iterator[DecodedNode]:
    """Nodes first … last − 1; damage raises LatentError, or is noted of those that are wanted."""
    for node in decoder.walk(first, last):
        if node.problem and damaged is None:
            raise LatentError(node.problem)
        if node.entry.index < first:
            continue
        if node.problem and damaged is not None:
            damaged.append(node)
        yield node


def _runs(nodes: Iterator[DecodedNode], size: int) -> Iterator[list[DecodedNode]]:
    """Nodes in runs of one level, up to `size` frames; one that cannot be restored by itself."""
    run: list[DecodedNode] = []
    for node in nodes:
        level = node.entry.level
        joins = (
            run and node.memory is not None and run[-1].memory is not None and run[-1].entry.level == level
        )
        if run and (not joins or (len(run) + 1) << level > size):
            yield run
            run = []
        run.append(node)
    if run:
        yield run
