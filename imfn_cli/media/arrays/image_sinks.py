"""Arrays that are images, uint8 or uint16, as FFV1 in Matroska or as PNG: every sample as it is."""

import contextlib
import secrets
import shutil
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream
from numpy.typing import NDArray

from ...errors import OutputError
from ...system.files import check_folder, writing
from ..exact_pixels import Layout, layout_of
from .source import About

Blocks = Iterator[NDArray[Any]]

# By (bytes of a sample, channels).
_FFV1 = {
    **{(1, 1): "gray", (1, 2): "ya8", (1, 3): "bgr0", (1, 4): "bgra"},
    **{(2, 1): "gray16le", (2, 3): "gbrp16le", (2, 4): "gbrap16le"},
}
_PNG = {
    **{(1, 1): "gray", (1, 2): "ya8", (1, 3): "rgb24", (1, 4): "rgba"},
    **{(2, 1): "gray16be", (2, 2): "ya16be", (2, 3): "rgb48be", (2, 4): "rgba64be"},
}
# Below this, FFV1 cannot cut a picture into several slices.
_SMALLEST_SLICED = 16
# As for pictures: fast, and a few percent larger than the smallest.
_COMPRESSION = "3"


def write_mkv(
    path: Path, shape: tuple[int, ...], dtype: np.dtype[Any], axes: str, about: About, blocks: Blocks
) -> None:
    """Write frames as FFV1, at the rate and in the pixel format of the source where `about` has them.

    Raises ValueError for an array that is no images of uint8 or uint16, gray, RGB or RGBA.
    """
    layout = _layout(_FFV1, shape, dtype, axes)
    named = layout_of(str(about.get("pixel_format", "")))
    known = {one.name for one in av.Codec("ffv1", "w").video_formats or ()}
    if (
        named is not None
        and named.name in known
        and (named.native, named.channels) == (layout.native, layout.channels)
    ):
        layout = named
    sliced = min(shape[1:3]) >= _SMALLEST_SLICED
    options = {"level": "3", "slicecrc": "1", "slices": "4" if sliced else "1"}
    with av.open(f"file:{path}", "w", format="matroska", options={"fflags": "+bitexact"}) as container:
        rate = _rate(about)
        stream = container.add_stream("ffv1", rate=rate, options=options)
        assert isinstance(stream, VideoStream)
        _settle(stream.codec_context, layout, shape, 1 / rate)
        for packet in _packets(stream.codec_context, layout, blocks):
            packet.stream = stream
            container.mux(packet)


def write_png(folder: Path, shape: tuple[int, ...], dtype: np.dtype[Any], axes: str, blocks: Blocks) -> None:
    """Write 000000.png, 000001.png, … into a folder that is there. Raises ValueError as `write_mkv` does."""
    layout = _layout(_PNG, shape, dtype, axes)
    encoder = av.CodecContext.create("png", "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.options = {"compression_level": _COMPRESSION}
    _settle(encoder, layout, shape, Fraction(1, 25))
    for number, packet in enumerate(_packets(encoder, layout, blocks)):
        (folder / f"{number:06d}.png").write_bytes(bytes(packet))


@contextlib.contextmanager
def filling_folder(path: Path, *, force: bool) -> Iterator[Path]:
    """Yield a temporary folder; what is in it is put into `path` when the block succeeds, others there stay.

    Raises `OutputError` where `path` is no folder, or has something in it and `force` is not set.
    """
    inside = path.is_dir()
    if path.exists() and not inside:
        raise OutputError(f"{path}: exists already and is not a directory; choose another name with -o")
    if inside and not force and any(path.iterdir()):
        raise OutputError(f"{path}: is not empty; name a new directory, or replace its images with --force")
    beside = path if inside else path.parent
    check_folder(beside)
    temporary = beside / f".{path.name[:40]}.{secrets.token_hex(4)}.part"
    try:
        with writing(path):
            temporary.mkdir()
        yield temporary
        with writing(path):
            if inside:
                for image in temporary.iterdir():
                    image.replace(path / image.name)
            else:
                temporary.rename(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _layout(
    formats: dict[tuple[int, int], str], shape: tuple[int, ...], dtype: np.dtype[Any], axes: str
) -> Layout:
    channels = shape[3] if len(shape) == 4 else 1
    name = formats.get((dtype.itemsize, channels)) if dtype.kind == "u" else None
    layout = layout_of(name or "")
    if layout is None or axes[1:] not in ("YX", "YXC", "YXS"):
        raise ValueError(f"{dtype.name} of shape {shape} are no gray or RGB images of 8 or 16 bits")
    return layout


def _settle(encoder: VideoCodecContext, layout: Layout, shape: tuple[int, ...], time_base: Fraction) -> None:
    encoder.height, encoder.width = shape[1:3]
    encoder.pix_fmt = layout.name
    encoder.time_base = time_base
    encoder.framerate = 1 / time_base
    # RGB, all values.
    encoder.colorspace, encoder.color_range = 0 if layout.channels > 2 else 2, 2


def _packets(encoder: VideoCodecContext, layout: Layout, blocks: Blocks) -> Iterator[Packet]:
    number = 0
    for block in blocks:
        if int(block.max()) >> layout.bits:
            raise ValueError(f"samples of more than the {layout.bits} bits of {layout.name}")
        for samples in block:
            frame = layout.frame(samples)
            frame.pts, frame.time_base = number, encoder.time_base
            yield from encoder.encode(frame)
            number += 1
    yield from encoder.encode(None)


def _rate(about: About) -> Fraction:
    try:
        rate = Fraction(str(about.get("rate", 25))).limit_denominator(1 << 30)
    except (ValueError, ZeroDivisionError):
        return Fraction(25)
    return rate if 0 < rate <= 10_000 else Fraction(25)
