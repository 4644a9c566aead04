"""Video files and animated GIF, written frame by frame (PyAV)."""

import contextlib
from pathlib import Path

import av
import numpy as np
from av import VideoFrame
from av.container import OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream
from PIL import Image

from ..colour import MATRICES, PRIMARIES, RANGES, TRANSFERS, FromRgb, number_of
from ..sequence import DEFAULT_RATE, SequenceInfo
from .encodings import VideoEncoding
from .frame_writer import STDOUT, FrameWriter

_UNSTATED, _UNSTATED_RANGE = 2, 0


class VideoWriter(FrameWriter):
    """Encodes frames into a container. Presentation times are exact to one tick of the container."""

    _container: OutputContainer | None = None

    def __init__(
        self, path: Path, info: SequenceInfo, encoding: VideoEncoding, muxer: str, *, force: bool = False
    ) -> None:
        """muxer: FFmpeg's name of the container.   Raises `OutputError` if nothing may be written there."""
        super().__init__(path, info, force=force)
        self._encoding, self._muxer = encoding, muxer
        self._time_base = encoding.time_base or info.time_base
        self._from_rgb = FromRgb(encoding.pixel_format)
        # A frame is sent when the next one tells how long it lasts.
        self._waiting: VideoFrame | None = None
        self._origin = 0
        self._step = 0
        self._durations: dict[int, int] = {}

    def _begin(self, temporary: Path) -> None:
        url, options = f"file:{temporary}", self._encoding.container_options
        if temporary is STDOUT:
            url, options = "pipe:1", self._encoding.pipe_options
        self._container = av.open(url, "w", format=self._muxer, options=options)
        rate = self.info.frame_rate or DEFAULT_RATE
        stream = self._container.add_stream(self._encoding.codec, rate=rate, options=self._encoding.options)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = self.info.width, self.info.height
        stream.pix_fmt = self._encoding.pixel_format
        codec = stream.codec_context
        codec.time_base = self._time_base
        colour = self._encoding.colour
        codec.colorspace = number_of(colour.matrix, MATRICES, default=_UNSTATED)
        codec.color_range = number_of(colour.range, RANGES, default=_UNSTATED_RANGE)
        codec.color_primaries = number_of(colour.primaries, PRIMARIES, default=_UNSTATED)
        codec.color_trc = number_of(colour.transfer, TRANSFERS, default=_UNSTATED)
        if self.info.sample_aspect_ratio:
            codec.sample_aspect_ratio = self.info.sample_aspect_ratio
        self._stream = stream

    def _write(self, pixels: np.ndarray, time: int) -> None:
        frame = self._coded(pixels)
        ticks = round(time * self.info.time_base / self._time_base)
        if self._waiting is None:
            # No format shows a frame before 0, and a GIF cannot begin later either.
            self._origin = ticks if ticks < 0 or self._encoding.codec == "gif" else 0
            frame.pts = ticks - self._origin
        else:
            assert self._waiting.pts is not None
            # Ticks of the format may be coarser than those of the frames.
            frame.pts = max(ticks - self._origin, self._waiting.pts + 1)
            self._step = frame.pts - self._waiting.pts
            self._send(self._waiting, self._step)
        frame.time_base = self._time_base
        self._waiting = frame

    def _coded(self, pixels: np.ndarray) -> VideoFrame:
        """uint8 (H, W, C) pixels as a frame in the encoder's pixel format."""
        wanted = self._encoding.pixel_format
        if wanted == "pal8":
            return VideoFrame.from_ndarray(_paletted(pixels), format="pal8")  # type: ignore[arg-type]
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
        packets: list[Packet] = self._stream.encode(frame)
        assert self._container is not None
        for packet in packets:
            # Encoders guess durations from the nominal rate; here they are known.
            packet.duration = self._durations.pop(packet.pts or 0, duration)
            self._container.mux(packet)

    def _finish(self) -> None:
        assert self._container is not None
        nominal = round(1 / (self.info.frame_rate * self._time_base)) if self.info.frame_rate else 0
        last = nominal or self._step or round(1 / (DEFAULT_RATE * self._time_base))
        self._send(self._waiting, max(last, 1))
        self._send(None, max(last, 1))
        container, self._container = self._container, None
        container.close()

    def _release(self) -> None:
        if self._container is not None:
            # Writes the trailer of a file that is deleted; what fails here has been reported before.
            with contextlib.suppress(OSError, av.error.FFmpegError, ValueError):
                self._container.close()
            self._container = None


def _paletted(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """uint8 (H, W, C) pixels as indices (H, W) and an ARGB palette (256, 4), both uint8. Gray is exact."""
    palette = np.full((256, 4), 255, np.uint8)
    if pixels.shape[2] == 1:
        palette[:, 1:] = np.arange(256)[:, None]
        return pixels[:, :, 0], palette
    image = Image.fromarray(pixels).quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    colours = np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
    palette[: len(colours), 1:] = colours
    return np.asarray(image), palette
