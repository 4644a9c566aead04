"""The same clips as latents and as x264, by ways of coding that differ in how far a window reaches back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

from ...codec import compress_adaptive, compress_sequence
from ...media import Source, open_sequence
from ...media.colour import FromRgb
from ...zoo import Model, load

Progress = Callable[[str, int, int], None]
#: Of the x264 files; about the PSNR of the latents.
CRF = 30


@dataclass(frozen=True)
class LatentCoding:
    """How a clip becomes a latent.

    name: as tables have it, and (without spaces) the folder's.   ratio: frames per memory, or "auto".
    """

    name: str
    model: str
    ratio: int | str
    gop: int
    quality: float


@dataclass(frozen=True)
class VideoCoding:
    """How a clip becomes H.264 in MP4.   key_frames: one at least every so many frames."""

    name: str
    key_frames: int


Coding = LatentCoding | VideoCoding

CODINGS: tuple[Coding, ...] = (
    VideoCoding("x264 keyint 250", 250),
    VideoCoding("x264 keyint 16", 16),
    VideoCoding("x264 keyint 1", 1),
    LatentCoding("video-linear -r 16 -g 0", "video-linear", 16, 0, 45),
    LatentCoding("video-linear -r 16 -g 64", "video-linear", 16, 64, 45),
    LatentCoding("video -r 16 -g 0", "video", 16, 0, 45),
    LatentCoding("video -r auto -g 16", "video", "auto", 16, 45),
    LatentCoding("video -r auto -g 64", "video", "auto", 64, 45),
)


def write_clips(
    coding: Coding, sources: Sequence[Source], folder: Path, progress: Progress = lambda *_: None
) -> list[Path]:
    """Code each source into a folder of its own below `folder`; files that are there stay. Returns them."""
    place = folder / coding.name.replace(" ", "")
    place.mkdir(parents=True, exist_ok=True)
    model = load(coding.model) if isinstance(coding, LatentCoding) else None
    written = []
    for index, source in enumerate(sources):
        progress(coding.name, index, len(sources))
        ending = ".mp4" if model is None else ".safetensors"
        path = place / (Path(source.name).stem + ending)
        if not path.exists():
            # A name of its own until it is whole: the next run finds it then.
            unfinished = path.with_name("unfinished-" + path.name)
            _write(coding, model, source, unfinished)
            unfinished.rename(path)
        written.append(path)
    return written


def _write(coding: Coding, model: Model | None, source: Source, path: Path) -> None:
    if isinstance(coding, VideoCoding):
        encode_x264(source, path, key_frames=coding.key_frames)
        return
    assert model is not None
    # The others' files have no sound either.
    with open_sequence(source, audio=False) as sequence:
        if isinstance(coding.ratio, str):
            compress_adaptive(sequence, path, model, quality=coding.quality, gop=coding.gop, force=True)
        else:
            compress_sequence(
                sequence,
                path,
                model,
                ratio=coding.ratio,
                quality=coding.quality,
                gop=coding.gop,
                force=True,
            )


def encode_x264(source: Source, path: Path, *, key_frames: int, crf: int = CRF) -> None:
    """Code with libx264 preset medium into MP4, a key frame at least every `key_frames` frames.

    Colours are converted as exactly as for every peer, in BT.601, and the file says so.
    """
    options = {"preset": "medium", "crf": str(crf), "g": str(key_frames)}
    convert = FromRgb("yuv420p")
    with open_sequence(source) as sequence, av.open(str(path), "w", format="mp4") as container:
        info = sequence.info
        rate = info.frame_rate or Fraction(25)
        stream = container.add_stream("libx264", rate=rate, options=options)
        stream.width, stream.height, stream.pix_fmt = info.width, info.height, "yuv420p"
        context = stream.codec_context
        context.color_range, context.colorspace = 1, 5
        for index, frame in enumerate(sequence):
            picture = av.VideoFrame.from_ndarray(frame.pixels, format="rgb24")
            coded = convert(picture, "bt470bg", full_range=False)
            coded.pts, coded.time_base = index, 1 / rate
            container.mux(stream.encode(coded))
        container.mux(stream.encode(None))
