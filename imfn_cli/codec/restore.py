"""A latent to a file of frames, and the check that it could be restored."""

import time
from pathlib import Path

import torch

from ..bitstream.container.latent_reader import LatentReader
from ..errors import LatentError
from ..media import open_output
from ..reports import DamagedNode, DecompressReport, VerifyReport
from ..system.threads import prefetch
from ..zoo import Model
from . import adaptive
from .decoder import DecodedNode, Decoder, restored_frames
from .encoder import Progress
from .sequence_header import info_of
from .synthesis import batch_frames


@torch.inference_mode()
def decompress_latent(
    reader: LatentReader,
    output: str | Path,
    model: Model,
    *,
    start: int = 0,
    stop: int | None = None,
    format: str | None = None,
    force: bool = False,
    skip_damaged: bool = False,
    progress: Progress = lambda _: None,
) -> DecompressReport:
    """Restore frames start … stop − 1 of a latent into `output`, as `open_output` takes it, and format.

    Raises OutputError, InputError if the selection is empty, and LatentError for a damaged node unless
    `skip_damaged`.
    """
    began = time.perf_counter()
    header = reader.header
    damaged: list[DecodedNode] | None = [] if skip_damaged else None
    done = 0
    with open_output(output, info_of(header), force=force, format=format) as writer:
        ahead = max(2, batch_frames(header.height, header.width))
        try:
            for frame in prefetch(restored_frames(reader, model, start, stop, damaged=damaged), ahead):
                writer.write(frame.pixels, frame.time)
                done += 1
                progress(done)
        except LatentError as error:
            raise LatentError(f"{error}; --skip-damaged restores the others") from error
    seconds = time.perf_counter() - began
    return DecompressReport(
        source=str(reader.path),
        output=str(output),
        model=model.name,
        frames=done,
        height=header.height,
        width=header.width,
        channels=header.channels,
        seconds=seconds,
        frames_per_second=done / seconds,
        damaged=tuple((node.entry.frames[0], node.entry.frames[-1]) for node in damaged or ()),
        notes=tuple(writer.notes),
    )


@torch.inference_mode()
def verify_latent(
    reader: LatentReader, model: Model | None, *, progress: Progress = lambda _: None
) -> VerifyReport:
    """Read every node and decode it; without a model only the checksums are compared."""
    damaged = []
    nodes = (
        adaptive.check_gops(reader, model)
        if reader.header.adaptive
        else ((node.entry, node.problem) for node in Decoder(reader, model).walk(restore=False))
    )
    for node, problem in nodes:
        if problem:
            damaged.append(DamagedNode(node.index, node.frames[0], node.frames[-1], problem))
        progress(node.index + 1)
    return VerifyReport(
        source=str(reader.path),
        ok=not damaged,
        nodes=len(reader.nodes),
        frames=reader.header.frames,
        decoded=model is not None,
        damaged=tuple(damaged),
        notes=(),
    )
