"""A latent's frames beside those that it was made of."""

import statistics

import torch

from ..bitstream.container.latent_reader import LatentReader
from ..errors import InputError
from ..media.psnr import psnr
from ..media.sequence import Sequence
from ..reports import SourceReport
from ..system.threads import prefetch
from ..zoo import Model
from .decoder import DecodedNode, restored_frames
from .encoder import Progress

# Frames that may be decoded ahead.
_AHEAD = 4


@torch.inference_mode()
def compare_with_source(
    reader: LatentReader, model: Model, sequence: Sequence, *, progress: Progress = lambda _: None
) -> SourceReport:
    """PSNR of each restored frame to that of the source. Frames of damaged nodes do not count.

    Raises InputError where the source has frames of another size, or another number of them, and
    LimitError.
    """
    header = reader.header
    shape = header.frame_shape
    damaged: list[DecodedNode] = []
    lost: set[int] = set()
    values: dict[int, float] = {}
    frames = iter(prefetch(sequence, _AHEAD))
    for number, restored in enumerate(restored_frames(reader, model, damaged=damaged)):
        lost.update(frame for node in damaged for frame in node.entry.frames)
        damaged.clear()
        original = next(frames, None)
        if original is None:
            raise InputError(f"{sequence.name}: has {number:,} frames, {reader.path} {header.frames:,}")
        if original.pixels.shape != shape:
            height, width, channels = original.pixels.shape
            raise InputError(
                f"{sequence.name}: frames of {width}x{height}x{channels}, those of {reader.path} are "
                f"{shape[1]}x{shape[0]}x{shape[2]}"
            )
        if number not in lost:
            values[number] = psnr(original.pixels, restored.pixels)
        progress(number + 1)
    if next(frames, None) is not None:
        raise InputError(f"{sequence.name}: has more than the {header.frames:,} frames of {reader.path}")
    worst = min(values, key=lambda number: values[number], default=None)
    return SourceReport(
        source=sequence.name,
        frames=len(values),
        psnr=statistics.fmean(values.values()) if values else None,
        worst_frame=worst,
        worst_psnr=None if worst is None else values[worst],
    )
