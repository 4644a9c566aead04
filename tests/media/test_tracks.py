"""Sound and subtitles: packets as they were, in step with the frames."""

import io
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from imfn_cli.media import open_sequence
from imfn_cli.media.tracks import OutgoingTracks, Span, TrackFile, packets_within, tracks_of, write_tracks

from .frames import make_frames

RATE = 16000


def film_with_sound(
    path: Path, *, codecs: tuple[str, ...] = ("aac",), frames: int = 25, seconds: float = 1.0
) -> Path:
    """A video at 25 frames a second with a tone in each of the codecs, an octave higher each."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25)
        assert isinstance(video, av.VideoStream)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sounds = [container.add_stream(codec, rate=RATE, layout="mono") for codec in codecs]
        container.metadata["title"] = "A tone"
        for index, pixels in enumerate(make_frames(frames, 48, 64)):
            frame = av.VideoFrame.from_ndarray(pixels).reformat(format="yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        samples = np.arange(int(RATE * seconds))
        for octave, sound in enumerate(sounds):
            assert isinstance(sound, av.AudioStream)
            tone = (8000 * np.sin(samples * 0.05 * 2**octave)).astype(np.int16)[None]
            heard = av.AudioFrame.from_ndarray(tone, format="s16", layout="mono")
            heard.sample_rate, heard.pts = RATE, 0
            resampler = av.AudioResampler(sound.format, "mono", RATE, frame_size=sound.frame_size or 1024)
            for part in [*resampler.resample(heard), *resampler.resample(None)]:
                container.mux(sound.encode(part))
            container.mux(sound.encode(None))
    return path


def packets_of(path: Path, kind: str = "audio") -> list[list[tuple[Fraction, bytes]]]:
    """Time in seconds and bytes of the packets of each stream of a kind."""
    with av.open(str(path)) as container:
        found: dict[int, list[tuple[Fraction, bytes]]] = {
            stream.index: [] for stream in container.streams if stream.type == kind
        }
        for packet in container.demux():
            if packet.size and packet.stream_index in found:
                assert packet.pts is not None
                found[packet.stream_index].append((packet.pts * packet.time_base, bytes(packet)))
        return list(found.values())


def stored(path: Path, span: Span = Span()) -> tuple[bytes, list[str]]:
    target = io.BytesIO()
    found, notes = write_tracks(path, target, span)
    return target.getvalue() if found else b"", notes


@pytest.mark.parametrize(
    ("ending", "codecs"),
    [
        (".mp4", ("aac", "aac")),
        (".mov", ("pcm_s16le",)),
        (".mkv", ("libopus", "flac")),
        (".avi", ("libmp3lame",)),
    ],
)
def test_packets_and_times_are_as_they_were(tmp_path: Path, ending: str, codecs: tuple[str, ...]) -> None:
    rated = tuple(codec for codec in codecs if codec in av.codecs_available)
    path = film_with_sound(tmp_path / f"a{ending}", codecs=rated)
    data, notes = stored(path)
    assert notes == []
    (tmp_path / "tracks").write_bytes(data)
    theirs, ours = packets_of(path), packets_of(tmp_path / "tracks")
    assert len(ours) == len(rated)
    for before, after in zip(theirs, ours, strict=True):
        assert [data for _, data in after] == [data for _, data in before]
        assert max(abs(one - other) for (one, _), (other, _) in zip(after, before, strict=True)) <= 0.001


def test_a_part_stays_in_step(tmp_path: Path) -> None:
    path = film_with_sound(tmp_path / "a.mp4")
    whole = packets_of(path)[0]
    data, _ = stored(path, Span(Fraction(2, 5), Fraction(4, 5)))
    (tmp_path / "tracks").write_bytes(data)
    part = packets_of(tmp_path / "tracks")[0]
    expected = [
        (time - Fraction(2, 5), data) for time, data in whole if Fraction(2, 5) <= time < Fraction(4, 5)
    ]
    assert [data for _, data in part] == [data for _, data in expected]
    assert all(abs(one - other) < 0.001 for (one, _), (other, _) in zip(part, expected, strict=True))


def test_a_film_selects_its_sound(tmp_path: Path) -> None:
    sequence = open_sequence(film_with_sound(tmp_path / "a.mp4"), start=10, stop=20)
    list(sequence)
    target = io.BytesIO()
    assert sequence.write_tracks(target)
    (tmp_path / "tracks").write_bytes(target.getvalue())
    times = [time for time, _ in packets_of(tmp_path / "tracks")[0]]
    assert 0 <= times[0] < 0.07
    assert 0.3 < times[-1] < 0.4


def test_silent_films_and_sound_that_is_not_wanted(tmp_path: Path) -> None:
    path = film_with_sound(tmp_path / "a.mp4", codecs=())
    assert stored(path) == (
        b"",
        ["title, chapters and other tags left out: a latent keeps them with sound only"],
    )
    sequence = open_sequence(film_with_sound(tmp_path / "b.mp4"), audio=False)
    list(sequence)
    assert not sequence.write_tracks(io.BytesIO())
    assert "sound left out, as --no-audio asks" in sequence.warnings


def test_tracks_within_a_file(tmp_path: Path) -> None:
    """Read from between other bytes, title and all, into a Matroska file; nothing there begins before 0."""
    data, _ = stored(film_with_sound(tmp_path / "a.mp4"))
    (tmp_path / "latent").write_bytes(b"before" + data + b"after")
    tracks = OutgoingTracks(TrackFile(tmp_path / "latent", 6, len(data)), Span())
    with av.open(str(tmp_path / "b.mkv"), "w") as output:
        assert tracks.add_to(output) == []
        tracks.write(Fraction(1, 2), Fraction(0))
        tracks.write(None, Fraction(0))
    tracks.close()
    ours, theirs = packets_of(tmp_path / "b.mkv")[0], packets_of(tmp_path / "a.mp4")[0]
    assert [data for _, data in ours] == [data for time, data in theirs if time >= 0]
    assert ours[0][0] == 0
    with av.open(str(tmp_path / "b.mkv")) as container:
        assert container.metadata["title"] == "A tone"


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4"])
def test_chapters_stay_in_step(name: str, tmp_path: Path) -> None:
    plain, path = film_with_sound(tmp_path / f"plain-{name}"), tmp_path / name
    titles = [("One", 0, 300), ("Two", 300, 600), ("Three", 600, 1000)]
    with av.open(str(plain)) as source, av.open(str(path), "w") as target:
        streams = [target.add_stream_from_template(stream) for stream in source.streams]
        target.set_chapters(
            [
                {
                    "id": number,
                    "start": start,
                    "end": end,
                    "time_base": Fraction(1, 1000),
                    "metadata": {"title": title},
                }
                for number, (title, start, end) in enumerate(titles)
            ]
        )
        for packet in source.demux():
            if packet.size:
                packet.stream = streams[packet.stream_index]
                target.mux(packet)

    def chapters(span: Span) -> list[tuple[str, float, float]]:
        data, _ = stored(path, span)
        with av.open(io.BytesIO(data)) as container:
            return [
                (one["metadata"]["title"], float(one["start"] * tick), float(one["end"] * tick))
                for one in container.chapters()
                if (tick := one["time_base"] or Fraction(0))
            ]

    assert chapters(Span()) == [("One", 0, 0.3), ("Two", 0.3, 0.6), ("Three", 0.6, 1)]
    cut = chapters(Span(Fraction(2, 5), Fraction(4, 5)))
    assert cut == [("Two", 0, pytest.approx(0.2)), ("Three", pytest.approx(0.2), pytest.approx(0.4))]
    assert chapters(Span(None, Fraction(1, 5))) == [("One", 0, 0.2)]


def test_what_a_container_cannot_hold_is_said(tmp_path: Path) -> None:
    data, _ = stored(film_with_sound(tmp_path / "a.mp4"))
    (tmp_path / "tracks").write_bytes(data)
    tracks = OutgoingTracks(TrackFile(tmp_path / "tracks", 0, len(data)), Span())
    with av.open(str(tmp_path / "b.webm"), "w") as output:
        assert tracks.add_to(output) == ["sound (aac) left out: webm cannot hold it"]
    tracks.close()


def test_subtitles_come_along(tmp_path: Path) -> None:
    (tmp_path / "a.srt").write_text(
        "1\n00:00:00,100 --> 00:00:00,500\nHello\n\n2\n00:00:00,600 --> 00:00:00,900\nAgain\n"
    )
    film = film_with_sound(tmp_path / "a.mp4")
    with (
        av.open(str(film)) as one,
        av.open(str(tmp_path / "a.srt")) as two,
        av.open(str(tmp_path / "b.mkv"), "w") as output,
    ):
        streams = {(0, stream.index): output.add_stream_from_template(stream) for stream in one.streams}
        streams[(1, 0)] = output.add_stream_from_template(two.streams[0])
        for number, container in enumerate((one, two)):
            for packet in container.demux():
                if packet.size:
                    packet.stream = streams[(number, packet.stream_index)]
                    output.mux(packet)
    data, notes = stored(tmp_path / "b.mkv")
    assert notes == []
    (tmp_path / "tracks").write_bytes(data)
    with av.open(str(tmp_path / "tracks")) as container:
        assert [stream.type for stream in tracks_of(container)] == ["audio", "subtitle"]
        texts = [bytes(p) for p in packets_within(container, [tracks_of(container)[1]], Span())]
    assert texts == [b"Hello", b"Again"]
