"""Sequences of frames in and out: videos, images, arrays, live sources. Frames come one by one.

`sources/` reads and `sinks/` writes; neither knows the other. Importing this room loads neither PyAV, Pillow
nor NumPy; the first use of a name does.
"""

from typing import TYPE_CHECKING

from ..system.lazy import lazy_attributes

if TYPE_CHECKING:
    from .arrays.growing_npy import GrowingNpy
    from .arrays.open_array import is_array, open_array
    from .arrays.source import ArraySource, GivenArray, PartOfArray
    from .batches import batched
    from .selection import selected
    from .sequence import ColourDescription, Frame, Sequence, SequenceInfo
    from .sinks.formats import OUTPUT_ENDINGS, OUTPUT_FORMATS, open_output, open_writer
    from .sinks.frame_writer import FrameWriter
    from .sources.arrays import LoadedArray
    from .sources.files import open_sequence
    from .sources.fingerprint import fingerprint
    from .sources.formats import Holds, format_of_name
    from .sources.given_frames import GivenFrames
    from .sources.inputs import Source, expand_inputs, natural_key
    from .sources.live import open_live, stalled
    from .sources.part import Part
    from .sources.raw_video import RawVideo, parse_rate
    from .sources.routes import STDIN, is_device
    from .sources.samples import open_samples

__all__ = [
    "OUTPUT_ENDINGS",
    "OUTPUT_FORMATS",
    "STDIN",
    "ArraySource",
    "ColourDescription",
    "Frame",
    "FrameWriter",
    "GivenArray",
    "GivenFrames",
    "GrowingNpy",
    "Holds",
    "LoadedArray",
    "Part",
    "PartOfArray",
    "RawVideo",
    "Sequence",
    "SequenceInfo",
    "Source",
    "batched",
    "expand_inputs",
    "fingerprint",
    "format_of_name",
    "is_array",
    "is_device",
    "natural_key",
    "open_array",
    "open_live",
    "open_output",
    "open_samples",
    "open_sequence",
    "open_writer",
    "parse_rate",
    "selected",
    "stalled",
]

__getattr__, __dir__ = lazy_attributes(
    __name__,
    {
        "arrays.growing_npy": ("GrowingNpy",),
        "arrays.open_array": ("is_array", "open_array"),
        "arrays.source": ("ArraySource", "GivenArray", "PartOfArray"),
        "batches": ("batched",),
        "selection": ("selected",),
        "sequence": ("ColourDescription", "Frame", "Sequence", "SequenceInfo"),
        "sinks.formats": ("OUTPUT_ENDINGS", "OUTPUT_FORMATS", "open_output", "open_writer"),
        "sinks.frame_writer": ("FrameWriter",),
        "sources.arrays": ("LoadedArray",),
        "sources.files": ("open_sequence",),
        "sources.fingerprint": ("fingerprint",),
        "sources.given_frames": ("GivenFrames",),
        "sources.formats": ("Holds", "format_of_name"),
        "sources.inputs": ("Source", "expand_inputs", "natural_key"),
        "sources.part": ("Part",),
        "sources.live": ("open_live", "stalled"),
        "sources.raw_video": ("RawVideo", "parse_rate"),
        "sources.routes": ("STDIN", "is_device"),
        "sources.samples": ("open_samples",),
    },
)
