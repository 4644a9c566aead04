"""`imfn.stream`: frames into a latent as they come."""

import operator
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Unpack, overload

from .. import bitstream, codec, defaults, media, network
from ..limits import DEFAULT_LIMITS, Limits
from ..reports import FadingMemoryReport, StreamReport
from .call_options import StreamOptions
from .sources import loaded_model

if TYPE_CHECKING:
    from fractions import Fraction

    import numpy as np

    from ..codec import Live
    from ..media import Sequence
    from ..zoo import Model


@overload
def stream(
    source: "str | Path | Sequence | Iterable[np.ndarray]",
    output: str | Path | None = None,
    *,
    forget: Literal[False] = False,
    **options: Unpack[StreamOptions],
) -> StreamReport: ...


@overload
def stream(
    source: "str | Path | Sequence | Iterable[np.ndarray]",
    output: str | Path | None = None,
    *,
    forget: Literal[True],
    **options: Unpack[StreamOptions],
) -> FadingMemoryReport: ...


@overload
def stream(
    source: "str | Path | Sequence | Iterable[np.ndarray]",
    output: str | Path | None = None,
    *,
    forget: bool,
    **options: Unpack[StreamOptions],
) -> StreamReport | FadingMemoryReport: ...


def stream(
    source: "str | Path | Sequence | Iterable[np.ndarray]",
    output: str | Path | None = None,
    *,
    model: "str | Path | Model | None" = None,
    ratio: int | str = defaults.STREAM_RATIO,
    quality: float = defaults.QUALITY,
    gop: int = defaults.GOP,
    effort: int = defaults.EFFORT,
    low_delay: bool = False,
    tree: bool = False,
    forget: bool = False,
    half_life: float | None = None,
    rate: "float | str | Fraction | None" = None,
    size: str | None = None,
    raw: str | None = None,
    pixel_format: str = "rgb24",
    input_format: str | None = None,
    timeout: float | None = None,
    reconnect: float = 0.0,
    frames: int | None = None,
    duration: float | None = None,
    sync: float = 1.0,
    stopping: Callable[[], bool] | None = None,
    device: str = "auto",
    force: bool = False,
    limits: Limits = DEFAULT_LIMITS,
    progress: "Callable[[Live], None] | None" = None,
) -> StreamReport | FadingMemoryReport:
    """Compress frames as they come, in constant memory, into a latent that is readable at any moment.

    source: a file, '-' for standard input, a camera ('camera:0', '/dev/video0') or an address (http://,
        tcp://, udp://, rtsp://); or any iterable of frames, uint8 (H, W, 3) RGB or (H, W), (H, W, 1) gray,
        all of one size H, W ≥ 1. Frames are copied as they are taken, by another thread and up to five
        ahead; an iterable that waits for each frame (a camera of your own) is fine. Or an open
        `imfn_cli.frames.Sequence`, which has been told already what rate to timeout say.
    output: the latent to write; unless given, NAME.safetensors in the current directory. An iterable needs
        one.
    model, ratio, quality, gop, effort, device, force, limits: as in `compress`; gop and effort are of an
        adaptive forest, whose nodes are trees of up to 64 frames.   low_delay: trees of one frame.
    tree: the exact tree, online, instead of the student; log2(ratio) memories instead of one.
    forget: keep one memory of all that was, finer for the recent past, fixed in size and rewritten every
        `sync` seconds; ratio, quality and tree do not count then. half_life: frames after which an error
        counts half, 1 to 1,000,000, 32 unless given.
    rate: frames per second: of an iterable or of raw frames (25 unless given), or asked of a camera.
    size: 'WIDTHxHEIGHT' that is asked of a camera.
    raw, pixel_format: 'WIDTHxHEIGHT' and FFmpeg's pixel format of a source without a container.
    input_format: FFmpeg's name of the source's format, where it cannot be told.
    timeout: seconds without a frame after which a source counts as lost, 0 for never; unless given, 10 for
        addresses and cameras, never for others.
    reconnect: seconds for which an address that is lost is opened again, its frames going on with the gap in
        their times; 0 for not at all. An end is a loss too, unless the address says how long it is.
    frames, duration: end after so many frames, or seconds of presentation time.
    sync: seconds, at most, of finished nodes that a power cut may cost.
    stopping: asked all the time; once it says True the stream ends well, its tail included; frames read ahead
        are left out.
    progress: called after each frame with where the stream is: its frames, nodes, bytes and memory_mb.

    Raises what `compress` raises, before the first frame or after it. A source that breaks off (`InputError`,
    or what the iterable raised) or an interruption leaves what was finished in the file, readable. ValueError
    for wrong values.

    >>> import numpy as np, imfn_cli as imfn
    >>> def wheel():
    ...     for t in range(20):
    ...         yield np.roll(np.arange(64 * 48 * 3, dtype=np.uint8).reshape(48, 64, 3), t, axis=1)
    >>> report = imfn.stream(wheel(), "wheel.safetensors", ratio=8, rate=25)
    >>> report.frames, report.nodes, report.ended  # two full trees of 8, one of 4
    (20, 3, 'source')
    >>> len(list(imfn.read_frames("wheel.safetensors", 5, 12)))
    7
    """
    if not isinstance(ratio, str):
        ratio = operator.index(ratio)
    elif ratio != defaults.AUTO:
        raise ValueError(f'ratio {ratio!r}: must be a power of two, or "auto"')
    quality = bitstream.checked_quality(quality)
    _check_stream(frames, duration, half_life, forget, sync)
    place = codec.stream_place(source, output, force=force)
    loaded = stream_model(model, ratio, quality, tree=tree, forget=forget, device=device, limits=limits)
    ends: dict[str, Any] = {
        "frames": frames,
        "duration": duration,
        "stopping": stopping or (lambda: False),
        "force": force,
        "progress": progress or (lambda _: None),
    }
    opened = (
        nullcontext(source)
        if isinstance(source, media.Sequence)
        else _open_stream(source, rate, size, raw, pixel_format, input_format, timeout, reconnect)
    )
    with opened as sequence:
        if forget:
            return codec.stream_into_memory(
                sequence, place, loaded, half_life=half_life or defaults.HALF_LIFE, every=sync, **ends
            )
        forest: codec.LiveForest
        if isinstance(ratio, str):
            shape = sequence.info.height, sequence.info.width
            forest = codec.LiveAdaptiveForest(
                loaded, shape, quality=quality, gop=gop, effort=effort, low_delay=low_delay
            )
        else:
            forest = codec.FixedForest(loaded, ratio=ratio, quality=quality, student=not tree)
        return codec.stream_sequence(sequence, place, loaded, forest, sync=sync, **ends)


def _check_stream(
    frames: int | None, duration: float | None, half_life: float | None, forget: bool, sync: float
) -> None:
    if frames is not None and frames < 1:
        raise ValueError(f"{frames} frames; name a number from 1")
    if duration is not None and not duration > 0:
        raise ValueError(f"{duration} seconds; name a number above 0")
    if half_life is not None and not (forget and 1 <= half_life <= 1e6):
        raise ValueError("half_life needs forget=True and a number of frames from 1 to 1,000,000")
    if not sync >= 0:
        raise ValueError(f"sync every {sync} seconds; name a number from 0")


def _open_stream(
    source: "str | Path | Iterable[np.ndarray]",
    rate: "float | str | Fraction | None",
    size: str | None,
    raw: str | None,
    pixel_format: str,
    input_format: str | None,
    timeout: float | None,
    reconnect: float,
) -> "Sequence":
    if isinstance(source, str | Path):
        video = None if raw is None else media.RawVideo.parse(raw, pixel_format, rate)
        asked = None if raw is not None else rate
        return media.open_live(
            str(source),
            raw=video,
            input_format=input_format,
            size=size,
            rate=asked,
            timeout=timeout,
            reconnect=reconnect,
        )
    if any(value is not None for value in (size, raw, input_format, timeout)) or reconnect:
        raise ValueError(
            "size, raw, input_format, timeout and reconnect are of sources with a name, not of an iterable"
        )
    if rate is None:
        return media.GivenFrames(source)
    return media.GivenFrames(source, media.parse_rate(rate))


def stream_model(
    model: "str | Path | Model | None",
    ratio: int | str,
    quality: float,
    *,
    tree: bool,
    forget: bool,
    device: str,
    limits: Limits = DEFAULT_LIMITS,
) -> "Model":
    """The model that a stream goes through; what it cannot do is raised here, before a camera is opened."""
    loaded = loaded_model(model, device, limits)
    if isinstance(ratio, str):
        codec.check_fits(loaded)
    elif not forget:
        network.level_of_ratio(ratio, loaded.network.config.levels)
        bitstream.checked_quality(quality)
        if not tree:
            loaded.student(ratio)
    return loaded
