"""A latent to a file of frames, and the check that it could be restored."""

import contextlib
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import torch

from ..bitstream.container.latent_reader import AlphaGroup, LatentReader
from ..errors import LatentError
from ..media import open_output
from ..media.selection import selected
from ..media.tracks import OutgoingTracks, Span, TrackFile
from ..reports import DamagedNode, DecompressReport, VerifyReport
from ..system.threads import prefetch
from ..zoo import Model
from . import adaptive
from .alpha import check_alpha, with_planes
from .decoder import DecodedNode, Decoder, restored_frames
from .encoder import Progress
from .needs import check_needs
from .sequence_header import info_of
from .synthesis import batch_frames
from .work import restoring


@torch.inference_mode()
def decompress_latent(
    reader: LatentReader,
    output: str | Path,
    model: Model,
    *,
    start: int = 0,
    stop: int | None = None,
    format: str | None = None,
    audio: bool = True,
    force: bool = False,
    skip_damaged: bool = False,
    resume: bool = False,
    progress: Progress = lambda _: None,
) -> DecompressReport:
    """Restore frames start … stop − 1 of a latent into `output`, as `open_output` takes it, and format.

    resume: go on where a run that asked for the same was interrupted, and leave what is done when this one
    is.

    Raises OutputError, InputError if the selection is empty, LimitError if it is too much, and LatentError
    for a damaged node unless `skip_damaged`.
    """
    began = time.perf_counter()
    header = reader.header
    damaged: list[DecodedNode] | None = [] if skip_damaged else None
    opaque: list[AlphaGroup] | None = [] if skip_damaged else None
    # Before a temporary file is made.
    check_needs(reader, model, frames=len(selected(str(reader.path), header.frames, start, stop)))
    settings = {"frames": [start, stop], "format": format, "sound": audio, "skip_damaged": skip_damaged}
    how: dict[str, Any] = {"force": force, "format": format, "resume": resume}
    how["told"] = restoring(reader, model, **settings)
    with (
        _tracks(reader, start, stop, audio=audio) as tracks,
        open_output(output, info_of(header, alpha=bool(reader.alpha)), tracks=tracks, **how) as writer,
    ):
        resumed = done = writer.done
        ahead = max(2, batch_frames(header.height, header.width))
        frames = restored_frames(reader, model, start, stop, damaged=damaged, done=done)
        if writer.keeps_alpha:
            frames = with_planes(reader, frames, start + done, opaque)
        try:
            for frame in prefetch(frames, ahead):
                writer.write(frame.pixels, frame.time, frame.alpha)
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
        frames_per_second=(done - resumed) / seconds,
        damaged=tuple((node.entry.frames[0], node.entry.frames[-1]) for node in damaged or ()),
        notes=(*writer.notes, *(f"{group} is damaged; they are opaque" for group in opaque or ())),
        resumed=resumed,
    )


@contextlib.contextmanager
def _tracks(
    reader: LatentReader, start: int, stop: int | None, *, audio: bool
) -> Iterator[OutgoingTracks | None]:
    """The sound and subtitles of frames start … stop − 1, where there are any and they are wanted."""
    if not audio or not reader.tracks_bytes:
        yield None
        return
    try:
        reader.check_tracks()
        file = TrackFile(reader.path, reader.tracks_at, reader.tracks_bytes)
        tracks = OutgoingTracks(file, _span(reader, start, stop))
    except (LatentError, OSError) as error:
        problem = error if isinstance(error, LatentError) else f"{reader.path}: its sound cannot be read"
        raise LatentError(f"{problem}; --no-audio restores the frames") from error
    try:
        yield tracks
    finally:
        tracks.close()


def _span(reader: LatentReader, start: int, stop: int | None) -> Span:
    """Where frames start … stop − 1 lie in the film's own time."""

    def seconds(frame: int) -> Fraction:
        return next(reader.times(frame)) * reader.header.time_base

    ends = stop is not None and stop < reader.header.frames
    return Span(seconds(start) if start else None, seconds(stop) if ends and stop is not None else None)


@torch.inference_mode()
def verify_latent(
    reader: LatentReader, model: Model | None, *, progress: Progress = lambda _: None
) -> VerifyReport:
    """Read every node and decode it; without a model only the checksums are compared.

    Raises LimitError where decoding is too much, and LatentError where the model cannot do it.
    """
    if model is not None:
        check_needs(reader, model, frames=0)
    reader.check_tracks()
    check_alpha(reader)
    reader.model_files()
    damaged = []
    nodes = (
        adaptive.check_trees(reader, model)
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
        lost=_runs(damaged),
    )


def _runs(damaged: list[DamagedNode]) -> tuple[tuple[int, int], ...]:
    """First and last frame of each run of frames in these nodes, which stand in time order."""
    runs: list[tuple[int, int]] = []
    for node in damaged:
        if runs and runs[-1][1] + 1 == node.first_frame:
            runs[-1] = runs[-1][0], node.last_frame
        else:
            runs.append((node.first_frame, node.last_frame))
    return tuple(runs)
