"""From the packets of a video stream to decoded frames and their times (PyAV).

    container ──video_stream──▶ packets ──decoder──▶ frames, fields woven ──Deinterlacer──▶ frames

A packet that does not decode is counted in `Damage`; decoding goes on with the next one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
from av import VideoFrame
from av.container import InputContainer
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from ...errors import InputError
from ..problems import reason
from ..sequence import DEFAULT_RATE
from .deinterlacing import Deinterlacer

# FFmpeg's formats that "decode" text and binary junk, as pictures of a terminal.
_TERMINAL_ART = {"tty", "bin", "xbin", "adf", "idf"}

# Decoders that give the alpha channel of a WebM file, by the name of FFmpeg's own.
_WITH_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}

# Containers of a bare stream: the rate that they name is a default, the stream knows better.
_ELEMENTARY = {"h264", "hevc", "vvc", "m4v", "mpegvideo", "h263", "obu", "av1"}

# Packets at the very end that may fail to decode before a file counts as broken rather than cut.
_LOST_AT_END = 16


def video_stream(
    container: InputContainer, name: str, *, wanted: int | None = None, threads: int = 1
) -> VideoStream:
    """The video stream to read, ready to be decoded.

    wanted: its number among the video streams, cover pictures aside; None: the first that is a film rather
    than one picture, those that the file marks as default before others.   threads: 0 means one per core; how
    much of a damaged film comes back then depends on the machine.

    Raises `InputError`, with the container closed, if there is none that can be decoded.
    """
    try:
        streams = _video_streams(container)
        if not streams or container.format.name in _TERMINAL_ART:
            raise InputError(f"{name}: has no video stream; name a video, images or an array")
        if wanted is not None and not 0 <= wanted < len(streams):
            raise InputError(
                f"{name}: has {len(streams)} video streams; --stream takes 0 to {len(streams) - 1}"
            )
        stream = max(streams, key=_preference) if wanted is None else streams[wanted]
        if stream.codec_context is None:
            raise InputError(f"{name}: there is no decoder for this kind of video; convert it to H.264 first")
        stream.thread_count = threads
        stream.thread_type = "AUTO" if threads != 1 else "NONE"
        return stream
    except BaseException:
        container.close()
        raise


def streams_note(container: InputContainer, chosen: VideoStream) -> list[str]:
    """A line about the video streams that are not read, if there are any."""
    streams = _video_streams(container)
    others = [str(number) for number, stream in enumerate(streams) if stream.index != chosen.index]
    if not others:
        return []
    several = f"{len(others)} more video streams" if len(others) > 1 else "1 more video stream"
    return [f"{several} left out; choose with --stream {' or '.join(others)}"]


def _video_streams(container: InputContainer) -> list[VideoStream]:
    return [s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]


def _preference(stream: VideoStream) -> tuple[bool, bool]:
    """What makes a stream the film, most telling first: a thumbnail is one picture."""
    return stream.frames != 1, bool(stream.disposition & av.stream.Disposition.default)


def _decoder(stream: VideoStream) -> VideoCodecContext:
    """The decoder of a stream: FFmpeg's own ones leave the alpha channel of VP8 and VP9 out."""
    context = stream.codec_context
    name = _WITH_ALPHA.get(context.name)
    transparent = any(key.lower() == "alpha_mode" and value == "1" for key, value in stream.metadata.items())
    if not transparent or name is None or name not in av.codecs_available:
        return context
    decoder = av.CodecContext.create(name, "r")
    assert isinstance(decoder, VideoCodecContext)
    decoder.thread_count = 1
    return decoder


@dataclass
class Damage:
    """What went wrong while decoding, counted, for one line each."""

    skipped: int = 0
    """Packets that did not decode, with frames after them."""

    lost_at_end: int = 0
    """Packets that did not decode since the latest frame."""

    repaired: int = 0
    """Frames with errors that the decoder concealed, as it says."""

    deinterlaced: int = 0
    """Frames of two fields, made one picture."""

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
        if self.deinterlaced:
            lines.append(f"interlaced: {self.deinterlaced} frames were deinterlaced")
        if self.resized:
            lines.append(f"the size changes: {self.resized} frames were scaled to the size of the first one")
        return lines


def decode(container: InputContainer, stream: VideoStream, name: str, damage: Damage) -> Iterator[VideoFrame]:
    """`decode_as_coded`, with frames of two fields deinterlaced."""
    deinterlace = Deinterlacer()
    for frame in decode_as_coded(container, stream, name, damage):
        yield from deinterlace(frame)
    yield from deinterlace(None)
    damage.deinterlaced += deinterlace.count


def decode_as_coded(
    container: InputContainer, stream: VideoStream, name: str, damage: Damage
) -> Iterator[VideoFrame]:
    """Decoded frames in presentation order; single damaged packets are skipped and counted in `damage`.

    Raises `InputError` if no packet decodes, or if none of the last packets does and they are more than a cut
    file explains.
    """
    frames = packets = 0
    ends = _Ends(stream)
    latest = "no frame in it"
    demuxed = container.demux(stream)
    decoder = _decoder(stream)
    at_end = False
    while not at_end:
        try:
            packet = next(demuxed, None)
        except av.error.FFmpegError as error:
            damage.cut = f"the file is damaged after packet {packets} ({reason(error)})"
            damage.broke = error
            packet = None
        # The demuxer ends with a packet that is empty and has no time, unless it failed.
        at_end = packet is None or (packet.size == 0 and packet.dts is None and packet.pts is None)
        packets += not at_end
        if packet is not None and not at_end:
            ends.saw(packet)
            if packet.size == 0:
                # The picture before is held; to a decoder it would mean the end.
                continue
        try:
            decoded = decoder.decode(None if at_end else packet)
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
    if not damage.cut and packets < stream.frames and ends.early:
        damage.cut = f"cut short: holds {packets} packets of the {stream.frames} that it announces"


class _Ends:
    """Where the packets of a stream end, against where it says that it ends."""

    def __init__(self, stream: VideoStream) -> None:
        self._start, self._duration = stream.start_time or 0, stream.duration
        self._seen = 0

    def saw(self, packet: "Packet[VideoStream]") -> None:
        """Take a packet's time and duration into account."""
        time = packet.pts if packet.pts is not None else packet.dts
        if time is not None:
            self._seen = max(self._seen, time + (packet.duration or 0))

    @property
    def early(self) -> bool:
        """Whether packets are missing at the end; True where the stream does not say where it ends."""
        return not self._duration or self._seen < self._start + self._duration


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
    rates = [stream.average_rate, stream.guessed_rate, stream.codec_context.framerate]
    if stream.container.format.name in _ELEMENTARY:
        rates.pop(0)
    for rate in (*rates, stream.average_rate):
        # Raw streams may state their clock instead (1 200 000 per second).
        if rate and 0 < rate <= 10_000:
            return Fraction(rate)
    return None
