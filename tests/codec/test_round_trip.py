"""Frames → latent file → frames: what is kept, how well, and at what cost."""

import gzip
import os
import struct
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import imfn_cli as imfn
from imfn_cli.bitstream.container.latent_reader import LatentReader
from imfn_cli.bitstream.open import open_latent
from imfn_cli.bitstream.quantiser import step_of_quality
from imfn_cli.codec import compress_sequence, decompress_latent, restored_frames
from imfn_cli.media import Frame, LoadedArray, SequenceInfo, open_sequence, open_writer
from imfn_cli.network import frames_from_pixels, pixels_from_frames
from tests.conftest import psnr

several = settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def round_trip(
    pixels: np.ndarray, path: Path, model: imfn.Model, **options: Any
) -> tuple[np.ndarray, imfn.CompressReport]:
    """Frames (T, H, W[, C]) uint8 through a latent file at `path`: (T, H, W, C), and what was reported."""
    report = imfn.compress(pixels, path, model=model, force=True, **options)
    return np.stack(list(imfn.read_frames(path, model=model))), report


def moving(count: int, height: int, width: int, channels: int, seed: int) -> np.ndarray:
    """Waves that drift, with some noise: uint8 (count, height, width, channels)."""
    random = np.random.default_rng(seed)
    t, y, x, c = np.ogrid[:count, :height, :width, :channels]
    waves = (
        np.sin(x / 5 + 0.2 * t + c)
        + np.sin(y / 7 - 0.1 * t)
        + random.normal(0, 0.05, (count, height, width, 1))
    )
    return np.clip(128 + 50 * waves, 0, 255).astype(np.uint8)


@several
@given(
    count=st.integers(1, 40),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    channels=st.sampled_from([1, 3]),
    level=st.integers(0, 3),
    quality=st.integers(0, 100),
    seed=st.integers(0, 9),
)
def test_any_length_and_size_comes_back_as_the_network_restores_it(
    tmp_path: Path,
    tiny_model: imfn.Model,
    count: int,
    height: int,
    width: int,
    channels: int,
    level: int,
    quality: int,
    seed: int,
) -> None:
    pixels = moving(count, height, width, channels, seed)
    path = tmp_path / "x.safetensors"
    restored, report = round_trip(pixels, path, tiny_model, ratio=1 << level, quality=quality)
    assert restored.shape == pixels.shape
    assert restored.dtype == np.uint8
    # A node per full tree, and one per binary digit of the rest.
    assert report.nodes == (count >> level) + (count % (1 << level)).bit_count()
    reader = open_latent(path)
    assert sum(1 << node.level for node in reader.nodes) == count
    assert [frame.time for frame in restored_frames(reader, tiny_model)] == list(range(count))
    # The float network, node by node: all that the file adds is the rounding of the memories' numbers. Maps
    # are orthonormal, so an error of at most a step in each number is at most a step per pixel, on average.
    frames = frames_from_pixels(torch.from_numpy(pixels), 3)
    expected = torch.cat(
        [
            tiny_model.restore(
                tiny_model.compress(frames[node.frames.start : node.frames.stop], 1 << node.level),
                1 << node.level,
                height,
                width,
            )
            for node in reader.nodes
        ]
    )
    error = restored.astype(float) - pixels_from_frames(expected, channels).numpy()
    step = 255 * step_of_quality(quality)
    # Padding shares the error of a patch; what is cropped may have had less of it.
    padded = (-(-height // 8) * 8) * (-(-width // 8) * 8) / (height * width)
    assert np.sqrt(np.mean(error**2)) <= 0.8 * step * np.sqrt(padded) + 0.8


@several
@given(
    count=st.integers(1, 40),
    ends=st.tuples(st.integers(0, 39), st.integers(1, 41)),
    level=st.integers(0, 3),
)
def test_a_selection_equals_that_part_of_the_whole(
    tmp_path: Path, tiny_model: imfn.Model, count: int, ends: tuple[int, int], level: int
) -> None:
    start = min(ends[0], count - 1)
    stop = max(start + 1, ends[1])
    path = tmp_path / "x.safetensors"
    whole, _ = round_trip(moving(count, 17, 23, 3, 0), path, tiny_model, ratio=1 << level, quality=60)
    part = np.stack(list(imfn.read_frames(path, start, stop, model=tiny_model)))
    # Batches of another size may round otherwise in the last bit: one step at the most, and rarely.
    difference = np.abs(part.astype(int) - whole[start:stop])
    assert difference.max() <= 1
    assert difference.mean() < 1e-3


def test_one_frame_reads_one_node(
    tmp_path: Path, tiny_model: imfn.Model, clip_frames: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.safetensors"
    round_trip(clip_frames, path, tiny_model, ratio=8, gop=0)
    reader = open_latent(path)
    read: list[int] = []
    original = LatentReader.read

    def spy(self: LatentReader, node: object) -> bytes:
        read.append(node.index)  # type: ignore[attr-defined]
        return original(self, node)  # type: ignore[arg-type]

    monkeypatch.setattr(LatentReader, "read", spy)
    assert len(list(restored_frames(reader, tiny_model, 21, 22))) == 1
    assert read == [2]


def test_compressing_a_selection(tmp_path: Path, tiny_model: imfn.Model, clip_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    report = imfn.compress(clip_path, path, model=tiny_model, ratio=4, frames=(3, 12))
    assert report.frames == 9
    with open_sequence(clip_path, start=3, stop=12) as sequence:
        source = list(sequence)
    reader = open_latent(path)
    restored = list(restored_frames(reader, tiny_model))
    assert [frame.time for frame in restored] == [frame.time for frame in source]
    ours, theirs = (np.stack([frame.pixels for frame in frames]) for frames in (restored, source))
    assert psnr(ours, theirs) > 28


def test_better_quality_is_closer_and_larger(
    tmp_path: Path, tiny_model: imfn.Model, clip_frames: np.ndarray
) -> None:
    found = []
    for quality in range(0, 101, 20):
        restored, report = round_trip(
            clip_frames, tmp_path / "x.safetensors", tiny_model, ratio=4, quality=quality
        )
        found.append((psnr(restored, clip_frames), report.bytes))
    qualities, sizes = zip(*found, strict=True)
    assert list(qualities) == sorted(qualities)
    assert list(sizes) == sorted(set(sizes))
    # All that ratio 1 loses at the best quality is rounding.
    restored, _ = round_trip(clip_frames, tmp_path / "y", tiny_model, ratio=1, quality=100)
    assert psnr(restored, clip_frames) > 50


def test_the_same_input_gives_the_same_bytes(
    tmp_path: Path, tiny_model: imfn.Model, clip_frames: np.ndarray
) -> None:
    data: set[bytes] = set()
    threads = torch.get_num_threads()
    try:
        for count in (1, 2, 1):
            torch.set_num_threads(count)
            imfn.compress(clip_frames, tmp_path / f"{len(data)}", model=tiny_model, ratio=8, force=True)
            data.add((tmp_path / f"{len(data)}").read_bytes())
    finally:
        torch.set_num_threads(threads)
    # One more thread may move a number across a rounding threshold; the same count may not.
    assert len(data) <= 2


@pytest.fixture(scope="module")
def uneven(clip_frames: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[int]]:
    """A lossless video whose frames last 1 to 9 times 10 ms, and the times in ms."""
    path = tmp_path_factory.mktemp("uneven") / "uneven.mkv"
    lengths = np.random.default_rng(3).integers(1, 10, 20) * 10
    times = np.cumsum(lengths).tolist()
    info = SequenceInfo(64, 48, 3, Fraction(1, 1000), Fraction(25), None, "video", 0)
    with open_writer(path, info) as writer:
        for frame, time in zip(clip_frames, times, strict=False):
            writer.write(frame, time)
    return path, times


@pytest.mark.parametrize("ending", ["mkv", "mp4", "webm"])
def test_uneven_times_are_kept(
    tmp_path: Path, tiny_model: imfn.Model, uneven: tuple[Path, list[int]], ending: str
) -> None:
    path, times = uneven
    latent, output = tmp_path / "x.safetensors", tmp_path / f"x.{ending}"
    imfn.compress(path, latent, model=tiny_model, ratio=8)
    reader = open_latent(latent)
    assert reader.ticks is not None
    base = reader.header.time_base
    assert [frame.time * base * 1000 for frame in restored_frames(reader, tiny_model)] == times
    # A part is a clip of its own: it begins at 0.
    part = [frame.time * base * 1000 for frame in restored_frames(reader, tiny_model, 5, 9)]
    assert part == [time - times[5] for time in times[5:9]]
    imfn.decompress(latent, output, model=tiny_model)
    with open_sequence(output) as sequence:
        assert [round(frame.time * sequence.info.time_base * 1000) for frame in sequence] == times


def test_gray_in_gray_out(tmp_path: Path, tiny_model: imfn.Model, clip_frames: np.ndarray) -> None:
    gray = clip_frames[..., 1]
    restored, report = round_trip(gray, tmp_path / "x", tiny_model, ratio=2, quality=80)
    assert restored.shape == (40, 48, 64, 1)
    assert report.channels == 1
    assert psnr(restored[..., 0], gray) > 35


def test_colour_through_a_gray_model_comes_back_in_shades_of_gray(
    tmp_path: Path, vector_model: imfn.Model, clip_frames: np.ndarray
) -> None:
    restored, report = round_trip(
        clip_frames[:8, :28, :28], tmp_path / "x", vector_model, ratio=2, quality=80
    )
    assert restored.shape == (8, 28, 28, 3)
    assert report.channels == 3
    np.testing.assert_array_equal(restored[..., 0], restored[..., 1])
    np.testing.assert_array_equal(restored[..., 0], restored[..., 2])


@pytest.mark.parametrize("compressed", [False, True])
def test_digits_as_vectors(
    tmp_path: Path, vector_model: imfn.Model, digits_path: Path, compressed: bool
) -> None:
    images = np.load(digits_path)[:50]
    source = tmp_path / ("digits-idx3-ubyte.gz" if compressed else "digits-idx3-ubyte")
    data = struct.pack(">4B3I", 0, 0, 8, 3, *images.shape) + images.tobytes()
    source.write_bytes(gzip.compress(data) if compressed else data)
    report = imfn.compress(source, model=vector_model, ratio=2, quality=70)
    # 784 pixels a digit become 16 numbers, two digits of them the numbers of one.
    assert report.ratio_of_numbers == 2 * 784 / 16
    assert report.source_bytes == source.stat().st_size
    done = imfn.decompress(report.output, model=vector_model)
    assert done.output.endswith("digits-idx3-ubyte.restored.npy")
    restored = np.load(done.output)
    assert restored.shape == images.shape
    assert psnr(restored, images) > 12


def test_numbers_of_the_report(tmp_path: Path, tiny_model: imfn.Model, clip_frames: np.ndarray) -> None:
    report = imfn.compress(clip_frames, tmp_path / "x.safetensors", model=tiny_model, ratio=8)
    size = (tmp_path / "x.safetensors").stat().st_size
    assert report.bytes == size
    assert report.source_bytes == clip_frames.nbytes
    assert report.bits_per_pixel == pytest.approx(8 * size / (40 * 48 * 64))
    # 40 frames are five full trees, and 48×64 are whole patches.
    assert report.ratio_of_numbers == 8
    assert report.ratio_of_bytes == pytest.approx(clip_frames.nbytes / size)
    assert report.frames_per_second == pytest.approx(report.frames / report.seconds)


def test_frames_that_no_header_can_describe(tmp_path: Path, tiny_model: imfn.Model) -> None:
    with pytest.raises(imfn.InputError, match="at most 65,536"):
        imfn.compress(np.zeros((1, 1, 70_000), np.uint8), tmp_path / "x", model=tiny_model, ratio=1)
    assert list(tmp_path.iterdir()) == []


def test_a_source_that_fails_on_the_way(tmp_path: Path, tiny_model: imfn.Model) -> None:
    class Breaking(LoadedArray):
        def __iter__(self):  # type: ignore[no-untyped-def]
            yield Frame(np.zeros((8, 8, 1), np.uint8), 0)
            raise imfn.InputError("x: breaks at frame 1")

    with pytest.raises(imfn.InputError, match="breaks at frame 1"):
        compress_sequence(Breaking(np.zeros((2, 8, 8), np.uint8)), tmp_path / "x", tiny_model, ratio=1)
    assert list(tmp_path.iterdir()) == []


def test_a_writer_that_fails_on_the_way(
    tmp_path: Path, tiny_model: imfn.Model, clip_frames: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    from imfn_cli.media.sinks.arrays import ArrayWriter

    imfn.compress(clip_frames, tmp_path / "x.safetensors", model=tiny_model, ratio=8)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ArrayWriter, "_write", fail)
    with pytest.raises(imfn.OutputError, match="no space left"):
        decompress_latent(open_latent(tmp_path / "x.safetensors"), tmp_path / "x.npy", tiny_model)
    assert [path.name for path in tmp_path.iterdir()] == ["x.safetensors"]


_PEAK = """
import resource, sys
import imfn_cli as imfn
from imfn_cli.codec import synthesis
synthesis._BATCH_PIXELS = 1 << 18  # small batches, or short clips are but one
model = imfn.load(sys.argv[1])
for path in sys.argv[2:]:
    imfn.compress(path, path + ".safetensors", model=model, ratio=8)
    imfn.decompress(path + ".safetensors", path + ".npy", model=model)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_length(
    tmp_path: Path, tiny_model_dir: Path, clip_frames: np.ndarray
) -> None:
    """Six times the frames, 94 MB more of them as the network's numbers, in the same memory."""
    frame = np.kron(clip_frames[0], np.ones((2, 2, 1), np.uint8))
    info = SequenceInfo(128, 96, 3, Fraction(1, 25), Fraction(25), None, "video", 0)
    paths = [tmp_path / f"{count}.mp4" for count in (128, 768)]
    for path in paths:
        with open_writer(path, info) as writer:
            for time in range(int(path.stem)):
                writer.write(np.roll(frame, time, axis=1), time)
    ran = subprocess.run(
        [sys.executable, "-c", _PEAK, tiny_model_dir, *paths],
        cwd=Path(imfn.__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
        # glibc gives large blocks back, so that what is measured is what is held.
        env={**os.environ, "MALLOC_MMAP_THRESHOLD_": "1000000", "MALLOC_TRIM_THRESHOLD_": "1000000"},
    )
    # In KB, but in bytes on a Mac.
    peaks = [int(peak) / (1 << 20 if sys.platform == "darwin" else 1 << 10) for peak in ran.stdout.split()]
    assert peaks[1] < peaks[0] + 30
