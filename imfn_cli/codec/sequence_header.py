"""Between a sequence of frames and a latent's header: what is written of a source, and given back."""

from array import array
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from ..bitstream.container.header import MAX_PIXELS, MAX_SIDE, Header
from ..bitstream.container.latent_writer import LatentWriter
from ..errors import InputError
from ..media.sequence import ColourDescription, Sequence, SequenceInfo
from ..version import __version__
from ..zoo import Model


def check_size(sequence: Sequence) -> None:
    """Raise InputError if the frames are larger than a latent may hold."""
    info = sequence.info
    if max(info.height, info.width) > MAX_SIDE or info.height * info.width > MAX_PIXELS:
        raise InputError(
            f"{sequence.name}: frames of {info.width}x{info.height} are too large; "
            f"at most {MAX_SIDE:,} a side and {MAX_PIXELS:,} pixels"
        )


def check_shape(sequence: Sequence, pixels: NDArray[np.uint8]) -> None:
    """Raise InputError if frames (T, H, W, C) are not as the sequence announced: no header would fit them."""
    info = sequence.info
    height, width, channels = pixels.shape[1:]
    if (height, width, channels) != (info.height, info.width, info.channels):
        raise InputError(
            f"{sequence.name}: frames of {width}x{height}x{channels} where {info.width}x{info.height}x"
            f"{info.channels} were announced; convert the file to another format first"
        )


def header_of(
    model: Model,
    info: SequenceInfo,
    *,
    ratio: int,
    quality: float,
    frames: int,
    start_time: int,
    frame_ticks: int | None,
    student: bool = False,
    gop_nodes: int = 1,
    gop_frames: int = 0,
    last_ticks: int | None = None,
    lanes: bool = False,
) -> Header:
    """The header of a latent of a sequence; the arguments are `Header`'s fields."""
    return Header(
        tool=f"imfn {__version__}",
        model=model.name,
        model_sha256=model.sha256,
        ratio=ratio,
        quality=quality,
        frames=frames,
        height=info.height,
        width=info.width,
        channels=info.channels,
        time_base=info.time_base,
        start_time=start_time,
        frame_ticks=frame_ticks,
        frame_rate=info.frame_rate,
        sample_aspect_ratio=info.sample_aspect_ratio,
        colour=asdict(info.colour),
        value_range=info.value_range,
        source_kind=info.kind,
        source_bytes=info.size_bytes,
        gop_nodes=gop_nodes,
        student=student,
        gop_frames=gop_frames,
        last_ticks=last_ticks,
        plays=info.plays,
        whole_numbers=gop_nodes > 1,
        lanes=lanes,
    )


def finish_latent(
    writer: LatentWriter,
    model: Model,
    sequence: Sequence,
    times: "array[int]",
    *,
    ratio: int,
    quality: float,
    student: bool = False,
    gop_nodes: int = 1,
    gop_frames: int = 0,
    lanes: bool = False,
) -> None:
    """Write header, node table, tracks and nodes. times: of all frames; the rest are `Header`'s fields.

    Raises InputError if there are no frames.
    """
    if not times:
        raise InputError(f"{sequence.name}: holds no frames")
    moments = np.frombuffer(times, np.int64)
    ticks = moments[1:] - moments[:-1]
    constant = constant_ticks(ticks, sequence.info)
    header = header_of(
        model,
        sequence.info,
        ratio=ratio,
        quality=quality,
        student=student,
        frames=len(times),
        start_time=times[0],
        frame_ticks=constant,
        gop_nodes=gop_nodes,
        gop_frames=gop_frames,
        last_ticks=_unusual(sequence.info, int(ticks[-1]) if ticks.size else None),
        lanes=lanes,
    )
    writer.finish(header, None if constant is not None else ticks, sequence.write_tracks)


def info_of(header: Header, *, alpha: bool = False) -> SequenceInfo:
    """What a writer of frames needs to know of a latent's sequence. alpha: whether frames have some."""
    return SequenceInfo(
        width=header.width,
        height=header.height,
        channels=header.channels,
        time_base=header.time_base,
        frame_rate=header.frame_rate,
        frame_count=header.frames,
        kind=header.source_kind,
        size_bytes=header.source_bytes,
        colour=ColourDescription(**header.colour),
        sample_aspect_ratio=header.sample_aspect_ratio,
        value_range=header.value_range,
        last_ticks=header.last_ticks,
        plays=header.plays,
        alpha=alpha,
    )


def _unusual(info: SequenceInfo, step: int | None) -> int | None:
    """How long the last frame is shown, unless that is what a writer takes if nobody says.

    step: ticks from the last frame but one to the last, where there are two.
    """
    if info.last_ticks is None or info.last_ticks < 1:
        return None
    usual = float(1 / (info.frame_rate * info.time_base)) if info.frame_rate else step
    # Times are rounded to ticks, which may be as long as a tenth of a frame.
    alike = usual is not None and abs(info.last_ticks - usual) * 10 <= usual
    return None if alike else info.last_ticks


def constant_ticks(ticks: NDArray[np.int64], info: SequenceInfo) -> int | None:
    """Ticks from frame to frame if always the same; for a single frame, its nominal duration."""
    if ticks.size:
        return int(ticks[0]) if (ticks == ticks[0]).all() else None
    return max(1, round(1 / (info.frame_rate * info.time_base))) if info.frame_rate else 1
