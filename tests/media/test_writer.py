"""open_writer: every format, any size, irregular times, and what happens when it fails."""

import errno
import resource
import time
import tracemalloc
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from imfn_cli.errors import OutputError
from imfn_cli.media import ColourDescription, open_sequence, open_writer
from imfn_cli.media.sinks.open import OUTPUT_ENDINGS

from .conftest import make_frames, make_info, psnr, write_frames

LOSSLESS = [".mkv", ".npy", ".tif", ""]
TIMED = [".mp4", ".mov", ".mkv", ".webm", ".gif"]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("ending", [*OUTPUT_ENDINGS, ""])
@pytest.mark.parametrize("size", [(1, 1), (1, 2), (2, 1), (3, 5), (17, 16), (143, 175)], ids=str)
def test_any_size(tmp_path: Path, size: tuple[int, int], ending: str, channels: int) -> None:
    frames = make_frames(3, *size, channels)
    sequence = open_sequence(write_frames(tmp_path / f"clip{ending}", frames))
    read = list(sequence)
    assert len(read) == 3
    for ours, theirs in zip(read, frames, strict=True):
        if ending in (*LOSSLESS, ".tiff") or (ending == ".gif" and channels == 1):
            assert np.array_equal(ours.pixels, theirs)
        else:
            assert ours.pixels.shape[:2] == size
            assert psnr(ours.pixels, np.broadcast_to(theirs, ours.pixels.shape)) > 27


@pytest.mark.parametrize("ending", TIMED)
def test_irregular_times_are_kept(tmp_path: Path, ending: str) -> None:
    times = [0, 40, 53, 200, 211, 900, 940]
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


def test_other_programs_read_the_arrays_and_stacks(tmp_path: Path) -> None:
    frames = make_frames(4, 5, 7)
    assert np.array_equal(np.load(write_frames(tmp_path / "a.npy", frames), mmap_mode="r"), np.stack(frames))
    with Image.open(write_frames(tmp_path / "a.tif", frames)) as image:
        assert getattr(image, "n_frames", 1) == 4
        image.seek(3)
        assert np.array_equal(np.asarray(image), frames[3])


def test_unknown_endings_are_listed(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"unknown ending '\.xyz'.*\.mp4.*\.npy"):
        open_writer(tmp_path / "clip.xyz", make_info(make_frames(1, 2, 2)[0]))


@pytest.mark.parametrize("ending", OUTPUT_ENDINGS)
def test_nothing_is_overwritten_without_force(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"clip{ending}"
    path.write_bytes(b"precious")
    info = make_info(make_frames(1, 16, 16)[0])
    with pytest.raises(OutputError, match="--force"):
        open_writer(path, info)
    assert path.read_bytes() == b"precious"
    with open_writer(path, info, force=True) as writer:
        writer.write(make_frames(1, 16, 16)[0], 0)
    assert len(list(open_sequence(path))) == 1


@pytest.mark.parametrize("ending", [*OUTPUT_ENDINGS, ""])
def test_a_failure_leaves_nothing_behind(tmp_path: Path, ending: str) -> None:
    frames = make_frames(3, 16, 16)
    writer = open_writer(tmp_path / f"clip{ending}", make_info(frames[0]))

    def interrupted() -> None:
        with writer:
            writer.write(frames[0], 0)
            writer.write(frames[1], 40)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with pytest.raises(OutputError, match="no frame to write"), open_writer(writer.path, writer.info):
        pass
    assert list(tmp_path.iterdir()) == []


def test_bad_frames_are_refused(tmp_path: Path) -> None:
    frames = make_frames(2, 4, 6)
    with open_writer(tmp_path / "a.npy", make_info(frames[0])) as writer:
        writer.write(frames[0], 10)
        with pytest.raises(ValueError, match="times must increase"):
            writer.write(frames[1], 10)
        with pytest.raises(ValueError, match="expected uint8 of shape"):
            writer.write(frames[1][:2], 20)


def test_directories(tmp_path: Path) -> None:
    frames = make_frames(3, 4, 6)
    folder = tmp_path / "frames"
    folder.mkdir()
    write_frames(folder, frames)  # exists, but is empty
    assert sorted(path.name for path in folder.iterdir()) == ["000000.png", "000001.png", "000002.png"]
    info = make_info(frames[0])
    with pytest.raises(OutputError, match="not empty"):
        open_writer(folder, info)
    (folder / "notes.txt").write_text("mine")
    with open_writer(folder, info, force=True) as writer:
        writer.write(frames[2], 0)
    assert (folder / "notes.txt").read_text() == "mine"
    assert len(list(folder.iterdir())) == 4
    assert np.array_equal(np.asarray(Image.open(folder / "000000.png")), frames[2])
    with open_writer(f"{tmp_path / 'frames.v2'}/", info) as writer:
        writer.write(frames[0], 0)
    assert (tmp_path / "frames.v2" / "000000.png").exists()
    with pytest.raises(OutputError, match="no such directory"):
        open_writer(tmp_path / "nowhere" / "frames", info)


def test_a_full_disk_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (frame,) = make_frames(1, 16, 16)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(OutputError, match=r"frames: no space left on the device; free some"):
        write_frames(tmp_path / "frames", [frame])
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file may grow beyond 20 kB: writing fails as it does on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("ending", [*OUTPUT_ENDINGS, ""])
@pytest.mark.usefixtures("small_files")
def test_errors_of_the_system_are_one_line(tmp_path: Path, ending: str) -> None:
    noise = [np.random.default_rng(i).integers(0, 256, (128, 128, 3), np.uint8) for i in range(3)]
    path = tmp_path / f"clip{ending}"
    with pytest.raises(OutputError) as caught:
        write_frames(path, noise)
    assert str(caught.value).startswith(f"{path}: larger than this system allows a file to be; ")
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", [".npy", ".tif", ".gif", ".mkv"])
def test_memory_does_not_grow_with_length(tmp_path: Path, ending: str) -> None:
    (frame,) = make_frames(1, 64, 64)
    path = tmp_path / f"clip{ending}"
    tracemalloc.start()
    try:
        write_frames(path, [frame], frame_rate=None)  # imports and caches come first
        with open_writer(path, make_info(frame), force=True) as writer:
            tracemalloc.reset_peak()
            before, _ = tracemalloc.get_traced_memory()
            for index in range(200):
                writer.write(np.roll(frame, index, 0), 40 * index)
        for _ in open_sequence(path):
            pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak - before < 50 * frame.nbytes


def test_encoding_is_fast_enough(tmp_path: Path) -> None:
    frames = make_frames(20, 240, 320)
    start = time.perf_counter()
    write_frames(tmp_path / "clip.mp4", frames * 5)
    # 400 a second when both cores are free; a shared machine gets a wide margin.
    assert 100 / (time.perf_counter() - start) > 40
