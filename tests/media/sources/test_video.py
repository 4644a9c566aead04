"""Video files: times, size, names."""

from fractions import Fraction
from pathlib import Path

import av

from imfn_cli.media import open_sequence

from ..frames import encode_video, make_frames, write_frames


def test_raw_h264_gets_times_from_its_rate(tmp_path: Path) -> None:
    frames = [av.VideoFrame.from_ndarray(f).reformat(format="yuv420p") for f in make_frames(10, 48, 64)]
    path = encode_video(tmp_path / "clip.h264", frames)
    sequence = open_sequence(path)
    times = [frame.time * sequence.info.time_base for frame in sequence]
    assert times == [Fraction(index, 25) for index in range(10)]
    assert sequence.info.frame_rate == 25
    assert sequence.info.frame_count is None


def test_size_and_bytes_are_reported(tmp_path: Path) -> None:
    path = write_frames(tmp_path / "clip.mp4", make_frames(5, 48, 64))
    info = open_sequence(path).info
    assert (info.width, info.height, info.channels, info.kind) == (64, 48, 3, "video")
    assert (info.frame_count, info.frame_rate, info.size_bytes) == (5, 25, path.stat().st_size)


def test_a_colon_in_the_name_is_no_protocol(tmp_path: Path) -> None:
    path = write_frames(tmp_path / "12:30.mkv", make_frames(1, 8, 8))
    assert len(list(open_sequence(path))) == 1
