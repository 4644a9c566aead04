"""How glibc hands out large arrays: two policies, each a choice for the whole process.

Other C libraries are left alone.
"""

import contextlib
import ctypes
import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def return_freed_memory() -> None:
    """Give every large array a mapping of its own, which goes back to the system when it is freed.

    Without this, batches that several threads allocate and free fragment the heap, and the peak depends on
    the clip's length.
    """
    _set(_M_MMAP_THRESHOLD, 1 << 20)


def reuse_freed_memory() -> None:
    """Keep what is freed for the next batch, instead of asking the system for fresh pages each time.

    For work that takes and frees many large arrays in every batch: a model's branches run nearly twice as
    fast. Memory still goes back once much of it is free.
    """
    _set(_M_MMAP_THRESHOLD, 1 << 26)
    _set(_M_TRIM_THRESHOLD, 1 << 28)


def _set(parameter: int, value: int) -> None:
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError, TypeError):
            ctypes.CDLL(None).mallopt(parameter, value)
