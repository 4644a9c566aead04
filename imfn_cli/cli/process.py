"""How this process uses memory for the model at hand."""

import contextlib

from ..errors import ImfnError
from ..system.allocator import reuse_freed_memory
from ..zoo import find_model, read_config


def settle_for(model: str | None) -> None:
    """Choose what suits a model, by its name or path, before it is loaded; a wrong name changes nothing."""
    with contextlib.suppress(ImfnError):
        # The branches of a learned model work on many large arrays; a linear one on two a batch. A model that
        # must be fetched first decides nothing.
        if not str(model).startswith("hf://") and read_config(find_model(model))["network"].get("widths"):
            reuse_freed_memory()
