"""Random windows of many clips, for training: latents beside video files."""

from typing import TYPE_CHECKING

from ...system.lazy import lazy_attributes

if TYPE_CHECKING:
    from .codings import CODINGS, Coding, LatentCoding, VideoCoding
    from .measure import FRAMES, WORKERS, WindowRow, window_rows

__all__ = [
    "CODINGS",
    "FRAMES",
    "WORKERS",
    "Coding",
    "LatentCoding",
    "VideoCoding",
    "WindowRow",
    "window_rows",
]

__getattr__, __dir__ = lazy_attributes(
    __name__,
    {
        "codings": ("CODINGS", "Coding", "LatentCoding", "VideoCoding"),
        "measure": ("FRAMES", "WORKERS", "WindowRow", "window_rows"),
    },
)
