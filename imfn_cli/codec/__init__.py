"""Frames to files and back: the one room that joins media, networks and bytes."""

from typing import TYPE_CHECKING

from ..system.lazy import lazy_attributes

if TYPE_CHECKING:
    from .adaptive import (
        LiveAdaptiveForest,
        check_fits,
        compress_adaptive,
        fit_adaptive_tables,
        fits,
        shares_of,
    )
    from .decoder import DecodedNode, Decoder, restored_frames
    from .encoder import compress_sequence, encode_intra
    from .exact.compress import compress_array
    from .exact.restore import decompress_array, read_array, verify_array
    from .exact.tolerance import Tolerance
    from .fading_memory import restore_fading_memory, stream_into_memory, verify_fading_memory
    from .file_model import model_of, writer_of
    from .live_forest import FixedForest, LiveForest
    from .memories import memories_of
    from .output_place import (
        LATENT_ENDING,
        array_place,
        latent_path,
        latent_place,
        restored_place,
        stream_place,
    )
    from .restore import decompress_latent, verify_latent
    from .stream import Live, stream_sequence
    from .target.passes import compress_to_target
    from .target.sample import gop_size
    from .target.target import Target, parse_size

__all__ = [
    "LATENT_ENDING",
    "DecodedNode",
    "Decoder",
    "FixedForest",
    "Live",
    "LiveAdaptiveForest",
    "LiveForest",
    "Target",
    "Tolerance",
    "array_place",
    "check_fits",
    "compress_adaptive",
    "compress_array",
    "compress_sequence",
    "compress_to_target",
    "decompress_array",
    "decompress_latent",
    "encode_intra",
    "fit_adaptive_tables",
    "fits",
    "gop_size",
    "latent_path",
    "latent_place",
    "memories_of",
    "model_of",
    "parse_size",
    "read_array",
    "restore_fading_memory",
    "restored_frames",
    "restored_place",
    "shares_of",
    "stream_into_memory",
    "stream_place",
    "stream_sequence",
    "verify_array",
    "verify_fading_memory",
    "verify_latent",
    "writer_of",
]

__getattr__, __dir__ = lazy_attributes(
    __name__,
    {
        "adaptive": (
            "LiveAdaptiveForest",
            "check_fits",
            "compress_adaptive",
            "fit_adaptive_tables",
            "fits",
            "shares_of",
        ),
        "decoder": ("DecodedNode", "Decoder", "restored_frames"),
        "encoder": ("compress_sequence", "encode_intra"),
        "exact.compress": ("compress_array",),
        "exact.restore": ("decompress_array", "read_array", "verify_array"),
        "exact.tolerance": ("Tolerance",),
        "fading_memory": ("restore_fading_memory", "stream_into_memory", "verify_fading_memory"),
        "file_model": ("model_of", "writer_of"),
        "live_forest": ("FixedForest", "LiveForest"),
        "memories": ("memories_of",),
        "output_place": (
            "LATENT_ENDING",
            "array_place",
            "latent_path",
            "latent_place",
            "restored_place",
            "stream_place",
        ),
        "restore": ("decompress_latent", "verify_latent"),
        "stream": ("Live", "stream_sequence"),
        "target.passes": ("compress_to_target",),
        "target.sample": ("gop_size",),
        "target.target": ("Target", "parse_size"),
    },
)
