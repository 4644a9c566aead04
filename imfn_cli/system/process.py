"""How this process uses the machine: threads and memory."""

import os

from .allocator import return_freed_memory


def settle() -> None:
    """Before numpy is loaded: keep its products on one thread, and the heap from growing with the clip.

    Nodes are coded by several threads, each with many small products: with threads of their own under those,
    they fight for the cores (many times slower on a busy machine). torch has its own threads.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    return_freed_memory()
