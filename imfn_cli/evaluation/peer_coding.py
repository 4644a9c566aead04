"""Coding a clip by a peer, through PyAV: packets, and the frames that come back."""

import os
from collections.abc import Iterator
from dataclasses import dataclass

import av
import numpy as np
from av.codec.context import Flags
from av.error import FFmpegError
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from numpy.typing import NDArray

from ..errors import ImfnError
from ..media import ColourDescription, SequenceInfo
from ..media import Sequence as Frames
from ..media.colour import FromRgb, ToRgb, is_convertible
from ..media.problems import reason
from ..media.sequence import DEFAULT_RATE
from . import peers
from .rows import Setting

# Luma of BT.601, for what comes back of a gray clip.
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def libraries() -> str:
    """The versions of PyAV and of FFmpeg's libraries, which bring the peers."""
    versions = {name: ".".join(map(str, av.library_versions[name])) for name in ("libavcodec", "libswscale")}
    return f"PyAV {av.__version__}, " + ", ".join(f"{name} {version}" for name, version in versions.items())


def check(codec: str) -> None:
    """Raise `ImfnError`, one line, where this PyAV lacks the encoder or a decoder of a peer."""
    peer = peers.PEERS[codec]
    if peer.encoder not in av.codecs_available:
        raise ImfnError(
            f"{codec}: the installed PyAV {av.__version__} has no encoder {peer.encoder}; "
            f"install PyAV's own wheel (pip install av), or leave {codec} out of --against"
        )
    if not any(name in av.codecs_available for name in peer.decoders):
        raise ImfnError(
            f"{codec}: the installed PyAV {av.__version__} cannot decode it; leave it out of --against"
        )


def options_of(setting: Setting) -> dict[str, str]:
    """What the encoder is given."""
    peer = peers.PEERS[setting.codec]
    assert setting.preset is not None
    preset = setting.preset.rpartition(" ")[2]
    return {peer.preset_option: preset, peer.crf_option: str(setting.crf), **peer.options}


@dataclass(frozen=True)
class Encoded:
    """A clip as a peer's packets, and what is needed to see it again."""

    codec: str
    packets: tuple[Packet, ...]
    extradata: bytes | None
    info: SequenceInfo
    colour: ColourDescription
    options: str
    """As FFmpeg's command line would say it."""

    @property
    def size(self) -> int:
        """Bytes of all packets; the parameter sets that a container keeps in its header are not counted."""
        return sum(packet.size for packet in self.packets)


def encode(sequence: Frames, setting: Setting) -> Encoded:
    """Encode all frames, as 8-bit 4:2:0, with the colour matrix and range of the source.

    RGB becomes YCbCr with the accurate conversions of the media room, the same that `imfn` reads and
    writes videos with. Odd sides are padded with their last line.
    Raises `ImfnError` where the encoder refuses.
    """
    peer, info = peers.PEERS[setting.codec], sequence.info
    width, height = (max(peer.side, side + side % 2) for side in (info.width, info.height))
    options, colour = options_of(setting), _colour(info)
    rate = info.frame_rate or DEFAULT_RATE
    for name, value in peer.environment.items():
        os.environ.setdefault(name, value)
    codec = VideoCodecContext.create(peer.encoder, "w")
    assert isinstance(codec, VideoCodecContext)
    schedule = _schedule()
    codec.width, codec.height, codec.pix_fmt = width, height, "yuv420p"
    codec.time_base, codec.framerate, codec.thread_count = 1 / rate, rate, 1
    codec.options = dict(options)
    # As in MP4 and Matroska: parameter sets stand once, in the container.
    codec.flags |= Flags.global_header
    convert = FromRgb("yuv420p")
    packets: list[Packet] = []
    try:
        for index, frame in enumerate(sequence):
            picture = av.VideoFrame.from_ndarray(_padded(frame.pixels, width, height), format="rgb24")
            coded = convert(picture, colour.matrix, full_range=colour.range == "pc")
            coded.pts, coded.time_base = index, 1 / rate
            packets += codec.encode(coded)
            _reschedule(schedule)
        packets += codec.encode(None)
    except (FFmpegError, ValueError) as error:
        raise ImfnError(
            f"{setting.codec}: {peer.encoder} refuses frames of {width}×{height} ({reason(error)})"
        ) from error
    stated = {**options, "threads": "1", "pix_fmt": "yuv420p", "colorspace": colour.matrix or "bt470bg"}
    stated["color_range"] = colour.range or "tv"
    if (width, height) != (info.width, info.height):
        stated["vf"] = f"pad={width}:{height}"
    text = " ".join([f"-c:v {peer.encoder}", *(f"-{name} {value}" for name, value in stated.items())])
    return Encoded(setting.codec, tuple(packets), codec.extradata, info, colour, text)


def decode(encoded: Encoded) -> Iterator[NDArray[np.uint8]]:
    """The frames of a peer's packets in order of presentation, (H, W, C) uint8 as the source had them."""
    peer, info = peers.PEERS[encoded.codec], encoded.info
    codec = VideoCodecContext.create(next(name for name in peer.decoders if name in av.codecs_available), "r")
    assert isinstance(codec, VideoCodecContext)
    codec.extradata, codec.thread_count = encoded.extradata, 1
    convert = None
    for packet in (*encoded.packets, None):
        for frame in codec.decode(packet):
            convert = convert or ToRgb(frame.width, frame.height)
            full_range = encoded.colour.range == "pc"
            pixels = convert(frame, encoded.colour.matrix, full_range=full_range).to_ndarray()
            pixels = pixels.astype(np.uint8, copy=False)[: info.height, : info.width]
            if info.channels == 1:
                pixels = np.round(pixels @ _LUMA).astype(np.uint8)[:, :, None]
            yield pixels


def _schedule() -> tuple[int, "os.sched_param"] | None:
    """How the system schedules this thread; None where it does not say."""
    if not hasattr(os, "sched_getscheduler"):
        return None
    return os.sched_getscheduler(0), os.sched_getparam(0)


def _reschedule(schedule: tuple[int, "os.sched_param"] | None) -> None:
    """Take back what an encoder made of it: SVT-AV1 run as root asks for real time, and starves all else."""
    if schedule is not None and _schedule() != schedule:
        os.sched_setscheduler(0, *schedule)


def _colour(info: SequenceInfo) -> ColourDescription:
    """Matrix and range to code with: the source's own; BT.709 where it was RGB, BT.601 if unknown."""
    if info.colour.matrix == "gbr":
        return ColourDescription(matrix="bt709", range="tv")
    matrix = info.colour.matrix if is_convertible(info.colour.matrix) else None
    return ColourDescription(matrix=matrix, range=info.colour.range)


def _padded(pixels: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """(H, W, 1 or 3) → (height, width, 3), gray repeated, the last line and column too."""
    if pixels.shape[2] == 1:
        pixels = np.repeat(pixels, 3, axis=2)
    rows, columns = height - pixels.shape[0], width - pixels.shape[1]
    return np.pad(pixels, ((0, rows), (0, columns), (0, 0)), mode="edge") if rows or columns else pixels
