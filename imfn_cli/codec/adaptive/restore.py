"""The GOPs of an adaptive forest to frames, and the check that they could be."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from ...bitstream.container.latent_reader import LatentReader
from ...bitstream.container.node import NodeEntry
from ...errors import LatentError
from ...zoo.model import Model
from .bases import bases_of, fits
from .gop_bytes import split_gop
from .gop_decoder import decode_gop
from .gop_state import BLOCK
from .shape import top_of


def adaptive_frames(
    reader: LatentReader,
    model: Model,
    entry: NodeEntry,
    tell_cut: Callable[[NDArray[np.int8]], None] = lambda _: None,
) -> Iterator[NDArray[np.uint8]]:
    """The frames of one GOP, tree by tree, pixels (·, H, W, C) uint8. Raises LatentError if it is damaged.

    tell_cut: see `decode_gop`.
    """
    header = reader.header
    data = reader.read(entry)
    top = _top(reader, model)
    size = header.height, header.width, header.channels
    try:
        yield from decode_gop(data, entry.length, size, top, header.quality, bases_of(model, top), tell_cut)
    except ValueError as error:
        raise LatentError(f"{reader.path}: {entry} is damaged ({error})") from error


def frame_and_windows(
    reader: LatentReader, model: Model, number: int
) -> tuple[NDArray[np.uint8], NDArray[np.int8]]:
    """A frame (H, W, C), and log2 of the frames in the window that each of its pixels is in (H, W).

    Raises LatentError if its GOP is damaged.
    """
    cuts: list[NDArray[np.int8]] = []
    entry = next(entry for entry in reader.nodes if number in entry.frames)
    at = entry.first_frame
    for pixels in adaptive_frames(reader, model, entry, cuts.append):
        if number < at + len(pixels):
            levels = cuts[-1][number - at].repeat(BLOCK, 0).repeat(BLOCK, 1)
            return pixels[number - at], levels[: reader.header.height, : reader.header.width]
        at += len(pixels)
    raise LatentError(f"{reader.path}: {entry} is damaged (it is too short)")


def check_gops(reader: LatentReader, model: Model | None) -> Iterator[tuple[NodeEntry, str]]:
    """Each GOP, and why it is damaged, one line, or nothing. Without a model only checksums count."""
    for entry in reader.nodes:
        try:
            if model is None:
                reader.read(entry)
            else:
                for _ in adaptive_frames(reader, model, entry):
                    pass
        except LatentError as error:
            yield entry, str(error)
        else:
            yield entry, ""


def shares_of(reader: LatentReader) -> dict[int, float]:
    """Frames in a window → the part of the film in such windows. GOPs that are damaged do not count."""
    top = reader.header.ratio.bit_length() - 1
    total = np.zeros(top + 1)
    for entry in reader.nodes:
        try:
            total += split_gop(reader.read(entry), top)[0]
        except (LatentError, ValueError):
            continue
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
