"""Video files and GIF: times, the shape of pixels, exact colours."""

import re
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from imfn_cli.media import ColourDescription, open_sequence, open_writer

from ..frames import make_frames, make_info, write_frames

TIMED = [".mp4", ".mov", ".mkv", ".webm", ".gif"]


@pytest.mark.parametrize("ending", TIMED)
def test_irregular_times_are_kept(tmp_path: Path, ending: str) -> None:
    times = [0, 40, 73, 200, 221, 900, 940]
    path = write_frames(tmp_path / f"clip{ending}", make_frames(7, 48, 64), times, frame_rate=None)
    sequence = open_sequence(path)
    seconds = [frame.time * sequence.info.time_base for frame in sequence]
    tick = Fraction(1, 100) if ending == ".gif" else sequence.info.time_base
    assert all(abs(ours - Fraction(t, 1000)) <= tick for ours, t in zip(seconds, times, strict=True))


@pytest.mark.parametrize(
    ("base", "rate"),
    [(Fraction(1001, 30000), Fraction(30000, 1001)), (Fraction(1, 1200000), Fraction(25))],
    ids=str,
)
@pytest.mark.parametrize("ending", TIMED)
def test_any_time_base(tmp_path: Path, ending: str, base: Fraction, rate: Fraction) -> None:
    step = round(1 / (rate * base))
    times = [index * step for index in range(6)]
    path = write_frames(
        tmp_path / f"clip{ending}", make_frames(6, 32, 32), times, time_base=base, frame_rate=rate
    )
    sequence = open_sequence(path)
    seconds = [frame.time * sequence.info.time_base for frame in sequence]
    tick = Fraction(1, 100) if ending == ".gif" else sequence.info.time_base
    assert all(abs(ours - t * base) <= tick for ours, t in zip(seconds, times, strict=True))
    if ending == ".mp4":
        assert sequence.info.frame_rate == rate


@pytest.mark.parametrize("first", [-80, 1000])
def test_times_may_start_anywhere(tmp_path: Path, first: int) -> None:
    times = [first + 40 * index for index in range(5)]
    path = write_frames(tmp_path / "clip.mp4", make_frames(5, 32, 32), times)
    sequence = open_sequence(path)
    seconds = [frame.time * sequence.info.time_base for frame in sequence]
    assert seconds == [Fraction(t - min(first, 0), 1000) for t in times]


def test_the_last_frame_lasts_as_long_as_the_others(tmp_path: Path) -> None:
    path = write_frames(tmp_path / "clip.mp4", make_frames(10, 32, 32))
    with av.open(str(path)) as container:
        assert container.duration == 400_000
    path = write_frames(tmp_path / "clip.gif", make_frames(10, 32, 32))
    with Image.open(path) as image:
        image.seek(9)
        assert image.info["duration"] == 40


@pytest.mark.parametrize("ending", [".mp4", ".mov"])
def test_the_shape_of_pixels_is_kept(tmp_path: Path, ending: str) -> None:
    path = write_frames(
        tmp_path / f"clip{ending}", make_frames(3, 32, 32), sample_aspect_ratio=Fraction(64, 51)
    )
    assert open_sequence(path).info.sample_aspect_ratio == Fraction(64, 51)


def test_lossless_video_keeps_every_bit(tmp_path: Path) -> None:
    frames = [np.random.default_rng(i).integers(0, 256, (50, 70, 3), np.uint8) for i in range(3)]
    colour = ColourDescription("bt709", "tv", "bt709", "bt709")
    sequence = open_sequence(write_frames(tmp_path / "clip.mkv", frames, colour=colour))
    assert sequence.info.colour == ColourDescription("gbr", "pc", "bt709", "bt709")
    assert all(np.array_equal(ours.pixels, theirs) for ours, theirs in zip(sequence, frames, strict=True))


def test_a_gif_of_few_colours_is_exact(tmp_path: Path) -> None:
    chart = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8).repeat(8, 0).repeat(8, 1)
    frames = [np.roll(chart, index, 1) for index in range(4)]
    sequence = open_sequence(write_frames(tmp_path / "clip.gif", frames))
    assert all(np.array_equal(ours.pixels, theirs) for ours, theirs in zip(sequence, frames, strict=True))


def test_h264_is_encoded_by_the_fast_preset(tmp_path: Path) -> None:
    """As x264 states in the file: the settings of "veryfast"."""
    content = write_frames(tmp_path / "clip.mp4", make_frames(3, 240, 320)).read_bytes()
    found = re.search(rb"x264 - core .* options: ([^\0]*)", content)
    assert found is not None
    options = dict(word.split(b"=", 1) for word in found[1].split() if b"=" in word)
    assert (options[b"ref"], options[b"subme"], options[b"mbtree"]) == (b"1", b"2", b"0")
    assert options[b"crf"] == b"15.0"


def test_a_gif_shows_no_more_than_browsers_do(tmp_path: Path) -> None:
    frames = make_frames(24, 16, 16)
    with open_writer(
        tmp_path / "clip.gif", make_info(frames[0], time_base=Fraction(1, 240), frame_rate=Fraction(240))
    ) as writer:
        for index, frame in enumerate(frames):
            writer.write(frame, index)
    assert writer.notes == [
        "19 frames left out: this format shows 50 a second at most; write .mp4 or .mkv to keep all"
    ]
    with Image.open(tmp_path / "clip.gif") as image:
        assert image.n_frames == 5  # type: ignore[attr-defined]
        durations = []
        for page in range(5):
            image.seek(page)
            durations.append(image.info["duration"])
    assert sum(durations) == 100
    assert min(durations) >= 20


@pytest.mark.parametrize("ending", [".mp4", ".gif"])
def test_the_last_frame_lasts_as_long_as_it_did(tmp_path: Path, ending: str) -> None:
    path = write_frames(tmp_path / f"clip{ending}", make_frames(4, 32, 32), last_ticks=3000)
    with av.open(str(path)) as container:
        assert container.duration == 3_120_000


@pytest.mark.parametrize("plays", [0, 1, 4])
def test_a_gif_is_played_as_often(tmp_path: Path, plays: int) -> None:
    path = write_frames(tmp_path / "clip.gif", make_frames(4, 32, 32), plays=plays)
    assert open_sequence(path).info.plays == plays
