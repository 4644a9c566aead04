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
    from .against_source import compare_with_source
    from .decoder import DecodedNode, Decoder, restored_frames
    from .encoder import compress_sequence, encode_intra
    from .exact.compress import compress_array
    from .exact.restore import decompress_array, read_array, verify_array
    from .exact.tolerance import Tolerance
    from .exact.tree_compress import (
        check_tree_ratio,
        compress_tree,
        plane_size,
        range_of,
        span_of,
        tree_memories,
        windows,
    )
    from .exact.tree_group import Span
    from .fading_memory import restore_fading_memory, stream_into_memory, verify_fading_memory
    from .file_model import model_of, writer_of
    from .live_forest import FixedForest, LiveForest
    from .memories import memories_of
    from .needs import check_needs
    from .output_place import (
        LATENT_ENDING,
        array_place,
        latent_path,
        latent_place,
        restored_place,
        stream_place,
    )
    from .parts import Section, part_unit
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
    "Section",
    "Span",
    "Target",
    "Tolerance",
    "array_place",
    "check_fits",
    "check_needs",
    "check_tree_ratio",
    "compare_with_source",
    "compress_adaptive",
    "compress_array",
    "compress_sequence",
    "compress_to_target",
    "compress_tree",
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
    "part_unit",
    "plane_size",
    "range_of",
    "read_array",
    "restore_fading_memory",
    "restored_frames",
    "restored_place",
    "shares_of",
    "span_of",
    "stream_into_memory",
    "stream_place",
    "stream_sequence",
    "tree_memories",
    "verify_array",
    "verify_fading_memory",
    "verify_latent",
    "windows",
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
        "against_source": ("compare_with_source",),
        "encoder": ("compress_sequence", "encode_intra"),
        "exact.compress": ("compress_array",),
        "exact.restore": ("decompress_array", "read_array", "verify_array"),
        "exact.tolerance": ("Tolerance",),
        "exact.tree_compress": (
            "check_tree_ratio",
            "compress_tree",
            "plane_size",
            "range_of",
            "span_of",
            "tree_memories",
            "windows",
        ),
        "exact.tree_group": ("Span",),
        "fading_memory": ("restore_fading_memory", "stream_into_memory", "verify_fading_memory"),
        "file_model": ("model_of", "writer_of"),
        "live_forest": ("FixedForest", "LiveForest"),
        "needs": ("check_needs",),
        "memories": ("memories_of",),
        "output_place": (
            "LATENT_ENDING",
            "array_place",
            "latent_path",
            "latent_place",
            "restored_place",
            "stream_place",
        ),
        "parts": ("Section", "part_unit"),
        "restore": ("decompress_latent", "verify_latent"),
        "stream": ("Live", "stream_sequence"),
        "target.passes": ("compress_to_target",),
        "target.sample": ("gop_size",),
        "target.target": ("Target", "parse_size"),
    },
)
