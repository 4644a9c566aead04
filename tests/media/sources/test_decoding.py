"""Damaged and cut video files."""

from pathlib import Path

import av
import numpy as np
import pytest

from imfn_cli.errors import InputError
from imfn_cli.media import open_sequence

from ..frames import encode_video, make_frames, write_frames


def test_a_video_cut_at_the_end_gives_what_is_there(tmp_path: Path) -> None:
    noise = [np.random.default_rng(i).integers(0, 256, (64, 96, 3), np.uint8) for i in range(20)]
    whole = write_frames(tmp_path / "whole.mkv", noise).read_bytes()
    path = tmp_path / "cut.mkv"
    path.write_bytes(whole[: len(whole) * 2 // 3])
    sequence = open_sequence(path)
    count = len(list(sequence))
    assert 10 <= count < 20
    cut = tmp_path / "cut.mp4"
    whole = write_frames(tmp_path / "whole.mp4", noise).read_bytes()
    cut.write_bytes(whole[: len(whole) * 2 // 3])
    sequence = open_sequence(cut)
    count = len(list(sequence))
    assert 5 <= count < 20
    assert any("cut" in line for line in sequence.warnings)
    list(sequence)
    assert len(set(sequence.warnings)) == len(sequence.warnings), "warnings must not pile up"


def test_a_video_without_its_index_is_refused(tmp_path: Path) -> None:
    frames = [av.VideoFrame.from_ndarray(f).reformat(format="yuv420p") for f in make_frames(10, 48, 64)]
    path = encode_video(tmp_path / "clip.mp4", frames)  # not "fast start": the index comes last
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputError, match="damaged or cut short"):
        open_sequence(path)


def damaged(path: Path, first: int, last: int) -> Path:
    """Overwrite the packets first..last of an AVI."""
    with av.open(str(path)) as container:
        places = [(p.pos, p.size) for p in container.demux(video=0) if p.size and p.pos is not None]
    data = bytearray(path.read_bytes())
    for position, size in places[first:last]:
        data[position : position + size] = bytes(size)
    path.write_bytes(data)
    return path


def motion_jpeg(path: Path, count: int) -> Path:
    """A video in which every packet decodes by itself, or not at all."""
    frames = [av.VideoFrame.from_ndarray(f).reformat(format="yuvj420p") for f in make_frames(count, 16, 16)]
    return encode_video(path, frames, "mjpeg")


def test_single_damaged_packets_are_skipped(tmp_path: Path) -> None:
    path = damaged(motion_jpeg(tmp_path / "clip.avi", 30), 10, 13)
    sequence = open_sequence(path)
    assert len(list(sequence)) == 27
    assert any("3 packets did not decode" in line for line in sequence.warnings)


def test_a_video_that_breaks_in_the_middle_is_an_error(tmp_path: Path) -> None:
    path = damaged(motion_jpeg(tmp_path / "clip.avi", 60), 20, 60)
    frames = iter(open_sequence(path))
    with pytest.raises(InputError, match="breaks at frame 20"):
        for _ in frames:
            pass
    assert len(list(open_sequence(path, stop=20))) == 20


def test_a_video_that_never_decodes_is_an_error(tmp_path: Path) -> None:
    path = damaged(motion_jpeg(tmp_path / "clip.avi", 5), 0, 5)
    with pytest.raises(InputError, match="no frame can be decoded"):
        open_sequence(path)
