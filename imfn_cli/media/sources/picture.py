"""From a decoded frame to pixels as shown (turn, range, gray, alpha), and a stream's `SequenceInfo`."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import cast

import numpy as np
from av import VideoFrame
from av.video.stream import VideoStream

from ..colour import MATRICES, PRIMARIES, RANGES, TRANSFERS, ToRgb, is_convertible
from ..pixels import ValueRange, split_alpha
from ..sequence import DEFAULT_RATE, ColourDescription, SequenceInfo
from .decoding import nominal_rate


@dataclass(frozen=True)
class _Turn:
    """The rotation or reflection that a file asks for: swap the axes first, then flip."""

    transposed: bool = False
    flip_x: bool = False
    flip_y: bool = False

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        """(H, W, …) as coded to (H, W, …) or (W, H, …) as shown."""
        if self.transposed:
            pixels = pixels.swapaxes(0, 1)
        if self.flip_x:
            pixels = pixels[:, ::-1]
        if self.flip_y:
            pixels = pixels[::-1]
        return np.ascontiguousarray(pixels)

    def __str__(self) -> str:
        return {
            (False, True, True): "rotated by 180 degrees",
            (True, True, False): "rotated by 90 degrees clockwise",
            (True, False, True): "rotated by 90 degrees counterclockwise",
        }.get((self.transposed, self.flip_x, self.flip_y), "mirrored")


def _turn_of(frame: VideoFrame) -> _Turn:
    """From the display matrix: x' = a x + c y, y' = b x + d y, to the nearest multiple of 90 degrees."""
    side_data = frame.side_data.get("DISPLAYMATRIX")
    if side_data is None:
        return _Turn()
    a, b, _, c, d = np.frombuffer(cast(bytes, side_data), dtype=np.int32)[:5].tolist()
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return _Turn(False, a < 0, d < 0)
    return _Turn(True, c < 0, b < 0)


@dataclass(frozen=True)
class Picture:
    """How the frames of a stream are shown, as the first one says; width and height as coded."""

    width: int
    height: int
    turn: _Turn
    is_gray: bool
    has_alpha: bool
    value_range: ValueRange | None = None
    """Of the samples, where they are measurements of more than 8 bits and all have been seen."""

    @classmethod
    def of(cls, frame: VideoFrame) -> "Picture":
        """Of the first decoded frame of a stream."""
        alpha = any(component.is_alpha for component in frame.format.components)
        return cls(frame.width, frame.height, _turn_of(frame), _is_gray(frame), alpha)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) as coded."""
        return self.width, self.height

    def converter(self) -> Callable[[VideoFrame], tuple[np.ndarray, np.ndarray | None]]:
        """A function from a decoded frame to uint8 (H, W, C) pixels as shown, and alpha (H, W) or None."""
        to_rgb = ToRgb(self.width, self.height, "rgba" if self.has_alpha else "rgb24")

        def convert(frame: VideoFrame) -> tuple[np.ndarray, np.ndarray | None]:
            alpha = None
            if self.value_range is not None and (frame.width, frame.height) == self.size:
                samples = measured_samples(frame)
                if samples is not None:
                    return self.turn(self.value_range(samples)), None
            if frame.format.name == "gray" and (frame.width, frame.height) == self.size:
                pixels = np.asarray(frame.to_ndarray())[:, :, None]
            else:
                rgb = to_rgb(frame, MATRICES.get(frame.colorspace), full_range=is_full_range(frame))
                pixels = np.asarray(rgb.to_ndarray())
                if self.has_alpha:
                    pixels, alpha = split_alpha(pixels)
                    alpha = self.turn(alpha)
                if self.is_gray:
                    pixels = pixels[:, :, :1]
            return self.turn(pixels), alpha

        return convert


def describe(
    stream: VideoStream, first: VideoFrame, picture: Picture, *, frame_count: int | None, size_bytes: int
) -> SequenceInfo:
    """What is known of a stream when its first frame is decoded."""
    aspect = stream.sample_aspect_ratio or None
    return SequenceInfo(
        width=picture.height if picture.turn.transposed else picture.width,
        height=picture.width if picture.turn.transposed else picture.height,
        channels=1 if picture.is_gray else 3,
        time_base=stream.time_base or 1 / DEFAULT_RATE,
        frame_rate=nominal_rate(stream),
        frame_count=frame_count,
        kind="video",
        size_bytes=size_bytes,
        colour=_colour_of(stream, first),
        sample_aspect_ratio=1 / aspect if aspect and picture.turn.transposed else aspect,
        value_range=(picture.value_range.low, picture.value_range.high) if picture.value_range else None,
        alpha=picture.has_alpha,
        notes=tuple(_notes(picture, first, TRANSFERS.get(stream.codec_context.color_trc))),
    )


def measured_samples(frame: VideoFrame) -> np.ndarray | None:
    """The integer samples of a frame whose depth is not that of a display: uint16 (H, W, 1 or 3).

    Gray of more than 8 bits (thermal cameras, microscopes) and RGB of 16, which need not fill their range;
    None of all others.
    """
    name = frame.format.name
    order = ">" if name.endswith("be") else "<"
    gray = name.startswith("gray") and name[4:].removesuffix("be").removesuffix("le") not in (
        "",
        "f32",
        "f16",
    )
    if gray or name in ("rgb48le", "rgb48be"):
        return _plane(frame, 0, f"{order}u2", 1 if gray else 3)
    if name in ("gbrp16le", "gbrp16be"):
        green, blue, red = (_plane(frame, index, f"{order}u2", 1) for index in range(3))
        return np.concatenate((red, green, blue), axis=2)
    return None


def _plane(frame: VideoFrame, index: int, dtype: str, channels: int) -> np.ndarray:
    """A plane's samples (H, W, channels); a copy, since the frame's memory is FFmpeg's."""
    plane = frame.planes[index]
    samples = np.frombuffer(memoryview(plane), dtype).reshape(plane.height, plane.line_size // 2)
    return samples[:, : plane.width * channels].reshape(plane.height, plane.width, channels).copy()


def _is_gray(frame: VideoFrame) -> bool:
    return frame.format.name.startswith(("gray", "mono", "ya8", "ya16"))


def is_full_range(frame: VideoFrame) -> bool:
    """Whether samples of a frame use all their values."""
    # Gray is full range whatever the tag says, as in FFmpeg.
    return RANGES.get(frame.color_range) == "pc" or frame.format.name.startswith("yuvj") or _is_gray(frame)


def _colour_of(stream: VideoStream, first: VideoFrame) -> ColourDescription:
    """How a stream codes its colours: RGB, gray and palettes as they are shown, whatever the tags say."""
    codec = stream.codec_context
    coded_as_shown = first.format.is_rgb or _is_gray(first) or first.format.has_palette
    full_range = coded_as_shown or is_full_range(first)
    return ColourDescription(
        matrix="gbr" if coded_as_shown else MATRICES.get(first.colorspace),
        range="pc" if full_range else RANGES.get(first.color_range),
        primaries=PRIMARIES.get(codec.color_primaries),
        transfer=TRANSFERS.get(codec.color_trc),
    )


def _notes(picture: Picture, first: VideoFrame, transfer: str | None) -> Iterator[str]:
    """`SequenceInfo.notes` of a stream."""
    if picture.turn != _Turn():
        yield f"{picture.turn}, as the file asks"
    bits = max((component.bits for component in first.format.components), default=8)
    if picture.value_range is not None:
        yield str(picture.value_range)
    elif bits > 8:
        yield f"{bits}-bit samples rounded to 8 bits"
    if transfer in ("smpte2084", "arib-std-b67"):
        yield f"HDR ({transfer}) kept as coded, without tone mapping"
    matrix = MATRICES.get(first.colorspace)
    if not is_convertible(matrix):
        yield f"colour matrix {matrix} is not supported, read as BT.601: colours may be off"
