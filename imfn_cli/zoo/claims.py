"""What a model's file holds against what its configuration claims: asked before anything is made of it."""

import struct
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor, nn

from ..limits import Limits

# The longest layout of a model's or a student's file: 20 levels of 64 blocks have a quarter of it.
_LONGEST_LAYOUT = 8 << 20


def check_claims(
    path: Path,
    make: Callable[[], nn.Module],
    stored: Callable[[nn.Module], Mapping[str, Tensor]],
    limits: Limits,
) -> None:
    """Raise unless the file at `path` holds what a module needs, and neither is too large.

    make: makes the module, where nothing is allocated.   stored: the tensors of a module that its file holds.

    Raises `LimitError`, ValueError (a tensor lacks or has another shape, a header that is too long), OSError
    and `safetensors.SafetensorError`.
    """
    with path.open("rb") as file:
        start = file.read(8)
        size = file.seek(0, 2)
    if len(start) == 8 and _LONGEST_LAYOUT < struct.unpack("<Q", start)[0] < size:
        raise ValueError(f"its header is longer than {_LONGEST_LAYOUT:,} bytes")
    limits.check_memory(path, size, "reading it")
    with torch.device("meta"):
        module = make()
    needed = sum(tensor.numel() * tensor.element_size() for tensor in module.state_dict().values())
    limits.check_memory(path, size + needed, "what its configuration says")
    with safe_open(path, framework="pt") as found:
        names = set(found.keys())
        for name, tensor in stored(module).items():
            if name not in names:
                raise ValueError(f"lacks {name}")
            shape = list(found.get_slice(name).get_shape())
            if shape != list(tensor.shape):
                raise ValueError(f"{name} has shape {shape}, not {list(tensor.shape)}")
