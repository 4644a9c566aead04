"""Video files: times, damage, turns, changes in mid-stream."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from imfn_cli.errors import InputError
from imfn_cli.media import open_sequence

from .conftest import make_frames, psnr, write_frames


def encode(path: Path, frames: list[av.VideoFrame], codec: str = "libx264", **options: str) -> Path:
    """Encode prepared frames as they are; their pixel format and size are the stream's."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = frames[0].width, frames[0].height
        stream.pix_fmt = frames[0].format.name
        for index, frame in enumerate(frames):
            frame.pts = index
            frame.time_base = Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def test_raw_h264_gets_times_from_its_rate(tmp_path: Path) -> None:
    frames = [av.VideoFrame.from_ndarray(f).reformat(format="yuv420p") for f in make_frames(10, 48, 64)]
    path = encode(tmp_path / "clip.h264", frames)
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


def test_a_film_cut_at_the_end_gives_what_is_there(tmp_path: Path) -> None:
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


def test_a_film_without_its_index_is_refused(tmp_path: Path) -> None:
    frames = [av.VideoFrame.from_ndarray(f).reformat(format="yuv420p") for f in make_frames(10, 48, 64)]
    path = encode(tmp_path / "clip.mp4", frames)  # not "fast start": the index comes last
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
    """A film in which every packet decodes by itself, or not at all."""
    frames = [av.VideoFrame.from_ndarray(f).reformat(format="yuvj420p") for f in make_frames(count, 16, 16)]
    return encode(path, frames, "mjpeg")


def test_single_damaged_packets_are_skipped(tmp_path: Path) -> None:
    path = damaged(motion_jpeg(tmp_path / "clip.avi", 30), 10, 13)
    sequence = open_sequence(path)
    assert len(list(sequence)) == 27
    assert any("3 packets did not decode" in line for line in sequence.warnings)


def test_a_film_that_breaks_in_the_middle_is_an_error(tmp_path: Path) -> None:
    path = damaged(motion_jpeg(tmp_path / "clip.avi", 60), 20, 60)
    frames = iter(open_sequence(path))
    with pytest.raises(InputError, match="breaks at frame 20"):
        for _ in frames:
            pass
    assert len(list(open_sequence(path, stop=20))) == 20


def test_a_film_that_never_decodes_is_an_error(tmp_path: Path) -> None:
    path = damaged(motion_jpeg(tmp_path / "clip.avi", 5), 0, 5)
    with pytest.raises(InputError, match="no frame can be decoded"):
        open_sequence(path)


@pytest.mark.parametrize(("degrees", "turns"), [(90, 1), (180, 2), (-90, -1)])
def test_frames_are_turned_as_the_file_asks(tmp_path: Path, degrees: int, turns: int) -> None:
    (frame,) = make_frames(1, 48, 64)
    path = tmp_path / "clip.mov"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("png", rate=25)
        if not hasattr(stream, "set_display_rotation"):
            pytest.skip("this PyAV cannot write a rotation")
        stream.width, stream.height, stream.pix_fmt = 64, 48, "rgb24"
        stream.set_display_rotation(degrees)
        picture = av.VideoFrame.from_ndarray(frame)
        picture.pts = 0
        container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    with av.open(str(path)) as container:
        assert next(container.decode(video=0)).rotation % 360 == degrees % 360
    sequence = open_sequence(path)
    ((pixels, _),) = sequence
    # PyAV and NumPy both count counterclockwise.
    assert np.array_equal(pixels, np.rot90(frame, turns))
    assert (sequence.info.height, sequence.info.width) == pixels.shape[:2]
    assert any("as the file asks" in note for note in sequence.info.notes)


def test_a_change_of_size_is_scaled_and_said(tmp_path: Path) -> None:
    parts = []
    for index, (height, width) in enumerate([(48, 64), (96, 128)]):
        frames = [
            av.VideoFrame.from_ndarray(f).reformat(format="yuv420p") for f in make_frames(5, height, width)
        ]
        # MPEG-1 repeats its size with every sequence header, so files can be joined.
        parts.append(encode(tmp_path / f"{index}.m1v", frames, "mpeg1video", qmin="2", qmax="2").read_bytes())
    path = tmp_path / "joined.m1v"
    path.write_bytes(b"".join(parts))
    sequence = open_sequence(path)
    shapes = {frame.pixels.shape for frame in sequence}
    assert shapes == {(48, 64, 3)}
    assert any("the size changes" in line for line in sequence.warnings)


def test_alpha_is_composited_on_black(tmp_path: Path) -> None:
    rgba = np.full((16, 16, 4), 200, np.uint8)
    rgba[:, 8:, 3] = 0
    rgba[:, :8, 3] = 255
    path = encode(tmp_path / "clip.mov", [av.VideoFrame.from_ndarray(rgba, format="rgba")], "png")
    sequence = open_sequence(path)
    ((pixels, _),) = sequence
    assert pixels.shape == (16, 16, 3)
    assert pixels[0, 0, 0] == 200
    assert pixels[0, 15, 0] == 0
    assert any("alpha" in note for note in sequence.info.notes)


@pytest.mark.parametrize("pixel_format", ["gray", "gray16le"])
def test_gray_video_has_one_channel(tmp_path: Path, pixel_format: str) -> None:
    ramp = np.tile(np.arange(256, dtype=np.uint8), (16, 1))
    samples = ramp if pixel_format == "gray" else ramp.astype(np.uint16) * 257
    path = encode(tmp_path / "clip.mkv", [av.VideoFrame.from_ndarray(samples, format=pixel_format)], "ffv1")
    sequence = open_sequence(path)
    ((pixels, _),) = sequence
    assert pixels.shape == (16, 256, 1)
    assert np.abs(pixels[:, :, 0].astype(int) - ramp).max() <= 1
    assert any("16-bit" in note for note in sequence.info.notes) == (pixel_format == "gray16le")


def test_ten_bits_become_eight(tmp_path: Path) -> None:
    (frame,) = make_frames(1, 48, 64)
    ten = av.VideoFrame.from_ndarray(frame).reformat(format="yuv444p10le")
    path = encode(tmp_path / "clip.mkv", [ten], "ffv1")
    sequence = open_sequence(path)
    assert psnr(next(iter(sequence)).pixels, frame) > 45
    assert "10-bit samples rounded to 8 bits" in sequence.info.notes
