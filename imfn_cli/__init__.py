"""imfn: compress and restore image sequences with Invertible Memory Flow Networks (arXiv 2602.00535).

    import imfn_cli as imfn

    imfn.compress("clip.mp4", ratio=16)           # writes clip.safetensors
    imfn.decompress("clip.safetensors")           # writes clip.restored.mp4
    imfn.stream("camera:0", "live.safetensors")   # or frames of your own, as they come
    for pixels in imfn.read_frames("clip.safetensors", 100, 110): ...
    model = imfn.load()                           # merge, split, compress, restore tensors

Importing this imports neither torch nor numpy; the first call does.
"""

from .api import compress, decompress, read_frames, stream, verify
from .errors import ImfnError, InputError, LatentError, ModelError, OutputError, RatioError
from .reports import (
    CompressReport,
    DamagedNode,
    DecompressReport,
    FadingMemoryReport,
    StreamReport,
    VerifyReport,
)
from .version import __version__
from .zoo.model import Model, load

__all__ = [
    "CompressReport",
    "DamagedNode",
    "DecompressReport",
    "FadingMemoryReport",
    "ImfnError",
    "InputError",
    "LatentError",
    "Model",
    "ModelError",
    "OutputError",
    "RatioError",
    "StreamReport",
    "VerifyReport",
    "__version__",
    "compress",
    "decompress",
    "load",
    "read_frames",
    "stream",
    "verify",
]
