"""Frames to test with, and files of them."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from imfn_cli.media import ColourDescription, SequenceInfo, open_writer


def make_frames(count: int, height: int, width: int, channels: int = 3, *, seed: int = 0) -> list[np.ndarray]:
    """Smooth moving gradients, each frame different: uint8 (H, W, C)."""
    y, x, c = np.mgrid[:height, :width, :channels]
    phases = np.random.default_rng(seed).uniform(0, 6, channels)
    return [
        np.round(127.5 + 110 * np.sin(x / 19 + y / (23 + c) + phases[c] + 0.3 * t)).astype(np.uint8)
        for t in range(count)
    ]


def make_info(frame: np.ndarray, **changes: object) -> SequenceInfo:
    """What describes `frame` (H, W, C) at 25 frames per second, times in milliseconds."""
    height, width, channels = frame.shape
    fields: dict[str, object] = {
        "width": width,
        "height": height,
        "channels": channels,
        "time_base": Fraction(1, 1000),
        "frame_rate": Fraction(25),
        "frame_count": None,
        "kind": "video",
        "size_bytes": 0,
        "colour": ColourDescription(),
    }
    return SequenceInfo(**(fields | changes))  # type: ignore[arg-type]


def write_frames(
    path: Path, frames: list[np.ndarray], times: Iterable[int] | None = None, **changes: object
) -> Path:
    """Write `frames` by `open_writer`, 40 ticks apart unless `times` are given."""
    with open_writer(path, make_info(frames[0], **changes)) as writer:
        for frame, time in zip(frames, times or range(0, 40 * len(frames), 40), strict=True):
            writer.write(frame, time)
    return path


def psnr(ours: np.ndarray, theirs: np.ndarray) -> float:
    """PSNR in dB of two uint8 arrays of one shape."""
    error = np.mean((ours.astype(float) - theirs) ** 2)
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def encode_video(path: Path, frames: list[av.VideoFrame], codec: str = "libx264", **options: str) -> Path:
    """Encode prepared frames as they are; their pixel format and size are the stream's."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = frames[0].width, frames[0].height
        stream.pix_fmt = frames[0].format.name
        for index, frame in enumerate(frames):
            frame.pts = index
            frame.time_base = Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
