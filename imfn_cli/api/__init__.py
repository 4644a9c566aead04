"""The Python API: what the commands do, as functions. The commands call these too.

Everything heavy (torch, PyAV, numpy) is imported by the first call, not with this module.
"""

from .arrays import goes_as_array
from .compression import compress
from .features import memories, write_memories
from .restoration import decompress, read_frames
from .settings import coder_of, settings_of, verified
from .streaming import stream, stream_model
from .types import Progress, Selection
from .verification import verify

__all__ = [
    "Progress",
    "Selection",
    "coder_of",
    "compress",
    "decompress",
    "goes_as_array",
    "memories",
    "read_frames",
    "settings_of",
    "stream",
    "stream_model",
    "verified",
    "verify",
    "write_memories",
]
