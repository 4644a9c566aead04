"""Sequences of frames in and out: video, images, arrays. Frames come one by one, never whole films."""

from .arrays import LoadedArray
from .batches import batched
from .frame_writer import FrameWriter
from .inputs import Source, expand_inputs
from .live import STDIN, GivenFrames, RawVideo, is_device, open_live, parse_rate, stalled
from .reader import open_sequence
from .selection import selected
from .sequence import ColourDescription, Frame, Sequence, SequenceInfo
from .writer import OUTPUT_ENDINGS, open_writer

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
