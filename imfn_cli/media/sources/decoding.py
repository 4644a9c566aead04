"""From the packets of a video stream to decoded frames and their times (PyAV).

A packet that does not decode is counted in `Damage`; decoding goes on with the next one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
from av import VideoFrame
from av.container import InputContainer
from av.video.stream import VideoStream

from ...errors import InputError
from ..problems import reason
from ..sequence import DEFAULT_RATE

# FFmpeg's formats that "decode" text and binary junk, as pictures of a terminal.
_TERMINAL_ART = {"tty", "bin", "xbin", "adf", "idf"}

# Packets at the very end that may fail to decode before a file counts as broken rather than cut: what a
# decoder with one thread per core may hold back, and then some.
_LOST_AT_END = 16


def first_video_stream(container: InputContainer, name: str, *, threads: int = 0) -> VideoStream:
    """The first video stream, cover pictures aside; 0 threads means one per core.

    Raises `InputError`, with the container closed, if there is none that can be decoded.
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
    """What went wrong while decoding, counted, for one line each."""

    skipped: int = 0
    """Packets that did not decode, with frames after them."""

    lost_at_end: int = 0
    """Packets that did not decode since the latest frame."""

    repaired: int = 0
    """Frames with errors that the decoder concealed, as it says."""

    resized: int = 0
    """Frames of another size than the first one."""

    cut: str = ""
    """What to tell the user of a file that ended early."""

    broke: av.error.FFmpegError | None = None
    """The error that ended the reading before the end."""

    def lines(self) -> list[str]:
        """`Sequence.warnings`: one line for each kind of damage that there was."""
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

    Raises `InputError` if no packet decodes, or if none of the last packets does and they are more than a cut
    file explains.
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
        # The demuxer ends with an empty packet, unless it failed.
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
    """Presentation times, strictly increasing; those that are missing are filled in at the nominal rate."""

    def __init__(self, rate: Fraction | None, time_base: Fraction) -> None:
        """rate: frames per second (None: 25).   time_base: seconds per tick."""
        self._step = 1 / ((rate or DEFAULT_RATE) * time_base)
        self._anchor = 0
        self._since = -1
        self._latest: int | None = None
        self._backwards = 0

    def __call__(self, frame: VideoFrame) -> int:
        """The time of the next frame in presentation order, in ticks."""
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
        """`Sequence.warnings` about times: one line, or none."""
        if not self._backwards:
            return []
        return [f"{self._backwards} presentation times did not increase; replaced by the nominal rate"]


def nominal_rate(stream: VideoStream) -> Fraction | None:
    """Frames per second that a stream states; None where it states no sensible rate."""
    for rate in (stream.average_rate, stream.guessed_rate, stream.codec_context.framerate):
        # Raw streams may state their clock instead (1 200 000 per second).
        if rate and 0 < rate <= 10_000:
            return Fraction(rate)
    return None
