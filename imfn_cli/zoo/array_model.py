"""A tree that was fitted to arrays, in a file of its own: for many arrays of one kind.

A safetensors file with one metadata key and one tensor:

metadata  {"imfn_array_model": sorted JSON: format, tool, what it was fitted to, span of samples, CRC-32}
model     U8 (size,): the tree (`TreeModel.to_bytes`), which latents made with it carry
"""

import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..bitstream.container.header import HeaderError, opened, sealed
from ..bitstream.container.layout import Tensors, layout_bytes, tensor_entry
from ..bitstream.exact.array_file import MOST_MODEL_BYTES
from ..bitstream.exact.tree_model import MEAN_BITS, TreeModel
from ..bitstream.open import ARRAY_MODEL_KEY, Kind, kind_of
from ..errors import LatentError, ModelError
from ..system.files import replacing, writing
from ..version import __version__

if TYPE_CHECKING:
    from ..network.array_tree import ArrayTree

_VERSION = 1


class ArrayModel(NamedTuple):
    """model: the tree.   span: what 0 and 1 in its frames stand for.   about: what it was fitted to."""

    model: TreeModel
    span: tuple[float, float]
    about: dict[str, Any]


def tree_of(model: TreeModel) -> "ArrayTree":
    """The tree that whole numbers stand for."""
    # Arrays without memories need no torch, which takes a second and gigabytes of address space.
    from ..network.array_tree import ArrayTree

    mean = np.ldexp(model.mean.astype(np.float64), -MEAN_BITS)
    return ArrayTree(model.patch, mean, model.leaf.values, [one.values for one in model.sweepers])


def is_array_model(name: object) -> bool:
    """Whether a name is the file of such a model."""
    return isinstance(name, str | Path) and kind_of(Path(name)) is Kind.ARRAY_MODEL


def write_array_model(path: Path, made: ArrayModel, *, force: bool = False) -> None:
    """Write the file. Raises `OutputError` where it exists (without `force`) or cannot be written."""
    data = made.model.to_bytes()
    values = {"format": _VERSION, "tool": f"imfn {__version__}", "span": list(made.span), "about": made.about}
    layout = {
        "__metadata__": {ARRAY_MODEL_KEY: sealed({**values, "checksums": {"model": zlib.crc32(data)}})},
        "model": tensor_entry(np.dtype(np.uint8), (len(data),), 0, len(data)),
    }
    with replacing(path, force=force) as temporary, writing(path):
        temporary.write_bytes(layout_bytes(layout) + data)


def read_array_model(path: str | Path) -> ArrayModel:
    """What `write_array_model` wrote. Raises `ModelError`, one line, where it is none or damaged."""
    path = Path(path)
    remedy = "make one with 'imfn train --linear ARRAYS -o model.safetensors'"
    try:
        tensors = Tensors(path)
        values = opened(tensors.metadata.get(ARRAY_MODEL_KEY, ""), _VERSION, "models of arrays of format 1")
        low, high = (float(end) for end in values["span"])
        if "model" not in tensors or tensors.bytes_of("model") > MOST_MODEL_BYTES or not low <= high:
            raise HeaderError("its model is malformed")
        data: bytes = tensors.load("model").tobytes()
        if zlib.crc32(data) != values["checksums"]["model"]:
            raise HeaderError("its tensor 'model' is damaged (checksum differs)")
        about = values["about"] if isinstance(values["about"], dict) else {}
        return ArrayModel(TreeModel.from_bytes(data), (low, high), about)
    except LatentError as error:
        raise ModelError(f"{error}; {remedy}") from error
    except (HeaderError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{path}: no model of arrays ({error}); {remedy}") from error
