"""A few GOPs of a long sequence, as a sequence: what a search tries its qualities on first."""

from collections.abc import Iterator
from dataclasses import replace

from ...media.sequence import Frame, Sequence, SequenceInfo
from ...zoo.model import Model
from ..adaptive.shape import gop_frames_of, top_of
from ..encoder import gop_nodes_of

# Sequences of fewer GOPs than this are searched whole; of others every so-manieth GOP stands for them.
_FEWEST = 6
_MOST_SAMPLED = 6
# Frames that are sampled in a row where every node is an intra node; a multiple of every ratio.
_INTRA = 64


class GopSample(Sequence):
    """Whole GOPs of `sequence`, spread over it; each comes out as it does in the whole.

    gops: numbers of the GOPs, from 0.   size: frames in one.   share: of all frames.
    """

    def __init__(self, sequence: Sequence, gops: list[int], size: int) -> None:
        frames = len(gops) * size
        super().__init__(sequence.name, replace(sequence.info, frame_count=frames))
        self._sequence, self._size = sequence, size
        self.told = None if sequence.told is None else {**sequence.told, "gops": gops}
        self._wanted = frozenset(gops)
        self.share = frames / (sequence.info.frame_count or frames)

    def __iter__(self) -> Iterator[Frame]:
        last = max(self._wanted)
        for index, frame in enumerate(self._sequence):
            gop = index // self._size
            if gop > last:
                return
            if gop in self._wanted:
                yield frame


def gop_size(model: Model, info: SequenceInfo, ratio: int | str, gop: int) -> int:
    """Frames after which coding begins anew, so that they are coded alone as among the others."""
    if isinstance(ratio, str):
        top = top_of(info.height, info.width, model.network.config.levels, gop=gop)
        return gop_frames_of(info.height, info.width, top, gop)
    nodes = gop_nodes_of(model, ratio, gop)
    return nodes * ratio if nodes > 1 else max(ratio, _INTRA)


def sample_of(sequence: Sequence, size: int) -> GopSample | None:
    """A sample of a sequence by GOPs of `size` frames; None where it is short, or its length is not known."""
    gops = (sequence.info.frame_count or 0) // size
    if gops < _FEWEST:
        return None
    count = min(_MOST_SAMPLED, gops // _FEWEST)
    # The middle of each of `count` equal stretches.
    return GopSample(sequence, [(2 * index + 1) * gops // (2 * count) for index in range(count)], size)
