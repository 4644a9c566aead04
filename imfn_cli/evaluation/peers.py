"""The codecs of today on the same frames: x264, x265, AV1 and VP9 through PyAV."""

import os
from collections.abc import Iterator, Sequence
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
from .rows import Setting

# Luma of BT.601, for what comes back of a gray clip.
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True)
class Peer:
    """One codec: its encoder in FFmpeg, and how it is run.

    decoders: the first that is there decodes.   preset_option: what the encoder calls its preset.
    crfs: what a sweep takes unless told; chosen so that most clips span what ours do, about 26 to 41 dB.
    side: smallest side of a picture that is safe to encode; smaller ones are padded.
    """

    encoder: str
    decoders: tuple[str, ...]
    preset_option: str
    preset: str
    presets: tuple[str, ...]
    crfs: tuple[int, ...]
    highest_crf: int
    options: dict[str, str]
    side: int = 16


_X26X_PRESETS = (
    *("ultrafast", "superfast", "veryfast", "faster", "fast"),
    *("medium", "slow", "slower", "veryslow", "placebo"),
)

# One thread each, as the network has one: results then do not depend on the machine either.
PEERS = {
    "x264": Peer(
        encoder="libx264",
        decoders=("h264",),
        preset_option="preset",
        preset="medium",
        presets=_X26X_PRESETS,
        crfs=(18, 25, 32, 39),
        highest_crf=51,
        options={},
    ),
    "x265": Peer(
        encoder="libx265",
        decoders=("hevc",),
        preset_option="preset",
        preset="medium",
        presets=_X26X_PRESETS,
        crfs=(18, 25, 32, 39),
        highest_crf=51,
        options={"x265-params": "pools=none:frame-threads=1:log-level=error"},
        # Its block size is the same for a whole process: a small picture after larger ones crashes it.
        side=64,
    ),
    "av1": Peer(
        encoder="libsvtav1",
        decoders=("libdav1d", "libaom-av1", "av1"),
        preset_option="preset",
        preset="6",
        presets=tuple(str(preset) for preset in range(14)),
        crfs=(24, 38, 50, 63),
        highest_crf=63,
        options={"svtav1-params": "lp=1"},
    ),
    "vp9": Peer(
        encoder="libvpx-vp9",
        decoders=("vp9", "libvpx-vp9"),
        preset_option="cpu-used",
        preset="2",
        presets=tuple(str(preset) for preset in range(9)),
        crfs=(24, 36, 48, 60),
        highest_crf=63,
        # b=0: constant quality; one pass.
        options={"b": "0", "deadline": "good"},
    ),
}


def sweep(codec: str, crfs: Sequence[int] | None = None, preset: str | None = None) -> list[Setting]:
    """The settings of a peer over its CRFs. Raises `ValueError` for what the encoder does not know."""
    peer = PEERS[codec]
    preset = peer.preset if preset is None else preset
    if preset not in peer.presets:
        raise ValueError(f"{codec} has no {peer.preset_option} {preset!r}; choose {', '.join(peer.presets)}")
    for crf in crfs or ():
        if not 0 <= crf <= peer.highest_crf:
            raise ValueError(f"{codec}: crf {crf} is not in 0 … {peer.highest_crf}")
    name = (
        preset
        if peer.preset_option == "preset" and not preset.isdecimal()
        else f"{peer.preset_option} {preset}"
    )
    return [Setting(codec, crf=crf, preset=name) for crf in crfs or peer.crfs]


def check(codec: str) -> None:
    """Raise `ImfnError`, one line, where this PyAV lacks the encoder or a decoder of a peer."""
    peer = PEERS[codec]
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
    peer = PEERS[setting.codec]
    assert setting.preset is not None
    preset = setting.preset.rpartition(" ")[2]
    return {peer.preset_option: preset, "crf": str(setting.crf), **peer.options}


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

    RGB becomes YCbCr with the accurate conversions of the frames room, the same that `imfn` reads and
    writes videos with. Odd sides are padded with their last line.
    Raises `ImfnError` where the encoder refuses.
    """
    peer, info = PEERS[setting.codec], sequence.info
    width, height = (max(peer.side, side + side % 2) for side in (info.width, info.height))
    options, colour = options_of(setting), _colour(info)
    rate = info.frame_rate or DEFAULT_RATE
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
            _keep(schedule)
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
    peer, info = PEERS[encoded.codec], encoded.info
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


def _keep(schedule: tuple[int, "os.sched_param"] | None) -> None:
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
