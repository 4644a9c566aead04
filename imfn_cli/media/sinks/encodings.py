"""How frames are encoded in each kind of video file: a function of their `SequenceInfo` for each."""

from dataclasses import dataclass, field
from fractions import Fraction

from ..colour import is_convertible
from ..sequence import DEFAULT_RATE, ColourDescription, SequenceInfo

# Below this, FFV1 cannot cut a picture into slices, which its version 3 needs.
_SMALLEST_SLICED = 16
# Where x264 begins anew anyway, unless a cut has made it.
_SEGMENT = 250
# Matroska has a random number in it otherwise.
_REPRODUCIBLE = {"fflags": "+bitexact"}


@dataclass(frozen=True)
class VideoEncoding:
    """The parameters of the encoder and of the container for one video."""

    codec: str
    """FFmpeg's name of the encoder."""

    pixel_format: str
    colour: ColourDescription
    """How the samples are coded, which is what the file states."""

    options: dict[str, str]
    container_options: dict[str, str] = field(default_factory=dict)
    pipe_options: dict[str, str] = field(default_factory=dict)
    """Instead of those, where nothing can be written twice."""

    time_base: Fraction | None = None
    """Seconds per tick of the container; None: it takes any."""

    segment: int = 0
    """Frames after which coding begins anew, so that an interrupted run can go on there; 0: never."""

    frame_bytes: int = 0
    """Bytes of every frame's samples, where the container adds nothing to them but a mark; 0: it does."""

    shortest: int = 1
    """Ticks for which a picture is shown at least; what comes sooner is left out."""


def h264(info: SequenceInfo) -> VideoEncoding:
    """H.264 at crf 15: 4:2:0, or 4:4:4 where a side is odd, which 4:2:0 cannot be.

    Without macroblock-tree rate control, whose vector code makes x264 write other bytes from run to run.
    """
    odd = info.width % 2 or info.height % 2
    return VideoEncoding(
        codec="libx264",
        pixel_format="yuv444p" if odd else "yuv420p",
        colour=_coded_colour(info.colour),
        segment=_SEGMENT,
        options={"crf": "15", "preset": "veryfast", "mbtree": "0"},
        container_options={"movflags": "+faststart"},
        pipe_options={"movflags": "frag_keyframe+empty_moov+default_base_moof"},
    )


def ffv1(info: SequenceInfo) -> VideoEncoding:
    """FFV1: lossless, RGB or gray as the frames are, RGB with alpha."""
    sliced = min(info.width, info.height) >= _SMALLEST_SLICED
    return VideoEncoding(
        codec="ffv1",
        pixel_format="bgra" if info.alpha else "gray" if info.channels == 1 else "bgr0",
        colour=ColourDescription("gbr", "pc", info.colour.primaries, info.colour.transfer),
        segment=_SEGMENT,
        container_options=_REPRODUCIBLE,
        options={"level": "3", "slices": "4", "slicecrc": "1"} if sliced else {"level": "1"},
    )


def vp9(info: SequenceInfo) -> VideoEncoding:
    """VP9 in constant quality."""
    return VideoEncoding(
        codec="libvpx-vp9",
        pixel_format="yuv420p",
        colour=_coded_colour(info.colour),
        segment=_SEGMENT,
        container_options=_REPRODUCIBLE,
        options={"crf": "20", "b": "0", "row-mt": "1", "cpu-used": "5", "deadline": "good"},
    )


def gif(info: SequenceInfo) -> VideoEncoding:
    """GIF with a palette per frame; times in hundredths of a second.

    Browsers show for a tenth of a second what is to be shown for less than two hundredths.
    """
    # FFmpeg counts repeats: −1 is none, 0 without end. A GIF has 16 bits for them.
    loop = 0 if info.plays == 0 else min(info.plays - 1, (1 << 16) - 1) or -1
    return VideoEncoding(
        codec="gif",
        pixel_format="pal8",
        colour=ColourDescription(),
        options={},
        container_options={"loop": str(loop)},
        pipe_options={"loop": str(loop)},
        time_base=Fraction(1, 100),
        shortest=2,
    )


def y4m(info: SequenceInfo) -> VideoEncoding:
    """YUV4MPEG2, not compressed: 4:2:0, or 4:4:4 where a side is odd; gray as it is. One rate, no times."""
    odd = info.width % 2 or info.height % 2
    rate = info.frame_rate or DEFAULT_RATE
    pixels = info.width * info.height
    return VideoEncoding(
        codec="wrapped_avframe",
        frame_bytes=pixels if info.channels == 1 else 3 * pixels if odd else 3 * pixels // 2,
        pixel_format="gray" if info.channels == 1 else "yuv444p" if odd else "yuv420p",
        colour=_coded_colour(info.colour),
        options={},
        time_base=1 / rate,
    )


def _coded_colour(source: ColourDescription) -> ColourDescription:
    """As in the source, so that players show both alike; sRGB pictures become BT.709."""
    if source.matrix == "gbr":
        return ColourDescription(
            "bt709", "tv", source.primaries or "bt709", source.transfer or "iec61966-2-1"
        )
    matrix = source.matrix
    if matrix == "bt2020c":
        matrix = "bt2020nc"
    elif not is_convertible(matrix):
        matrix = "smpte170m"
    return ColourDescription(matrix, source.range, source.primaries, source.transfer)
