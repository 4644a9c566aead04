"""A sequence's memories without a file: what its forest's nodes hold before they are quantised."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from ..media.batches import batched
from ..media.sequence import Sequence
from ..network import level_of_ratio
from ..zoo import Model
from .node_builders import node_builder
from .sequence_header import check_shape, check_size
from .synthesis import batch_frames


@torch.no_grad()
def memories_of(
    sequence: Sequence,
    model: Model,
    *,
    ratio: int,
    student: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> Iterator[tuple[int, Tensor]]:
    """The forest's nodes in order: level, memory (C, h, w) float32 on the CPU.

    progress: called with the frames that were read. Raises RatioError, ModelError and InputError.
    """
    builder = node_builder(model, level_of_ratio(ratio, model.network.config.levels), student=student)
    check_size(sequence)
    done = 0
    for pixels, _ in batched(sequence, batch_frames(sequence.info.height, sequence.info.width)):
        check_shape(sequence, pixels)
        for level, memory in builder.feed(pixels):
            yield level, memory[0].float().cpu()
        done += len(pixels)
        progress(done)
    for level, memory in builder.flush():
        yield level, memory[0].float().cpu()
