"""What a model's file holds against what its configuration claims: asked before anything is made of it."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from ..limits import Limits
from .tensor_file import TensorFile

# The longest layout of a model's or a student's file: 20 levels of 64 blocks have a quarter of it.
_LONGEST_LAYOUT = 8 << 20


def check_claims(
    file: TensorFile,
    make: Callable[[], nn.Module],
    stored: Callable[[nn.Module], Mapping[str, Tensor]],
    limits: Limits,
) -> None:
    """Raise unless a file holds what a module needs, and neither is too large.

    make: makes the module, where nothing is allocated.   stored: the tensors of a module that its file holds.

    Raises `LimitError`, ValueError (a tensor lacks or has another shape, a header that is too long), OSError
    and `safetensors.SafetensorError`.
    """
    size, layout = file.sizes()
    if _LONGEST_LAYOUT < layout < size:
        raise ValueError(f"its header is longer than {_LONGEST_LAYOUT:,} bytes")
    limits.check_memory(file.path, size, "reading it")
    with torch.device("meta"):
        module = make()
    needed = sum(tensor.numel() * tensor.element_size() for tensor in module.state_dict().values())
    limits.check_memory(file.path, size + needed, "what its configuration says")
    found = file.shapes()
    for name, tensor in stored(module).items():
        if name not in found:
            raise ValueError(f"lacks {name}")
        if found[name] != list(tensor.shape):
            raise ValueError(f"{name} has shape {found[name]}, not {list(tensor.shape)}")
