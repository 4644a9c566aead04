"""The trees of an adaptive forest to frames, and the check that they could be."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...bitstream.container.latent_reader import LatentReader
from ...bitstream.container.node import NodeEntry
from ...errors import LatentError
from ...zoo.model import Model
from .bases import bases_of, fits
from .gop_decoder import DecodedTree, GopDecoder
from .gop_state import BLOCK
from .shape import top_of
from .tree_bytes import split_tree


class RestoredTree(NamedTuple):
    """tree: None where it cannot be restored.   problem: why, one line that names file and tree."""

    entry: NodeEntry
    tree: DecodedTree | None
    problem: str


def walk_trees(
    reader: LatentReader, model: Model, start: int = 0, stop: int | None = None
) -> Iterator[RestoredTree]:
    """The trees of frames start … stop − 1, and before them those of their GOP.

    One that is damaged has a `problem`, and so have all after it to the end of its GOP.
    """
    header = reader.header
    top = _top(reader, model)
    size = header.frame_shape
    bases = bases_of(model, top)
    # Of a stream's latent with a gap nobody knows where exactly GOPs begin.
    gop = 0 if reader.growing else start - start % header.gop_frames
    decoder: GopDecoder | None = None
    broken: NodeEntry | None = None
    for entry in reader.nodes:
        if entry.frames.stop <= gop:
            continue
        if stop is not None and entry.first_frame >= stop:
            return
        try:
            tree = split_tree(reader.read(entry))
            if tree.first:
                decoder, broken = GopDecoder(size, top, header.quality, bases), None
            if decoder is None:
                why = f"builds on {broken}, which is damaged" if broken else "does not begin a GOP"
                raise LatentError(f"{reader.path}: {entry} {why}")
            yield RestoredTree(entry, decoder.tree(tree, entry.level), "")
        except LatentError as error:
            decoder, broken = None, broken or entry
            yield RestoredTree(entry, None, str(error))
        except ValueError as error:
            decoder, broken = None, broken or entry
            yield RestoredTree(entry, None, f"{reader.path}: {entry} is damaged ({error})")


def frame_and_windows(
    reader: LatentReader, model: Model, number: int
) -> tuple[NDArray[np.uint8], NDArray[np.int8]]:
    """A frame (H, W, C), and log2 of the frames in the window that each of its pixels is in (H, W).

    Raises LatentError if it is damaged.
    """
    *_, (entry, tree, problem) = walk_trees(reader, model, number, number + 1)
    if tree is None:
        raise LatentError(problem)
    at = number - entry.first_frame
    levels = tree.cut[at].repeat(BLOCK, 0).repeat(BLOCK, 1)
    return tree.pixels[at], levels[: reader.header.height, : reader.header.width]


def check_trees(reader: LatentReader, model: Model | None) -> Iterator[tuple[NodeEntry, str]]:
    """Each tree, and why it is damaged, one line, or nothing. Without a model only checksums count."""
    if model is not None:
        for entry, _, problem in walk_trees(reader, model):
            yield entry, problem
        return
    for entry in reader.nodes:
        try:
            reader.read(entry)
        except LatentError as error:
            yield entry, str(error)
        else:
            yield entry, ""


def shares_of(reader: LatentReader) -> dict[int, float]:
    """Frames in a window → the part of the film in such windows. Trees that are damaged do not count."""
    header = reader.header
    total = np.zeros(header.ratio.bit_length())
    blocks = -(-header.height // BLOCK) * -(-header.width // BLOCK)
    for entry in reader.nodes:
        try:
            windows = split_tree(reader.read(entry)).windows
        except (LatentError, ValueError):
            continue
        longer = {level: share for level, share in windows.items() if level < len(total)}
        for level, share in longer.items():
            total[level] += share
        total[0] += max(0, blocks * len(entry.frames) - sum(longer.values()))
    return {1 << level: float(part) for level, part in enumerate(total / max(total.sum(), 1))}


def _top(reader: LatentReader, model: Model) -> int:
    header, config = reader.header, model.network.config
    top = header.ratio.bit_length() - 1
    if not fits(config) or top > config.levels:
        raise LatentError(f"{reader.path}: its forest is adaptive, which model {model.name!r} cannot be")
    if top > top_of(header.height, header.width, config.levels):
        raise LatentError(
            f"{reader.path}: its windows are too long for frames of its size; compress it again"
        )
    return top
