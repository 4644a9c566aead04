"""How this process uses the machine: threads and memory. Called before anything heavy is imported."""

import contextlib
import os

from ..errors import ImfnError
from ..system.allocator import return_freed_memory, reuse_freed_memory


def settle() -> None:
    """Keep numpy's products on one thread, and the heap from growing with the clip.

    Nodes are coded by several threads, each with many small products: with threads of their own under those,
    they fight for the cores (many times slower on a busy machine). torch has its own threads.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    return_freed_memory()


def settle_for(model: str | None) -> None:
    """Choose what suits a model, by its name or path, before it is loaded; a wrong name changes nothing."""
    from ..zoo.model import find_model, read_config

    with contextlib.suppress(ImfnError):
        # The branches of a learned model work on many large arrays; a linear one on two a batch. A model that
        # must be fetched first decides nothing.
        if not str(model).startswith("hf://") and read_config(find_model(model))["network"].get("widths"):
            reuse_freed_memory()
