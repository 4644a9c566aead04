"""Sequences of frames in and out: video, images, arrays. Frames come one by one, never whole films."""

from .batches import batched
from .selection import selected
from .sequence import ColourDescription, Frame, Sequence, SequenceInfo
from .sinks.frame_writer import FrameWriter
from .sinks.open import OUTPUT_ENDINGS, open_writer
from .sources.arrays import LoadedArray
from .sources.inputs import Source, expand_inputs
from .sources.live import STDIN, GivenFrames, RawVideo, is_device, open_live, parse_rate, stalled
from .sources.open import open_sequence

__all__ = [
    "OUTPUT_ENDINGS",
    "STDIN",
    "ColourDescription",
    "Frame",
    "FrameWriter",
    "GivenFrames",
    "LoadedArray",
    "RawVideo",
    "Sequence",
    "SequenceInfo",
    "Source",
    "batched",
    "expand_inputs",
    "is_device",
    "open_live",
    "open_sequence",
    "open_writer",
    "parse_rate",
    "selected",
    "stalled",
]
