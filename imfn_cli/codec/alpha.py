"""Alpha planes beside the nodes: coded as frames pass by, and given back to restored frames."""

from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from ..bitstream.alpha import encode, frames_together
from ..bitstream.container.latent_reader import AlphaGroup, LatentReader
from ..bitstream.container.latent_writer import LatentWriter
from ..errors import LatentError
from ..media.sequence import Frame, SequenceInfo

# Where every node is an intra node: planes of so few frames as a node may have would be large.
_INTRA_UNIT = 64


def unit_of(info: SequenceInfo, gop: int, ratio: int) -> int:
    """Frames after which a run may go on from another; a multiple of `gop`, and of `ratio`.

    gop: frames in a group of pictures, `ratio` where every node is an intra node.
    """
    return max(gop, _INTRA_UNIT) if info.alpha and gop == ratio else gop


class AlphaIntake:
    """Codes the alpha planes of frames that pass by; nothing where a sequence has none.

    unit: frames after which coding begins anew. One thread may call `through`, another one `write`.
    """

    def __init__(self, info: SequenceInfo, unit: int) -> None:
        self._shape = info.height, info.width
        self._unit, self._together = unit, frames_together(info.height, info.width, unit)
        self._wanted = info.alpha
        # Last frame + 1, frames, bytes.
        self._coded: deque[tuple[int, int, bytes]] = deque()

    def through(self, frames: Iterable[Frame], first: int, done: int) -> Iterator[Frame]:
        """The same frames, of which `first` is the first one; the planes of those before `done` are coded."""
        if not self._wanted:
            yield from frames
            return
        planes: list[NDArray[np.uint8]] = []
        number = first
        for number, frame in enumerate(frames, first + 1):
            if number > done:
                planes.append(np.full(self._shape, 255, np.uint8) if frame.alpha is None else frame.alpha)
                if len(planes) == self._together or number % self._unit == 0:
                    self._code(planes, number)
            yield frame
        if planes:
            self._code(planes, number)

    def _code(self, planes: list[NDArray[np.uint8]], end: int) -> None:
        self._coded.append((end, len(planes), encode(np.stack(planes))))
        planes.clear()

    def write(self, writer: LatentWriter, end: int | None = None) -> None:
        """Hand over the planes of frames up to `end` (excluded), as far as they are coded; None: all."""
        while self._coded and (end is None or self._coded[0][0] <= end):
            _, frames, data = self._coded.popleft()
            writer.add_alpha(frames, data)


def with_planes(
    reader: LatentReader, frames: Iterator[Frame], first: int, damaged: list[AlphaGroup] | None
) -> Iterator[Frame]:
    """Restored frames with their alpha planes, where the latent has some.

    first: number of the first of them.   damaged: notes planes that are damaged, and leaves those frames
    opaque; None: they raise `LatentError`.
    """
    if not reader.alpha:
        yield from frames
        return
    groups = (group for group in reader.alpha if group.frames.stop > first)
    group, planes = next(groups), None
    fresh = True
    for number, frame in enumerate(frames, first):
        if number >= group.frames.stop:
            group, fresh = next(groups), True
        if fresh:
            planes, fresh = _planes(reader, group, damaged), False
        yield frame if planes is None else frame._replace(alpha=planes[number - group.frames.start])


def _planes(
    reader: LatentReader, group: AlphaGroup, damaged: list[AlphaGroup] | None
) -> NDArray[np.uint8] | None:
    try:
        return reader.read_alpha(group)
    except LatentError:
        if damaged is None:
            raise
        damaged.append(group)
        return None


def check_alpha(reader: LatentReader) -> None:
    """Raise `LatentError` where alpha planes are damaged."""
    for group in reader.alpha:
        reader.read_alpha(group)
