"""Video files of any kind that FFmpeg reads, as RGB or gray frames (PyAV)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from av import VideoFrame
from av.container import InputContainer
from av.video.stream import VideoStream

from ...errors import InputError
from ..colour import MATRICES, PRIMARIES, RANGES, TRANSFERS, ToRgb, is_convertible
from ..pixels import ALPHA_NOTE, on_black
from ..problems import reading, reason
from ..selection import check_selection, nothing_selected, selected_count
from ..sequence import DEFAULT_RATE, ColourDescription, Frame, Sequence, SequenceInfo

# FFmpeg "decodes" text and binary junk with these, as pictures of a terminal.
_TERMINAL_ART = {"tty", "bin", "xbin", "adf", "idf"}

# Packets at the very end that may fail to decode before a file counts as broken rather than cut: what a
# decoder with one thread per core may hold back, and then some.
_LOST_AT_END = 16


class VideoSequence(Sequence):
    """The first video stream of a file. The file is opened anew for each iteration."""

    def __init__(self, path: Path, name: str, *, start: int = 0, stop: int | None = None) -> None:
        """Open `path` and decode one frame to learn the format; frames start:stop will be given.

        With start > 0 times count from the first selected frame, which is shown at 0. Raises `InputError`.
        """
        check_selection(name, start, stop)
        self._path = path
        self._start = start
        self._stop = stop
        container, stream = _open(path, name, threads=1)
        with container:
            first = next(decode(container, stream, name, Damage()))
            self._picture = Picture.of(first)
            super().__init__(
                name,
                describe(
                    stream,
                    first,
                    self._picture,
                    frame_count=selected_count(stream.frames or None, start, stop),
                    size_bytes=path.stat().st_size,
                ),
            )

    def __iter__(self) -> Iterator[Frame]:
        self.warnings.clear()
        damage = Damage()
        container, stream = _open(self._path, self.name)
        with container:
            clock = Clock(nominal_rate(stream), self.info.time_base)
            convert = self._picture.converter()
            origin = 0
            count = 0
            try:
                for decoded in decode(container, stream, self.name, damage):
                    time = clock(decoded)
                    if count >= self._start:
                        if count == self._start and self._start > 0:
                            origin = time
                        with reading(self.name, f"frame {count} cannot be converted to RGB"):
                            pixels = convert(decoded)
                        damage.resized += (decoded.width, decoded.height) != self._picture.size
                        yield Frame(pixels, time - origin)
                    count += 1
                    if count == self._stop:
                        break
            finally:
                self.warnings.extend(damage.lines())
                self.warnings.extend(clock.lines())
        if count <= self._start:
            raise nothing_selected(self.name, count, self._start)


def describe(
    stream: VideoStream, first: VideoFrame, picture: "Picture", *, frame_count: int | None, size_bytes: int
) -> SequenceInfo:
    """What is known of a stream once its first frame is decoded."""
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
        notes=tuple(_notes(picture, first, TRANSFERS.get(stream.codec_context.color_trc))),
    )


def _open(path: Path, name: str, *, threads: int = 0) -> tuple[InputContainer, VideoStream]:
    with reading(name, "is not a video or image that can be read; is it damaged or cut short?"):
        # "file:" keeps FFmpeg from taking "12:30.mp4" for a network protocol named 12.
        container = av.open(f"file:{path}", metadata_errors="ignore")
    return container, first_video_stream(container, name, threads=threads)


def first_video_stream(container: InputContainer, name: str, *, threads: int = 0) -> VideoStream:
    """The first video stream, cover pictures aside; 0 threads means one per core.

    Raises `InputError`, with the container closed, where there is none that can be decoded.
    """
    try:
        streams = [s for s in container.streams.video if not _is_cover(s)]
        if not streams or container.format.name in _TERMINAL_ART:
            raise InputError(f"{name}: has no video stream; name a video, images or an array")
        stream = streams[0]
        if stream.codec_context is None:
            raise InputError(f"{name}: there is no decoder for this kind of video; convert it to H.264 first")
        stream.thread_count = threads
        stream.thread_type = "AUTO" if threads == 0 else "NONE"
        return stream
    except BaseException:
        container.close()
        raise


def _is_cover(stream: VideoStream) -> bool:
    return bool(stream.disposition & av.stream.Disposition.attached_pic)


@dataclass
class Damage:
    """What went wrong while decoding, counted, so that it can be said in one line each."""

    skipped: int = 0
    """Packets that did not decode, with frames after them."""

    lost_at_end: int = 0
    """Packets that did not decode since the latest frame."""

    repaired: int = 0
    """Frames that the decoder says it patched up."""

    resized: int = 0
    """Frames of another size than the first one."""

    cut: str = ""
    broke: av.error.FFmpegError | None = None
    """What ended the reading before the end."""

    def lines(self) -> list[str]:
        lines = []
        if self.cut:
            lines.append(self.cut)
        if self.skipped:
            lines.append(f"damaged: {self.skipped} packets did not decode and were skipped")
        if self.lost_at_end:
            lines.append(f"cut or damaged at the end: the last {self.lost_at_end} packets did not decode")
        if self.repaired:
            lines.append(f"damaged: {self.repaired} frames are shown as the decoder patched them up")
        if self.resized:
            lines.append(f"the size changes: {self.resized} frames were scaled to the size of the first one")
        return lines


def decode(container: InputContainer, stream: VideoStream, name: str, damage: Damage) -> Iterator[VideoFrame]:
    """Decoded frames in presentation order; single damaged packets are skipped and counted in `damage`.

    Raises `InputError` when nothing decodes, or when nothing does any more long before the end.
    """
    frames = 0
    packets = 0
    latest = "no frame in it"
    demuxed = container.demux(stream)
    at_end = False
    while not at_end:
        try:
            packet = next(demuxed, None)
        except av.error.FFmpegError as error:
            damage.cut = f"the file is damaged after packet {packets} ({reason(error)})"
            damage.broke = error
            packet = None
        # The demuxer closes with an empty packet by itself, unless it failed.
        at_end = packet is None or packet.size == 0
        packets += not at_end
        try:
            decoded = stream.decode(None if at_end else packet)
        except av.error.FFmpegError as error:
            latest = reason(error)
            damage.lost_at_end += not at_end
            continue
        for frame in decoded:
            damage.skipped += damage.lost_at_end
            damage.lost_at_end = 0
            damage.repaired += bool(frame.is_corrupt)
            frames += 1
            yield frame
    if frames == 0:
        raise InputError(f"{name}: no frame can be decoded ({latest}); the file is damaged or cut short")
    if damage.lost_at_end > _LOST_AT_END:
        raise InputError(
            f"{name}: decoding breaks at frame {frames} ({latest}); select what comes before with :{frames}"
        )
    if not damage.cut and packets < stream.frames:
        damage.cut = f"cut short: holds {packets} packets of the {stream.frames} that it announces"


class Clock:
    """Presentation times, strictly increasing; what is missing is filled in at the nominal rate."""

    def __init__(self, rate: Fraction | None, time_base: Fraction) -> None:
        self._step = 1 / ((rate or DEFAULT_RATE) * time_base)
        self._anchor = 0
        self._since = -1
        self._latest: int | None = None
        self._backwards = 0

    def __call__(self, frame: VideoFrame) -> int:
        stated = frame.pts
        self._since += 1
        if stated is not None and (self._latest is None or stated > self._latest):
            self._anchor, self._since = stated, 0
        elif stated is not None:
            self._backwards += 1
        # Counted from the latest stated time, so that rounding does not add up.
        time = self._anchor + round(self._since * self._step)
        self._latest = time if self._latest is None else max(time, self._latest + 1)
        return self._latest

    def lines(self) -> list[str]:
        if not self._backwards:
            return []
        return [f"{self._backwards} presentation times did not increase; replaced by the nominal rate"]


def nominal_rate(stream: VideoStream) -> Fraction | None:
    for rate in (stream.average_rate, stream.guessed_rate, stream.codec_context.framerate):
        # Raw streams may state their clock instead (1 200 000 per second).
        if rate and 0 < rate <= 10_000:
            return Fraction(rate)
    return None


@dataclass(frozen=True)
class _Turn:
    """The turn that a file asks for: swap the axes first, then flip."""

    transposed: bool = False
    flip_x: bool = False
    flip_y: bool = False

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        """(H, W, C) as coded to (H, W, C) or (W, H, C) as shown."""
        if self.transposed:
            pixels = pixels.transpose(1, 0, 2)
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
    """How the frames of a stream are to be shown, learnt from the first one."""

    width: int
    height: int
    turn: _Turn
    is_gray: bool
    has_alpha: bool

    @classmethod
    def of(cls, frame: VideoFrame) -> "Picture":
        alpha = any(component.is_alpha for component in frame.format.components)
        return cls(frame.width, frame.height, _turn_of(frame), _is_gray(frame), alpha)

    @property
    def size(self) -> tuple[int, int]:
        return self.width, self.height

    def converter(self) -> Callable[[VideoFrame], np.ndarray]:
        """A function from a decoded frame to uint8 (H, W, C) pixels as shown."""
        to_rgb = ToRgb(self.width, self.height, "rgba" if self.has_alpha else "rgb24")

        def convert(frame: VideoFrame) -> np.ndarray:
            if frame.format.name == "gray" and (frame.width, frame.height) == self.size:
                pixels = np.asarray(frame.to_ndarray())[:, :, None]
            else:
                rgb = to_rgb(frame, MATRICES.get(frame.colorspace), full_range=_is_full_range(frame))
                pixels = np.asarray(rgb.to_ndarray())
                if self.has_alpha:
                    pixels = on_black(pixels)
                if self.is_gray:
                    pixels = pixels[:, :, :1]
            return self.turn(pixels)

        return convert


def _is_gray(frame: VideoFrame) -> bool:
    return frame.format.name.startswith(("gray", "mono", "ya8", "ya16"))


def _is_full_range(frame: VideoFrame) -> bool:
    # Gray is full range whatever the tag says: so FFmpeg takes it.
    return RANGES.get(frame.color_range) == "pc" or frame.format.name.startswith("yuvj") or _is_gray(frame)


def _colour_of(stream: VideoStream, first: VideoFrame) -> ColourDescription:
    codec = stream.codec_context
    stored_as_shown = first.format.is_rgb or _is_gray(first) or first.format.has_palette
    full_range = stored_as_shown or _is_full_range(first)
    return ColourDescription(
        matrix="gbr" if stored_as_shown else MATRICES.get(first.colorspace),
        range="pc" if full_range else RANGES.get(first.color_range),
        primaries=PRIMARIES.get(codec.color_primaries),
        transfer=TRANSFERS.get(codec.color_trc),
    )


def _notes(picture: Picture, first: VideoFrame, transfer: str | None) -> Iterator[str]:
    if picture.has_alpha:
        yield ALPHA_NOTE
    if picture.turn != _Turn():
        yield f"{picture.turn}, as the file asks"
    bits = max((component.bits for component in first.format.components), default=8)
    if bits > 8:
        yield f"{bits}-bit samples rounded to 8 bits"
    if transfer in ("smpte2084", "arib-std-b67"):
        yield f"HDR ({transfer}) kept as coded, without tone mapping"
    matrix = MATRICES.get(first.colorspace)
    if not is_convertible(matrix):
        yield f"colour matrix {matrix} is not supported, read as BT.601: colours may be off"
