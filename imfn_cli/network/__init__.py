"""The paper's networks: leaf transform, sweeper, tree, student, and their closed-form start.

Tensors only: no files, no media, no command line. Frames are `(T, in_channels, H, W)` floats in [0, 1];
memories are `(N, C, h, w)` floats in the same unit. Paper: Invertible Memory Flow Networks, arXiv 2602.00535.
"""

from typing import TYPE_CHECKING

from ..system.lazy import lazy_attributes

if TYPE_CHECKING:
    from .base import MemoryNetwork
    from .branch import Branch
    from .config import IMFNConfig
    from .folded import FoldedTree, fold, fold_leaves, foldable_level
    from .klt import SecondMoments
    from .leaf import LeafTransform
    from .pixels import frames_from_pixels, pixels_from_frames
    from .ratios import forest_levels, level_of_ratio
    from .root_coding import RootCoding
    from .student import Student, StudentStream, Update
    from .sweeper import Sweeper
    from .tree import IMFN, BinaryCounter

__all__ = [
    "IMFN",
    "BinaryCounter",
    "Branch",
    "FoldedTree",
    "IMFNConfig",
    "LeafTransform",
    "MemoryNetwork",
    "RootCoding",
    "SecondMoments",
    "Student",
    "StudentStream",
    "Sweeper",
    "Update",
    "fold",
    "fold_leaves",
    "foldable_level",
    "forest_levels",
    "frames_from_pixels",
    "level_of_ratio",
    "pixels_from_frames",
]

__getattr__, __dir__ = lazy_attributes(
    __name__,
    {
        "base": ("MemoryNetwork",),
        "branch": ("Branch",),
        "config": ("IMFNConfig",),
        "folded": ("FoldedTree", "fold", "fold_leaves", "foldable_level"),
        "klt": ("SecondMoments",),
        "leaf": ("LeafTransform",),
        "pixels": ("frames_from_pixels", "pixels_from_frames"),
        "ratios": ("forest_levels", "level_of_ratio"),
        "root_coding": ("RootCoding",),
        "student": ("Student", "StudentStream", "Update"),
        "sweeper": ("Sweeper",),
        "tree": ("IMFN", "BinaryCounter"),
    },
)
