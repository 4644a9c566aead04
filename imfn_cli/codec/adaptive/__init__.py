"""An adaptive forest (`-r auto`): each 16×16 block of a GOP is cut into windows of 1 to 64 frames."""

from typing import TYPE_CHECKING

from ...system.lazy import lazy_attributes

if TYPE_CHECKING:
    from .bases import fits
    from .compress import check_fits, compress_adaptive
    from .fitting import fit_adaptive_tables
    from .live import LiveAdaptiveForest
    from .restore import check_trees, frame_and_windows, shares_of, walk_trees

__all__ = [
    "LiveAdaptiveForest",
    "check_fits",
    "check_trees",
    "compress_adaptive",
    "fit_adaptive_tables",
    "fits",
    "frame_and_windows",
    "shares_of",
    "walk_trees",
]

__getattr__, __dir__ = lazy_attributes(
    __name__,
    {
        "bases": ("fits",),
        "compress": ("check_fits", "compress_adaptive"),
        "fitting": ("fit_adaptive_tables",),
        "live": ("LiveAdaptiveForest",),
        "restore": ("check_trees", "frame_and_windows", "shares_of", "walk_trees"),
    },
)
