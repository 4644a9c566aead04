"""A node, or a tree of an adaptive forest, as the table has it: its place in the forest and in the file."""

from dataclasses import dataclass


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
