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
    from .codec.exact.array_latent import ArrayLatent
    from .diagnosis import diagnose
    from .errors import ImfnError, InputError, LatentError, ModelError, OutputError, RatioError
    from .latent import Latent, Memory, open
    from .reports import (
        ArrayReport,
        CompressReport,
        DamagedNode,
        DecompressReport,
        DistillReport,
        DoctorReport,
        FadingMemoryReport,
        FitReport,
        InstalledModel,
        MemoriesReport,
        SelfTest,
        StreamReport,
        TrainingData,
        TrainReport,
        Validation,
        VerifyReport,
    )
    from .workflows import adapt, distill, fit, train
    from .zoo import Model, load

__all__ = [
    "ArrayLatent",
    "ArrayReport",
    "CompressReport",
    "DamagedNode",
    "DecompressReport",
    "DistillReport",
    "DoctorReport",
    "FadingMemoryReport",
    "FitReport",
    "ImfnError",
    "InputError",
    "InstalledModel",
    "Latent",
    "LatentError",
    "MemoriesReport",
    "Memory",
    "Model",
    "ModelError",
    "OutputError",
    "RatioError",
    "SelfTest",
    "StreamReport",
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
    "read_frames",
    "stream",
    "train",
    "verify",
    "write_memories",
]

__getattr__, __dir__ = lazy_attributes(
    __name__,
    {
        "api": ("compress", "decompress", "memories", "read_frames", "stream", "verify", "write_memories"),
        "codec.exact.array_latent": ("ArrayLatent",),
        "diagnosis": ("diagnose",),
        "errors": ("ImfnError", "InputError", "LatentError", "ModelError", "OutputError", "RatioError"),
        "latent": ("Latent", "Memory", "open"),
        "reports": (
            "ArrayReport",
            "CompressReport",
            "DamagedNode",
            "DecompressReport",
            "DistillReport",
            "DoctorReport",
            "FadingMemoryReport",
            "FitReport",
            "InstalledModel",
            "MemoriesReport",
            "SelfTest",
            "StreamReport",
            "TrainReport",
            "TrainingData",
            "Validation",
            "VerifyReport",
        ),
        "workflows": ("adapt", "distill", "fit", "train"),
        "zoo": ("Model", "load"),
    },
)
