"""`imfn.memories`: a sequence's memories without a latent."""

import operator
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from .. import array_trees, codec, defaults, media
from ..errors import OutputError
from ..limits import DEFAULT_LIMITS
from ..reports import MemoriesReport
from ..system.files import check_output, replacing
from .arrays import goes_as_array, opened_array
from .sources import counting_up, loaded_model, one_source, opened_sequence
from .types import Progress, Selection

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from ..media import Source
    from ..zoo import Model


def memories(
    source: "str | Path | Source | np.ndarray | Tensor | Iterable[np.ndarray | Tensor]",
    *,
    ratio: int = defaults.RATIO,
    model: "str | Path | Model | None" = None,
    student: bool = False,
    fit: bool = False,
    frames: Selection | None = None,
    device: str = "auto",
) -> "Tensor":
    """The memories of a sequence as features, (N, C, h, w) float32 on the CPU; no file is written.

    Each stands for `ratio` frames, in order, in floats, in the unit of pixels / 255. What no whole tree holds
    is in the last ones, of fewer frames: powers of two, the largest first, as in a latent. h, w: the frame's
    size over the patch's, rounded up. All of them are in memory at once; `write_memories` needs one.

    Arguments and errors as in `compress`. Of arrays that are no pictures of 8 bits, and of others with
    `fit`, they are those of a tree that is fitted to the array, or read from `model`'s file: (N, K, h, w), in
    units of the array's range.

    >>> import numpy as np, imfn_cli as imfn
    >>> imfn.memories(np.zeros((20, 48, 64, 3), np.uint8), ratio=8, model="video-linear").shape
    torch.Size([3, 192, 6, 8])
    """
    # Importing this module loads nothing heavy.
    import torch

    if isinstance(source, str | Path):
        source = one_source(source)
    found, _ = _memories(source, ratio, model, fit, device, student, frames or (0, None), None)
    return torch.stack([memory for _, memory in found])


def write_memories(
    source: "str | Path | Source",
    output: str | Path | None = None,
    *,
    ratio: int = defaults.RATIO,
    model: "str | Path | Model | None" = None,
    student: bool = False,
    fit: bool = False,
    frames: Selection | None = None,
    device: str = "auto",
    force: bool = False,
    progress: Progress | None = None,
) -> MemoriesReport:
    """`memories` into a .npy file, one by one: clip.memories.npy beside clip.mp4 unless `output` is given.

    Raises what `memories` raises, and `OutputError`.
    """
    began = time.perf_counter()
    if isinstance(source, str | Path):
        source = one_source(source)
    place = source.default_output(".memories.npy") if output is None else Path(output)
    if place.suffix.lower() != ".npy":
        raise OutputError(f"{place}: memories are written as .npy; name such a file with -o")
    check_output(place, force=force)
    levels = []
    found, name = _memories(source, ratio, model, fit, device, student, frames or (0, None), progress)
    with replacing(place, force=force) as temporary, media.GrowingNpy(temporary) as file:
        for level, memory in found:
            file.append(memory.numpy())
            levels.append(level)
    return MemoriesReport(
        source=source.name,
        output=str(place),
        model=name,
        ratio=ratio,
        frames=sum(1 << level for level in levels),
        shape=file.shape,
        levels=tuple(levels),
        seconds=time.perf_counter() - began,
    )


def _memories(
    source: "Source | np.ndarray | Tensor | Iterable[np.ndarray | Tensor]",
    ratio: int,
    model: "str | Path | Model | None",
    fit: bool,
    device: str,
    student: bool,
    frames: Selection,
    progress: Progress | None,
) -> "tuple[Iterator[tuple[int, Tensor]], str]":
    """Memories as they are made, and the name of their model; none of a tree that is fitted."""
    if goes_as_array(source, model, fit=fit):
        if student:
            raise ValueError("a tree of arrays has no student; leave it out")
        file = None if model is None else Path(str(model))
        return _memories_of_array(source, ratio, file, frames, progress), "" if file is None else file.stem
    loaded = loaded_model(model, device, DEFAULT_LIMITS)
    return _memories_of_sequence(source, ratio, loaded, student, frames, progress), loaded.name


def _memories_of_array(
    source: object, ratio: int, model: Path | None, frames: Selection, progress: Progress | None
) -> "Iterator[tuple[int, Tensor]]":
    with opened_array(source, *frames) as array:
        counting = counting_up(progress, array.frames)
        yield from array_trees.memories_of_array(array, operator.index(ratio), model, counting)


def _memories_of_sequence(
    source: "Source | np.ndarray | Tensor | Iterable[np.ndarray | Tensor]",
    ratio: int,
    model: "Model",
    student: bool,
    frames: Selection,
    progress: Progress | None,
) -> "Iterator[tuple[int, Tensor]]":
    with opened_sequence(source, None, *frames, None, False) as sequence:
        counting = counting_up(progress, sequence.info.frame_count)
        yield from codec.memories_of(
            sequence, model, ratio=operator.index(ratio), student=student, progress=counting
        )
