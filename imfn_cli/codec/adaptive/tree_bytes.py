"""A tree's bytes: what it is, how much of it sits in windows of each length, then the range coder's bytes.

u8        bit 7: a GOP's first frame, which nothing before is needed for; bit l − 1: windows of 2^l frames
varints   one for each of those bits, lowest first: block frames in such windows
the rest  of the range coder
"""

from typing import NamedTuple

from ...bitstream.entropy.varint import read_varint, varint

_FIRST = 1 << 7
_MOST = 6


class Tree(NamedTuple):
    """first: whether it is a GOP's first frame.   windows: level above 0 → block frames in windows of it."""

    first: bool
    windows: dict[int, int]
    payload: bytes


def join_tree(tree: Tree) -> bytes:
    """The bytes of a tree."""
    levels = sorted(tree.windows)
    head = _FIRST * tree.first | sum(1 << (level - 1) for level in levels)
    return bytes([head]) + b"".join(varint(tree.windows[level]) for level in levels) + tree.payload


def split_tree(data: bytes) -> Tree:
    """What `join_tree` joined. Raises ValueError if it is malformed."""
    if not data:
        raise ValueError("it has no bytes")
    windows, at = {}, 1
    for level in range(1, _MOST + 1):
        if data[0] >> (level - 1) & 1:
            windows[level], at = read_varint(data, at)
    return Tree(bool(data[0] & _FIRST), windows, data[at:])
