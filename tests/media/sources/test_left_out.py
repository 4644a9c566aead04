"""What a source holds beside the frames that are read is said, never dropped in silence."""

import gzip
import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from imfn_cli.errors import InputError
from imfn_cli.media import expand_inputs, open_sequence

from ..frames import make_frames, write_frames


def two_streams(path: Path, sizes: list[tuple[int, int]], counts: list[int]) -> Path:
    """An MP4 of several video streams: (width, height) and number of frames of each."""
    with av.open(str(path), "w") as container:
        streams = []
        for width, height in sizes:
            stream = container.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            streams.append(stream)
        for stream, count in zip(streams, counts, strict=True):
            for index, pixels in enumerate(make_frames(count, stream.height, stream.width)):
                frame = av.VideoFrame.from_ndarray(pixels).reformat(format="yuv420p")
                frame.pts, frame.time_base = index, Fraction(1, 25)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    return path


def test_a_second_camera(tmp_path: Path) -> None:
    path = two_streams(tmp_path / "a.mp4", [(64, 48), (48, 32)], [6, 6])
    sequence = open_sequence(path)
    assert (sequence.info.width, sequence.info.notes) == (
        64,
        ("1 more video stream left out; choose with --stream 1",),
    )
    second = open_sequence(path, stream=1)
    assert second.info.width == 48
    assert all(frame.pixels.shape == (32, 48, 3) for frame in second)
    with pytest.raises(InputError, match="has 2 video streams; --stream takes 0 to 1"):
        open_sequence(path, stream=2)


def test_a_thumbnail_is_not_the_film(tmp_path: Path) -> None:
    sequence = open_sequence(two_streams(tmp_path / "a.mp4", [(32, 24), (64, 48)], [1, 9]))
    assert len(list(sequence)) == 9
    assert sequence.info.width == 64


def test_only_videos_have_streams(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((2, 4, 4), np.uint8))
    with pytest.raises(InputError, match="no video streams to choose from"):
        open_sequence(tmp_path / "a.npy", stream=1)


def test_joined_mp4(tmp_path: Path) -> None:
    one = write_frames(tmp_path / "one.mp4", make_frames(5, 32, 32)).read_bytes()
    assert not open_sequence(tmp_path / "one.mp4").info.notes
    (tmp_path / "a.mp4").write_bytes(one + one)
    sequence = open_sequence(tmp_path / "a.mp4")
    assert len(list(sequence)) == 5
    assert sequence.info.notes == (
        "2 films joined end to end: only the first is read; "
        f"'tail -c +{len(one) + 1} a.mp4 > rest.mp4' makes a file of the others",
    )
    # What tail does.
    (tmp_path / "rest.mp4").write_bytes((tmp_path / "a.mp4").read_bytes()[len(one) :])
    rest = open_sequence(tmp_path / "rest.mp4")
    assert (len(list(rest)), rest.info.notes) == (5, ())


def test_half_a_matroska_file(tmp_path: Path) -> None:
    noise = [np.random.default_rng(i).integers(0, 256, (64, 96, 3), np.uint8) for i in range(9)]
    path = write_frames(tmp_path / "a.mkv", noise)
    assert not open_sequence(path).info.notes
    path.write_bytes(path.read_bytes()[:-1000])
    assert open_sequence(path).info.notes == ("cut short: the last 1,000 bytes of the file are missing",)


def test_more_images_than_declared(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (10, 6, 5), np.uint8)
    content = struct.pack(">4B3I", 0, 0, 8, 3, 5, 6, 5) + images.tobytes()
    (tmp_path / "a.idx3-ubyte").write_bytes(content)
    (tmp_path / "b.gz").write_bytes(gzip.compress(content))
    for name in ("a.idx3-ubyte", "b.gz"):
        sequence = open_sequence(tmp_path / name)
        assert len(list(sequence)) == 5
        assert sequence.warnings == ["150 bytes after the 5 images that it declares were left out"]
        assert not list(open_sequence(tmp_path / name, stop=2))[2:]


def test_two_arrays_in_one_file(tmp_path: Path) -> None:
    frames = np.zeros((2, 4, 4, 3), np.uint8)
    np.savez(tmp_path / "two.npz", frames, frames)
    with pytest.raises(InputError, match=r"holds 2 arrays \(arr_0, arr_1\)"):
        open_sequence(tmp_path / "two.npz")
    np.savez(tmp_path / "labels.npz", x=frames, y=np.arange(2))
    sequence = open_sequence(tmp_path / "labels.npz")
    assert len(list(sequence)) == 2
    assert sequence.info.notes == ("1 other arrays left out (y)",)


def test_an_array_saved_three_times_into_one_file(tmp_path: Path) -> None:
    with (tmp_path / "a.npy").open("wb") as file:
        for _ in range(3):
            np.save(file, np.zeros((2, 4, 4), np.uint8))
    with pytest.raises(InputError, match="several arrays one after another"):
        open_sequence(tmp_path / "a.npy")


def test_images_beside_a_film(tmp_path: Path) -> None:
    write_frames(tmp_path / "preview.mp4", make_frames(3, 16, 16))
    for index in range(4):
        Image.new("L", (16, 16)).save(tmp_path / f"{index}.png")
    (source,) = expand_inputs([str(tmp_path)])
    notes = open_sequence(source).info.notes
    assert notes == (f"4 images beside it in {tmp_path} left out; name {tmp_path}/*.png for them",)


def test_linked_folders_are_entered_once(tmp_path: Path) -> None:
    (tmp_path / "films").mkdir()
    write_frames(tmp_path / "films" / "a.mp4", make_frames(2, 16, 16))
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "link").symlink_to(tmp_path / "films")
    (tmp_path / "films" / "circle").symlink_to(tmp_path / "in")
    assert [source.name for source in expand_inputs([str(tmp_path / "in")])] == [
        str(tmp_path / "in" / "link" / "a.mp4")
    ]
