"""How long windows and GOPs are, so that encoder and decoder hold a bounded number of pixels."""

from ...bitstream.container.header import LONGEST_GOP

# Pixels of a tree's frames; of one that an encoder makes which looks at no windows, and so gains nothing by
# longer trees than their few bytes; and of a GOP's frames.
_TREE_PIXELS, _PLAIN_PIXELS = 24 << 20, 8 << 20
_GOP_PIXELS = 96 << 20


def top_of(height: int, width: int, levels: int, *, windows: bool = True, gop: int = 0) -> int:
    """The level of the largest trees for frames of `height` × `width` pixels: 6, less for large frames.

    windows: whether their encoder looks at windows of more than a frame.   gop: frames in a GOP, about: no
    tree has more; 0: as many as fit.
    """
    pixels = _TREE_PIXELS if windows else _PLAIN_PIXELS
    top = min(6, levels, max(0, (pixels // (height * width)).bit_length() - 1))
    return min(top, gop.bit_length() - 1) if gop > 0 else top


def gop_frames_of(height: int, width: int, top: int, gop: int) -> int:
    """Frames in a GOP of about `gop`, fewer of large frames: an encoder of files holds whole GOPs."""
    return gop_of_trees(top, min(gop, _GOP_PIXELS // (height * width)))


def gop_of_trees(top: int, gop: int) -> int:
    """Frames in a GOP of about `gop`: the first, then full trees of 2^top frames, at least one.

    Raises ValueError for a negative number of frames.
    """
    if gop < 0:
        raise ValueError(f"gop {gop}: must be a number of frames, or 0")
    trees = max(1, min(gop, LONGEST_GOP - 1) >> top)
    return 1 + (trees << top)
