"""Files and their bytes: containers, headers, entropy coding. Integers and bytes alone."""

from typing import TYPE_CHECKING

from ..system.lazy import lazy_attributes

if TYPE_CHECKING:
    from .container.fading_memory import FadingMemoryFile, FadingMemoryHeader
    from .container.growing_reader import GrowingLatent, compact
    from .container.growing_writer import GrowingWriter
    from .container.header import Header
    from .container.latent_reader import FinishedLatent, LatentReader
    from .container.latent_writer import LatentWriter
    from .container.node import NodeEntry
    from .entropy.entropy_model import EntropyModel
    from .exact.array_file import ArrayFile
    from .exact.array_header import ArrayHeader
    from .open import Kind, kind_of, open_file, open_latent
    from .quantiser import checked_quality, step_of_quality

__all__ = [
    "ArrayFile",
    "ArrayHeader",
    "EntropyModel",
    "FadingMemoryFile",
    "FadingMemoryHeader",
    "FinishedLatent",
    "GrowingLatent",
    "GrowingWriter",
    "Header",
    "Kind",
    "LatentReader",
    "LatentWriter",
    "NodeEntry",
    "checked_quality",
    "compact",
    "kind_of",
    "open_file",
    "open_latent",
    "step_of_quality",
]

__getattr__, __dir__ = lazy_attributes(
    __name__,
    {
        "container.fading_memory": ("FadingMemoryFile", "FadingMemoryHeader"),
        "container.growing_reader": ("GrowingLatent", "compact"),
        "container.growing_writer": ("GrowingWriter",),
        "container.header": ("Header",),
        "container.latent_reader": ("FinishedLatent", "LatentReader"),
        "container.latent_writer": ("LatentWriter",),
        "container.node": ("NodeEntry",),
        "entropy.entropy_model": ("EntropyModel",),
        "exact.array_file": ("ArrayFile",),
        "exact.array_header": ("ArrayHeader",),
        "open": ("Kind", "kind_of", "open_file", "open_latent"),
        "quantiser": ("checked_quality", "step_of_quality"),
    },
)
