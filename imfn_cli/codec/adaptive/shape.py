"""How long windows and GOPs are, so that encoder and decoder hold a bounded number of pixels."""

# Pixels of a tree's frames, and of a GOP's.
_TREE_PIXELS = 24 << 20
_GOP_PIXELS = 48 << 20


def top_of(height: int, width: int, levels: int) -> int:
    """The level of the largest windows for frames of `height` × `width` pixels: 6, less for large frames."""
    return min(6, levels, max(0, (_TREE_PIXELS // (height * width)).bit_length() - 1))


def gop_frames_of(height: int, width: int, top: int, gop: int) -> int:
    """Frames in a GOP of about `gop`: an intra frame, then full trees of 2^top frames, at least one."""
    tree = 1 << top
    trees = max(1, min(gop, _GOP_PIXELS // (height * width)) // tree)
    return 1 + trees * tree
