"""Keeping the heap from growing with the clip."""

import contextlib
import ctypes
import sys

_M_MMAP_THRESHOLD = -3
_THRESHOLD = 1 << 20


def keep_heap_small() -> None:
    """Have glibc give every large array its own mapping, which goes back to the system when it is freed.

    Without this, batches that several threads allocate and free fragment the heap: 20 minutes of 320×240 took
    700 MB instead of 340, and the peak depended on the clip's length. Other C libraries are left alone.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _THRESHOLD)
