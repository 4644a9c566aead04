"""Times, depths, fields and alpha of videos, as the file has them."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from imfn_cli.media import open_sequence
from imfn_cli.media.sources import decoding

from ..frames import encode_video, make_frames, write_frames


@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".webm"])
def test_how_long_the_last_picture_is_shown(tmp_path: Path, ending: str) -> None:
    path = write_frames(tmp_path / f"a{ending}", make_frames(9, 32, 32), last_ticks=3000)
    sequence = open_sequence(path)
    last = list(sequence)[-1]
    assert sequence.info.last_ticks is not None
    assert (last.time + sequence.info.last_ticks) * sequence.info.time_base == Fraction(3320, 1000)
    sequence = open_sequence(path, stop=4)
    list(sequence)
    assert sequence.info.last_ticks is not None
    assert sequence.info.last_ticks * sequence.info.time_base == Fraction(40, 1000)


@pytest.mark.parametrize(
    ("codec", "ending"), [("libx264", ".264"), ("libx265", ".265"), ("mpeg2video", ".m2v")]
)
def test_rates_of_elementary_streams(tmp_path: Path, codec: str, ending: str) -> None:
    rate = Fraction(30000, 1001)
    with av.open(str(tmp_path / f"a{ending}"), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for index, pixels in enumerate(make_frames(8, 64, 64)):
            frame = av.VideoFrame.from_ndarray(pixels).reformat(format="yuv420p")
            frame.pts, frame.time_base = index, 1 / rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    sequence = open_sequence(tmp_path / f"a{ending}")
    assert sequence.info.frame_rate == rate
    seconds = [frame.time * sequence.info.time_base for frame in sequence]
    assert abs(float(seconds[-1] - seconds[0]) - 7 / float(rate)) < 1e-4


@pytest.mark.parametrize("pixel_format", ["gray16le", "gray10le", "rgb48le", "gbrp16le"])
def test_measurements_are_mapped_over_their_range(tmp_path: Path, pixel_format: str) -> None:
    gray = pixel_format.startswith("gray")
    samples = [
        np.random.default_rng(i).integers(400, 1000, (48, 64) if gray else (48, 64, 3), np.uint16)
        for i in range(3)
    ]
    samples[2].flat[0] = 1000
    samples[0].flat[0] = 400
    frames = []
    for one in samples:
        if pixel_format == "gbrp16le":
            frame = av.VideoFrame(64, 48, "gbrp16le")
            for plane, channel in zip(frame.planes, (1, 2, 0), strict=True):
                rows = np.zeros((48, plane.line_size // 2), np.uint16)
                rows[:, :64] = one[:, :, channel]
                plane.update(rows.tobytes())
        elif pixel_format == "gray10le":
            frame = av.VideoFrame(64, 48, "gray10le")
            rows = np.zeros((48, frame.planes[0].line_size // 2), np.uint16)
            rows[:, :64] = one
            frame.planes[0].update(rows.tobytes())
        else:
            frame = av.VideoFrame.from_ndarray(one, format=pixel_format)
        frames.append(frame)
    sequence = open_sequence(encode_video(tmp_path / "a.mkv", frames, "ffv1"))
    assert sequence.info.value_range == (400, 1000)
    assert "16-bit samples 400..1000 mapped to 8 bits" in sequence.info.notes
    for (pixels, *_), one in zip(sequence, samples, strict=True):
        exact = (one.reshape(pixels.shape).astype(float) - 400) * 255 / 600
        assert np.abs(pixels - exact).max() <= 0.5 + 1e-9


def test_fields_become_pictures(tmp_path: Path) -> None:
    """A bright square that moves between the two fields of each frame leaves no comb."""
    frames = []
    for index in range(6):
        woven = np.zeros((48, 64), np.uint8)
        for field in range(2):
            left = 6 * index + 3 * field
            woven[field::2, left : left + 20] = 200
        frame = av.VideoFrame.from_ndarray(np.dstack([woven] * 3)).reformat(format="yuv420p")
        frames.append(frame)
    path = encode_video(tmp_path / "a.mkv", frames, **{"x264-params": "interlaced=1:tff=1", "qp": "1"})
    sequence = open_sequence(path)
    shown = [frame.pixels[:, :, 0].astype(int) for frame in sequence]
    assert len(shown) == 6
    assert sequence.warnings == ["interlaced: 6 frames were deinterlaced"]
    assert [frame.time for frame in sequence] == [40 * index for index in range(6)]

    def comb(picture: np.ndarray) -> float:
        return float(np.abs(2 * picture[1:-1] - picture[:-2] - picture[2:]).mean())

    woven_comb = np.mean([comb(np.asarray(f.to_ndarray(format="gray")).astype(int)) for f in frames])
    assert np.mean([comb(picture) for picture in shown[1:-1]]) < woven_comb / 3


@pytest.mark.skipif("libvpx-vp9" not in av.codecs_available, reason="FFmpeg without libvpx")
def test_transparent_vp9(tmp_path: Path) -> None:
    rgba = np.full((48, 64, 4), 200, np.uint8)
    rgba[:, 32:, 3] = 0
    frame = av.VideoFrame.from_ndarray(rgba, format="rgba").reformat(format="yuva420p")
    path = encode_video(tmp_path / "a.webm", [frame], "libvpx-vp9", lossless="1")
    sequence = open_sequence(path)
    ((pixels, *_),) = sequence
    assert pixels[:, 40:].max() == 0
    assert sequence.info.alpha


def test_empty_packets_neither_end_nor_shorten_a_film(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A film in which every third packet is empty: the picture before is held."""
    path = write_frames(tmp_path / "a.mkv", make_frames(9, 32, 32))

    class Holes:
        def __init__(self, container: av.container.InputContainer) -> None:
            self._container = container

        def demux(self, stream: av.VideoStream) -> object:
            for index, packet in enumerate(self._container.demux(stream)):
                if index % 3 == 2 and packet.size:
                    empty = av.Packet(0)
                    empty.pts, empty.dts, empty.time_base = packet.pts, packet.dts, packet.time_base
                    yield empty
                else:
                    yield packet

    damage = decoding.Damage()
    with av.open(str(path)) as container:
        stream = decoding.video_stream(container, "a")
        frames = list(decoding.decode(Holes(container), stream, "a", damage))  # type: ignore[arg-type]
    assert len(frames) == 6
    assert damage.lines() == []


def test_damage_at_the_end_costs_the_same_on_every_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = [av.VideoFrame.from_ndarray(f).reformat(format="yuv420p") for f in make_frames(12, 64, 64)]
    path = encode_video(tmp_path / "a.mkv", frames, preset="ultrafast")
    with av.open(str(path)) as container:
        places = [(p.pos, p.size) for p in container.demux(video=0) if p.size and p.pos is not None]
    data = bytearray(path.read_bytes())
    position, size = places[-1]
    data[position + 10 : position + size] = bytes(size - 10)
    path.write_bytes(data)
    sequence = open_sequence(path)
    count = len(list(sequence))
    assert count >= 11
    assert count == 12 or sequence.warnings
    with av.open(str(path)) as container:
        assert decoding.video_stream(container, "a").thread_count == 1
