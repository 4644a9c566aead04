"""A node, or a tree of an adaptive forest, as the table has it: its place in the forest and in the file."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter


@dataclass(frozen=True, slots=True)
class NodeEntry:
    """One row of the node table.

    index: counted from 0, in time order.   level: merges above the leaves.   offset, size: its bytes in the
    file, offset counted from the first node's.   crc32: of its bytes.   first_frame: counted from 0.
    lost: the head of its record is damaged, so nobody knows where its bytes lie.
    """

    index: int
    level: int
    offset: int
    size: int
    crc32: int
    first_frame: int
    lost: bool = False

    @property
    def frames(self) -> range:
        """The frames under this node."""
        return range(self.first_frame, self.first_frame + (1 << self.level))

    def __str__(self) -> str:
        """'node 3 (frames 48 to 63)', as messages name a node."""
        frames = self.frames
        what = f"frame {frames[0]}" if len(frames) == 1 else f"frames {frames[0]} to {frames[-1]}"
        return f"node {self.index} ({what})"


_first_frame = attrgetter("first_frame")


def nodes_under(nodes: Sequence[NodeEntry], start: int, stop: int) -> Sequence[NodeEntry]:
    """Those that hold some of frames start … stop − 1, which are theirs; all nodes come in time order.

    By bisection: a window of a film of hours asks for a few of a hundred thousand.
    """
    first = bisect_right(nodes, start, key=_first_frame) - 1
    return nodes[first : bisect_left(nodes, stop, lo=first, key=_first_frame)]
