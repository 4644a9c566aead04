"""imfn: compress and restore image sequences with Invertible Memory Flow Networks (arXiv 2602.00535).

    import imfn

    imfn.compress("clip.mp4", ratio=16)           # writes clip.safetensors
    imfn.decompress("clip.safetensors")           # writes clip.restored.mp4
    imfn.stream("camera:0", "live.safetensors")   # or frames of your own, as they come
    frames = imfn.open("clip.safetensors")[100:110]
    model = imfn.load()                           # merge, split, compress, restore tensors

Importing this imports neither torch nor numpy; the first use of a name does.
"""

from typing import TYPE_CHECKING

from .system.lazy import lazy_attributes
from .version import __version__

if TYPE_CHECKING:
    from .api import compress, decompress, memories, read_frames, stream, verify, write_memories
    from .codec import Live
    from .codec.exact.array_latent import ArrayLatent
    from .diagnosis import diagnose
    from .errors import (
        ImfnError,
        InputError,
        LatentError,
        LimitError,
        ModelError,
        OutputError,
        RatioError,
    )
    from .latent import Latent, Memory, open, open_array
    from .limits import Limits
    from .media import Source
    from .reports import (
        ArrayReport,
        CompressReport,
        DamagedNode,
        DecompressReport,
        DistillReport,
        DistillRow,
        DoctorReport,
        FadingMemoryReport,
        FitReport,
        FloatResults,
        InstalledModel,
        LearnedFrom,
        MemoriesReport,
        SelfTest,
        SourceReport,
        StreamReport,
        TargetReport,
        TrainingData,
        TrainReport,
        Validation,
        VerifyReport,
    )
    from .training import Recipe
    from .workflows import adapt, distill, fit, resume, train
    from .zoo import Model, load

__all__ = [
    "ArrayLatent",
    "ArrayReport",
    "CompressReport",
    "DamagedNode",
    "DecompressReport",
    "DistillReport",
    "DistillRow",
    "DoctorReport",
    "FadingMemoryReport",
    "FitReport",
    "FloatResults",
    "ImfnError",
    "InputError",
    "InstalledModel",
    "Latent",
    "LatentError",
    "LearnedFrom",
    "LimitError",
    "Limits",
    "Live",
    "MemoriesReport",
    "Memory",
    "Model",
    "ModelError",
    "OutputError",
    "RatioError",
    "Recipe",
    "SelfTest",
    "Source",
    "SourceReport",
    "StreamReport",
    "TargetReport",
    "TrainReport",
    "TrainingData",
    "Validation",
    "VerifyReport",
    "__version__",
    "adapt",
    "compress",
    "decompress",
    "diagnose",
    "distill",
    "fit",
    "load",
    "memories",
    "open",
    "open_array",
    "read_frames",
    "resume",
    "stream",
    "train",
    "verify",
    "write_memories",
]

__getattr__, __dir__ = lazy_attributes(
    __name__,
    {
        "api": ("compress", "decompress", "memories", "read_frames", "stream", "verify", "write_memories"),
        "codec": ("Live",),
        "codec.exact.array_latent": ("ArrayLatent",),
        "diagnosis": ("diagnose",),
        "errors": (
            "ImfnError",
            "InputError",
            "LatentError",
            "LimitError",
            "ModelError",
            "OutputError",
            "RatioError",
        ),
        "latent": ("Latent", "Memory", "open", "open_array"),
        "limits": ("Limits",),
        "media": ("Source",),
        "reports": (
            "ArrayReport",
            "CompressReport",
            "DamagedNode",
            "DecompressReport",
            "DistillReport",
            "DistillRow",
            "DoctorReport",
            "FadingMemoryReport",
            "FitReport",
            "FloatResults",
            "InstalledModel",
            "LearnedFrom",
            "MemoriesReport",
            "SelfTest",
            "SourceReport",
            "StreamReport",
            "TargetReport",
            "TrainReport",
            "TrainingData",
            "Validation",
            "VerifyReport",
        ),
        "training": ("Recipe",),
        "workflows": ("adapt", "distill", "fit", "resume", "train"),
        "zoo": ("Model", "load"),
    },
)
