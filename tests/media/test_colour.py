"""Colours come out as the standards say, whatever the matrix and range."""

from pathlib import Path

import av
import numpy as np
import pytest

from imfn_cli.media import ColourDescription, open_sequence
from imfn_cli.media.colour import MATRICES, RANGES, number_of

from .frames import psnr, write_frames

# Kr and Kb of ITU-R BT.601, BT.709 and BT.2020.
WEIGHTS = {"smpte170m": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020nc": (0.2627, 0.0593)}
COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (128, 128, 128), (200, 90, 30)]


def gentle_frames(count: int) -> list[np.ndarray]:
    """Gradients that 4:2:0 and a good encoder keep: (96, 128, 3)."""
    y, x = np.mgrid[:96, :128]
    planes = [60 + x + y // 3, 220 - y - x // 4, 90 + (x + y) // 3]
    return [np.stack([plane + t for plane in planes], -1).astype(np.uint8) for t in range(count)]


def to_ycbcr(rgb: np.ndarray, matrix: str, *, full: bool) -> np.ndarray:
    """One RGB colour as 8-bit (Y, Cb, Cr), by the book."""
    red, green, blue = rgb / 255
    kr, kb = WEIGHTS[matrix]
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    cb, cr = (blue - luma) / (2 * (1 - kb)), (red - luma) / (2 * (1 - kr))
    scaled = (
        [255 * luma, 255 * cb + 128, 255 * cr + 128]
        if full
        else [219 * luma + 16, 224 * cb + 128, 224 * cr + 128]
    )
    return np.clip(np.round(scaled), 0, 255).astype(np.uint8)


def film(path: Path, matrix: str | None, range_: str | None, *, height: int, width: int) -> Path:
    """Flat frames of the test colours in lossless YCbCr 4:2:0, tagged as told, coded accordingly."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.colorspace = number_of(matrix, MATRICES, default=2)
        stream.codec_context.color_range = number_of(range_, RANGES, default=0)
        for index, colour in enumerate(COLOURS):
            frame = av.VideoFrame(width, height, "yuv420p")
            samples = to_ycbcr(np.array(colour), matrix or "smpte170m", full=range_ == "pc")
            for plane, value in zip(frame.planes, samples, strict=True):
                plane.update(bytes([value]) * plane.buffer_size)
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("size", [(32, 48), (15, 17)])
@pytest.mark.parametrize("range_", ["tv", "pc"])
@pytest.mark.parametrize("matrix", list(WEIGHTS))
def test_reading_follows_the_tags(tmp_path: Path, matrix: str, range_: str, size: tuple[int, int]) -> None:
    path = film(tmp_path / "clip.mkv", matrix, range_, height=size[0], width=size[1])
    sequence = open_sequence(path)
    assert (sequence.info.colour.matrix, sequence.info.colour.range) == (matrix, range_)
    for frame, colour in zip(sequence, COLOURS, strict=True):
        assert np.abs(frame.pixels.astype(int) - colour).max() <= 2


def test_untagged_video_is_bt601_limited(tmp_path: Path) -> None:
    path = film(tmp_path / "clip.mkv", None, None, height=32, width=48)
    sequence = open_sequence(path)
    assert (sequence.info.colour.matrix, sequence.info.colour.range) == (None, None)
    for frame, colour in zip(sequence, COLOURS, strict=True):
        assert np.abs(frame.pixels.astype(int) - colour).max() <= 2


@pytest.mark.parametrize(
    "colour",
    [
        ColourDescription(),
        ColourDescription("bt709", "tv", "bt709", "bt709"),
        ColourDescription("smpte170m", "tv", "smpte170m", "smpte170m"),
        ColourDescription("bt470bg", "pc", "bt470bg", "bt470bg"),
        ColourDescription("bt2020nc", "tv", "bt2020", "bt2020-10"),
    ],
    ids=str,
)
@pytest.mark.parametrize("ending", [".mp4", ".webm"])
def test_tags_and_colours_survive_writing(tmp_path: Path, ending: str, colour: ColourDescription) -> None:
    frames = gentle_frames(3)
    path = write_frames(tmp_path / f"clip{ending}", frames, colour=colour)
    sequence = open_sequence(path)
    # The VP9 bitstream always states a range, and that is limited.
    expected = colour if ending == ".mp4" or colour.range else ColourDescription(None, "tv", None, None)
    assert sequence.info.colour == expected
    for ours, theirs in zip(sequence, frames, strict=True):
        assert psnr(ours.pixels, theirs) > 40
        assert np.abs(ours.pixels.mean((0, 1)) - theirs.mean((0, 1))).max() < 1.5


def test_rgb_sources_become_bt709(tmp_path: Path) -> None:
    frames = gentle_frames(2)
    path = write_frames(tmp_path / "clip.mp4", frames, colour=ColourDescription("gbr", "pc"))
    sequence = open_sequence(path)
    assert sequence.info.colour == ColourDescription("bt709", "tv", "bt709", "iec61966-2-1")
    assert psnr(next(iter(sequence)).pixels, frames[0]) > 40


def test_a_chart_survives_h264(tmp_path: Path) -> None:
    chart = np.array([*COLOURS, (30, 200, 220)], np.uint8).reshape(2, 4, 3).repeat(32, 0).repeat(32, 1)
    path = write_frames(
        tmp_path / "clip.mp4", [chart] * 3, colour=ColourDescription("bt709", "tv", "bt709", "bt709")
    )
    for frame in open_sequence(path):
        # Inside the patches; their edges are blurred by 4:2:0.
        inside = np.ix_(np.arange(64) % 32 // 8 % 3 > 0, np.arange(128) % 32 // 8 % 3 > 0)
        assert psnr(frame.pixels[inside], chart[inside]) > 40
        assert np.abs(frame.pixels[inside].astype(int) - chart[inside]).max() <= 4
