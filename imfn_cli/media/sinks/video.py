"""Video files and animated GIF, written frame by frame (PyAV)."""

import contextlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av import VideoFrame
from av.container import OutputContainer
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from ..colour import MATRICES, PRIMARIES, RANGES, TRANSFERS, FromRgb, number_of
from ..sequence import DEFAULT_RATE, SequenceInfo
from ..tracks import OutgoingTracks
from .appending import AppendedY4m
from .encodings import VideoEncoding
from .frame_writer import STDOUT, FrameWriter
from .packet_journal import PacketJournal
from .palette import paletted
from .rationals import rational

_UNSTATED, _UNSTATED_RANGE = 2, 0
_WITH_ALPHA = ("bgra",)


class VideoWriter(FrameWriter):
    """Encodes frames into a container. Presentation times are exact to one tick of the container."""

    _container: OutputContainer | None = None

    def __init__(
        self, path: Path, info: SequenceInfo, encoding: VideoEncoding, muxer: str, *, force: bool = False
    ) -> None:
        """muxer: FFmpeg's name of the container.   Raises `OutputError` if nothing may be written there."""
        self.holds_alpha = encoding.pixel_format in _WITH_ALPHA
        super().__init__(path, info, force=force)
        self._encoding, self._muxer = encoding, muxer
        self._time_base = rational(encoding.time_base or info.time_base)
        self._from_rgb = FromRgb(encoding.pixel_format)
        # A frame is sent when the next one tells how long it lasts.
        self._waiting: VideoFrame | None = None
        self._sent = 0
        self._origin = 0
        self._step = 0
        self._left_out = 0
        self._held: Packet | None = None
        # Ticks from the first packet's decoding to its presentation.
        self._reordering: int | None = None
        self._durations: dict[int, int] = {}
        self._rate = rational(info.frame_rate or DEFAULT_RATE)
        self._journal: PacketJournal | None = None
        self._appended: AppendedY4m | None = None
        # When the first frame is shown that follows those of an interrupted run.
        self._first: int | None = None

    def _begin(self, temporary: Path) -> None:
        self._container = self._opened(temporary)
        stream = self._container.add_stream(self._encoding.codec, rate=self._rate)
        assert isinstance(stream, VideoStream)
        self._stream = stream
        self._encoder = stream.codec_context
        self._settle(self._encoder)
        if self.work is not None and self._encoding.segment:
            self._journal = PacketJournal(self.work)
            if self.work.found:
                self._go_on(self._journal.take_up())
            self._encoder = self._new_encoder()
        elif self._goes_on and not self.done:
            self.notes.append("begun anew: nobody can go on in this format")

    def _opened(self, temporary: Path) -> OutputContainer:
        """The container, at its beginning, or behind the frames that an interrupted run has written."""
        where: Any = f"file:{temporary}"
        options = self._encoding.container_options
        if temporary is STDOUT:
            where, options = "pipe:1", self._encoding.pipe_options
        elif self._encoding.frame_bytes and self.work is not None:
            self.work.keeps_part = True
            if self.work.found and temporary.exists():
                where = self._appended = AppendedY4m(temporary, self._encoding.frame_bytes)
                self.done = self._count = where.done
        return av.open(where, "w", format=self._muxer, options=options)

    def _settle(self, codec: VideoCodecContext) -> None:
        """Tell an encoder how to code."""
        codec.options = dict(self._encoding.options)
        codec.width, codec.height = self.info.width, self.info.height
        codec.pix_fmt = self._encoding.pixel_format
        codec.framerate = self._rate
        codec.time_base = self._time_base
        codec.bit_rate = 0
        colour = self._encoding.colour
        codec.colorspace = number_of(colour.matrix, MATRICES, default=_UNSTATED)
        codec.color_range = number_of(colour.range, RANGES, default=_UNSTATED_RANGE)
        codec.color_primaries = number_of(colour.primaries, PRIMARIES, default=_UNSTATED)
        codec.color_trc = number_of(colour.transfer, TRANSFERS, default=_UNSTATED)
        if self.info.sample_aspect_ratio:
            codec.sample_aspect_ratio = rational(self.info.sample_aspect_ratio)

    def _new_encoder(self) -> VideoCodecContext:
        """One that is told the same as the container's own, so that it makes packets for it."""
        encoder = av.CodecContext.create(self._encoding.codec, "w")
        assert isinstance(encoder, VideoCodecContext)
        self._settle(encoder)
        encoder.flags = self._stream.codec_context.flags
        return encoder

    def _go_on(self, state: dict[str, int] | None) -> None:
        """Stand where an interrupted run began to code anew."""
        if state is not None:
            self.done = self._count = state["frames"]
            self._origin, self._step, self._first = state["origin"], state["step"], state["pts"]

    def _begin_anew(self, pts: int) -> None:
        """Begin to code anew with the frame that is shown at `pts`, so that a run can go on there."""
        assert self._journal is not None
        self._send(None, self._step)
        state = {"frames": self._count, "pts": pts, "origin": self._origin, "step": self._step}
        self._journal.mark(state)
        self._encoder = self._new_encoder()

    def _begin_tracks(self, tracks: OutgoingTracks) -> list[str]:
        assert self._container is not None
        return tracks.add_to(self._container)

    def _write(self, pixels: np.ndarray, time: int) -> None:
        ticks = round(time * self.info.time_base / self._time_base)
        if self._waiting is None:
            if self._first is None:
                # No format shows a frame before 0, and a GIF cannot begin later either.
                self._origin = ticks if ticks < 0 or self._encoding.codec == "gif" else 0
            frame = self._coded(pixels)
            frame.pts = ticks - self._origin if self._first is None else self._first
        else:
            assert self._waiting.pts is not None
            shown = (time - self._sent) * self.info.time_base
            if self._encoding.shortest > 1 and shown < self._encoding.shortest * self._time_base:
                self._left_out += 1
                return
            frame = self._coded(pixels)
            # Ticks of the format may be coarser than those of the frames.
            self._step = max(ticks - self._origin - self._waiting.pts, 1)
            frame.pts = self._waiting.pts + self._step
            self._send(self._waiting, self._step)
            if self._journal is not None and self._count % self._encoding.segment == 0:
                self._begin_anew(frame.pts)
        frame.time_base = self._time_base
        self._waiting, self._sent = frame, time

    def _coded(self, pixels: np.ndarray) -> VideoFrame:
        """uint8 (H, W, C) pixels as a frame in the encoder's pixel format."""
        wanted = self._encoding.pixel_format
        if wanted == "pal8":
            return VideoFrame.from_ndarray(paletted(pixels), format="pal8")  # type: ignore[arg-type]
        if wanted == "bgra":
            order = (0, 0, 0, 1) if pixels.shape[2] == 2 else (2, 1, 0, 3)
            return VideoFrame.from_ndarray(np.ascontiguousarray(pixels[:, :, order]), format="bgra")
        if wanted == "gray":
            return VideoFrame.from_ndarray(pixels[:, :, 0], format="gray")
        if pixels.shape[2] == 1:
            pixels = np.repeat(pixels, 3, axis=2)
        rgb = VideoFrame.from_ndarray(pixels, format="rgb24")
        colour = self._encoding.colour
        return self._from_rgb(rgb, colour.matrix, full_range=colour.range == "pc")

    def _send(self, frame: VideoFrame | None, duration: int) -> None:
        """Encode `frame` (None: flush the encoder) and write the packets that are ready.

        duration: of the frame, and of packets without one, in ticks of the container.
        """
        if frame is not None and frame.pts is not None:
            self._durations[frame.pts] = duration
        packets: list[Packet] = self._encoder.encode(frame)
        for packet in packets:
            # Encoders guess durations from the nominal rate; here they are known.
            packet.duration = self._durations.pop(packet.pts or 0, duration)
            if self._journal is None:
                self._mux(packet)
            else:
                self._journal.add(packet)

    def _mux(self, packet: Packet) -> None:
        """Write the packet before this one, which may be the last."""
        self._mux_held()
        self._held = packet

    def _mux_held(self) -> None:
        """Write the packet that waits to be known as the last one, or not."""
        assert self._container is not None
        if self._held is not None:
            if self._reordering is None:
                self._reordering = (self._held.pts or 0) - (self._held.dts or 0)
            if self.tracks is not None and self._held.dts is not None:
                self.tracks.write(self._held.dts * self._time_base, self._shift)
            self._container.mux(self._held)
        self._held = None

    @property
    def _shift(self) -> Fraction:
        """Seconds by which the frames, and what goes with them, are shown later than their times say."""
        return -self._origin * self._time_base

    def _finish(self) -> None:
        assert self._container is not None
        assert self._waiting is not None
        assert self._waiting.pts is not None
        last = max(self._last_duration(self._waiting.pts), self._encoding.shortest)
        self._send(self._waiting, last)
        self._send(None, last)
        for packet in self._journal.packets() if self._journal is not None else ():
            packet.stream, packet.time_base = self._stream, self._time_base
            self._mux(packet)
        assert self._held is not None
        if self._held.dts is not None:
            # The last packet need not hold the last frame, but MP4 sums durations in the order of packets.
            end = self._waiting.pts + last - (self._reordering or 0)
            self._held.duration = max(end - self._held.dts, 1)
        self._mux_held()
        if self.tracks is not None:
            self.tracks.write(None, self._shift)
        if self._left_out:
            most = int(1 / (self._encoding.shortest * self._time_base))
            self.notes.append(
                f"{self._left_out} frames left out: this format shows {most} a second at most; "
                "write .mp4 or .mkv to keep all"
            )
        container, self._container = self._container, None
        container.close()
        if self._appended is not None:
            self._appended.close()

    def _last_duration(self, begins: int) -> int:
        """How long the last frame, which is shown from `begins` on, is shown, in ticks of the container."""
        info = self.info
        assert self._latest is not None
        lasts = info.last_ticks or (1 / (info.frame_rate * info.time_base) if info.frame_rate else 0)
        if not lasts:
            return self._step or round(1 / (DEFAULT_RATE * self._time_base))
        # From the last frame of all, which may have been left out.
        end = round((self._latest + lasts) * info.time_base / self._time_base)
        return end - self._origin - begins

    def _release(self) -> None:
        if self._container is not None:
            # Writes the trailer of a file that is deleted; what fails here has been reported before.
            with contextlib.suppress(OSError, av.error.FFmpegError, ValueError):
                self._container.close()
            self._container = None
        if self._appended is not None:
            with contextlib.suppress(OSError):
                self._appended.close()
