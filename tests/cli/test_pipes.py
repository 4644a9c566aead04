"""`-`: videos and latents that come through standard input and leave through standard output."""

import io
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.stream import VideoStream

import imfn_cli as imfn
from imfn_cli.cli.main import run
from imfn_cli.media import OUTPUT_FORMATS, open_sequence

from .conftest import environment, standard_input

Words = list[str]


@contextmanager
def piped(path: Path) -> Iterator[None]:
    """What is in a file comes through standard input, which cannot seek."""
    source = subprocess.Popen(["cat", str(path)], stdout=subprocess.PIPE)
    assert source.stdout is not None
    with standard_input(os.dup(source.stdout.fileno())):
        yield
    source.stdout.close()
    source.wait()


def video(path: Path, frames: np.ndarray, muxer: str | None = None, **options: str) -> Path:
    """A file of `frames` in H.264, or what its ending says."""
    codec = "wrapped_avframe" if path.suffix == ".y4m" else "libx264"
    with av.open(str(path), "w", format=muxer, options=options) as container:
        stream = container.add_stream(codec, rate=25)
        assert isinstance(stream, VideoStream)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt, stream.codec_context.time_base = "yuv420p", Fraction(1, 25)
        for index, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.fixture
def model(tiny_model_dir: Path) -> Words:
    return ["-m", str(tiny_model_dir), "-r", "4"]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("clip.y4m", {}),
        ("clip.mkv", {}),
        ("clip.ts", {}),
        ("clip.mp4", {"movflags": "frag_keyframe+empty_moov"}),
        ("clip.mp4", {"movflags": "faststart"}),
    ],
)
def test_what_comes_through_a_pipe_is_what_a_file_gives(
    name: str, options: dict[str, str], clip_frames: np.ndarray, model: Words, tmp_path: Path
) -> None:
    path = video(tmp_path / name, clip_frames[:13], **options)
    with piped(path):
        assert run(["compress", "-", *model, "-o", str(tmp_path / "piped.safetensors")]) == 0
    assert run(["compress", str(path), *model, "-o", str(tmp_path / "file.safetensors")]) == 0
    one, other = (
        list(imfn.read_frames(tmp_path / f"{name}.safetensors", model=model[1])) for name in ("piped", "file")
    )
    assert np.array_equal(one, other)


def test_a_part_of_what_comes(clip_frames: np.ndarray, model: Words, tmp_path: Path) -> None:
    path = video(tmp_path / "clip.mkv", clip_frames[:13])
    report = imfn.compress(path, tmp_path / "file.safetensors", model=model[1], ratio=4, frames=(3, 9))
    with piped(path):
        piped_report = imfn.compress(
            "-", tmp_path / "piped.safetensors", model=model[1], ratio=4, frames=(3, 9)
        )
    assert (piped_report.source, piped_report.frames) == ("stdin", report.frames)
    assert piped_report.ratio_of_bytes is None
    one, other = (
        list(imfn.read_frames(tmp_path / f"{name}.safetensors", model=model[1])) for name in ("piped", "file")
    )
    assert np.array_equal(one, other)


def test_an_mp4_that_is_not_made_for_streaming(
    model: Words, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Its index is at its end; of a larger one FFmpeg cannot keep what comes before."""
    noise = np.random.default_rng(0).integers(0, 255, (60, 120, 160, 3), np.uint8)
    path = video(tmp_path / "clip.mp4", noise)
    with piped(path):
        assert run(["compress", "-", *model, "-o", str(tmp_path / "out.safetensors")]) == 1
    assert "-movflags frag_keyframe+empty_moov" in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", OUTPUT_FORMATS)
def test_what_goes_out_is_what_a_file_holds(
    name: str,
    clip_frames: np.ndarray,
    tiny_model: imfn.Model,
    tmp_path: Path,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    latent = tmp_path / "clip.safetensors"
    imfn.compress(clip_frames[:9], latent, model=tiny_model, ratio=4)
    with piped(latent):
        assert run(["decompress", "-", "-m", str(tiny_model.path), "-o", "-", "--format", name]) == 0
    printed = capfdbinary.readouterr()
    assert b"stdin \xe2\x86\x92 stdout" in printed.err
    (tmp_path / f"piped.{name}").write_bytes(printed.out)
    imfn.decompress(latent, tmp_path / "named", model=tiny_model, format=name)
    one, other = (
        [frame.pixels for frame in open_sequence(tmp_path / file)] for file in (f"piped.{name}", "named")
    )
    assert np.array_equal(one, other)
    assert len(one) == 9


def test_the_whole_line(command: Words, clip_frames: np.ndarray, model: Words, tmp_path: Path) -> None:
    """ffmpeg … | imfn compress - -o - | imfn decompress - -o - --format y4m | ffplay -."""
    path = video(tmp_path / "clip.y4m", clip_frames[:9])
    words = [*command, "compress", "-", "-o", "-", *model]
    back = [*command, "decompress", "-", "-o", "-", "--format", "y4m", "-m", model[1]]
    with path.open("rb") as file:
        first = subprocess.Popen(
            words, stdin=file, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
        )
    second = subprocess.run(back, stdin=first.stdout, capture_output=True, env=environment(), check=False)
    assert first.stdout is not None
    first.stdout.close()
    _, told = first.communicate()
    assert (first.returncode, second.returncode) == (0, 0), told + second.stderr
    with av.open(io.BytesIO(second.stdout), "r") as container:
        assert container.format.name == "yuv4mpegpipe"
        assert sum(1 for _ in container.decode(video=0)) == 9


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["decompress", "{latent}", "-o", "-"], "stdout: has no ending; say what goes out with --format"),
        (["decompress", "{latent}", "-o", "-", "--format", "avi"], "stdout: unknown format 'avi'"),
        (["decompress", "-", "-o", "-", "--format", "y4m"], "stdin: not an imfn latent"),
        (["compress", "-", "-o", "-", "-r", "4"], "stdin: is not a video that can be read"),
        (["eval", "-", "-r", "4"], "stdin: can be read only once; save it to a file first"),
    ],
)
def test_what_cannot_be(
    words: Words, problem: str, latent: Path, model: Words, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "junk").write_bytes(b"\1\2\3")
    with piped(tmp_path / "junk"):
        assert run([word.format(latent=latent) for word in words] + model[:2]) == 1
    printed = capfd.readouterr()
    assert problem in printed.err
    assert printed.out == ""


def test_a_reader_that_leaves(latent: Path, command: Words, model: Words) -> None:
    """As with any program in a pipe: it ends, and says nothing."""
    words = [*command, "decompress", str(latent), "-o", "-", "--format", "y4m", *model[:2], "--quiet"]
    running = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())
    assert running.stdout is not None
    running.stdout.close()
    assert running.stderr is not None
    assert running.stderr.read() == b""
    assert running.wait() == 1
