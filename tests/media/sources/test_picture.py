"""Video frames as shown: turns, changes of size, alpha, gray, more than 8 bits."""

from pathlib import Path

import av
import numpy as np
import pytest

from imfn_cli.media import open_sequence

from ..frames import encode_video, make_frames, psnr


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
    ((pixels, *_),) = sequence
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
        parts.append(
            encode_video(tmp_path / f"{index}.m1v", frames, "mpeg1video", qmin="2", qmax="2").read_bytes()
        )
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
    path = encode_video(tmp_path / "clip.mov", [av.VideoFrame.from_ndarray(rgba, format="rgba")], "png")
    sequence = open_sequence(path)
    ((pixels, *_),) = sequence
    assert pixels.shape == (16, 16, 3)
    assert pixels[0, 0, 0] == 200
    assert pixels[0, 15, 0] == 0
    assert sequence.info.alpha


@pytest.mark.parametrize("pixel_format", ["gray", "gray16le"])
def test_gray_video_has_one_channel(tmp_path: Path, pixel_format: str) -> None:
    ramp = np.tile(np.arange(256, dtype=np.uint8), (16, 1))
    samples = ramp if pixel_format == "gray" else ramp.astype(np.uint16) * 257
    path = encode_video(
        tmp_path / "clip.mkv", [av.VideoFrame.from_ndarray(samples, format=pixel_format)], "ffv1"
    )
    sequence = open_sequence(path)
    ((pixels, *_),) = sequence
    assert pixels.shape == (16, 256, 1)
    assert np.abs(pixels[:, :, 0].astype(int) - ramp).max() <= 1
    assert any("16-bit" in note for note in sequence.info.notes) == (pixel_format == "gray16le")


def test_ten_bits_become_eight(tmp_path: Path) -> None:
    (frame,) = make_frames(1, 48, 64)
    ten = av.VideoFrame.from_ndarray(frame).reformat(format="yuv444p10le")
    path = encode_video(tmp_path / "clip.mkv", [ten], "ffv1")
    sequence = open_sequence(path)
    assert psnr(next(iter(sequence)).pixels, frame) > 45
    assert "10-bit samples rounded to 8 bits" in sequence.info.notes
