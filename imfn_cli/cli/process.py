"""How this process uses the machine: threads and memory. Called before anything heavy is imported."""

import contextlib
import ctypes
import os
import sys

_M_MMAP_THRESHOLD = -3
_THRESHOLD = 1 << 20


def settle() -> None:
    """Keep numpy's products on one thread, and the heap from growing with the clip.

    Nodes are coded by several threads, each with many small products: with threads of their own under those,
    they fight for the cores (many times slower on a busy machine). torch has its own threads.

    On Linux, have glibc give every large array its own mapping, which goes back to the system when it is
    freed. Without this, batches that several threads allocate and free fragment the heap, and the peak
    depends on the clip's length. Other C libraries are left alone.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _THRESHOLD)
