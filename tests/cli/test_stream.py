"""`imfn stream`: as frames come, ended and killed in all ways."""

import io
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.stream import VideoStream
from PIL import Image

import imfn_cli as imfn
from imfn_cli.bitstream.container.journal import HEAD_SIZE
from imfn_cli.bitstream.open import open_latent
from imfn_cli.codec import stream as streaming

from ..media.test_tracks import film_with_sound, packets_of
from .conftest import standard_input
from .running import Ran, Running

Cli = Callable[..., Ran]


@pytest.fixture
def model(tiny_model_dir: Path) -> tuple[str, str, str, str]:
    return "-m", str(tiny_model_dir), "-r", "4"


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "live.safetensors"


Words = tuple[str, ...]


class Feed:
    """The command with frames of 64×48 rgb24 on its standard input, one by one."""

    def __init__(self, running: Running, frames: np.ndarray) -> None:
        self.running = running
        self._frames = frames
        self.sent = 0

    def send(self, count: int) -> None:
        """Frames, repeating from the first."""
        for _ in range(count):
            self.running.write(self._frames[self.sent % len(self._frames)].tobytes())
            self.sent += 1

    def wait_for(self, path: Path, frames: int) -> None:
        """Until the latent at `path` holds so many frames."""
        self.running.wait_until(lambda: path.exists() and open_latent(path).header.frames >= frames)


@pytest.fixture
def feed(
    start: Callable[..., Running], model: Words, output: Path, clip_frames: np.ndarray
) -> Callable[..., Feed]:
    def one(*words: str) -> Feed:
        fixed = ("stream", "-", "--raw", "64x48", "-o", output, *model, "--json")
        return Feed(start(*fixed, *words, folder=output.parent), clip_frames)

    return one


# -- sources ---------------------------------------------------------------------------------------------


def test_a_file_gives_what_compress_student_gives(
    cli: Cli, clip_path: Path, output: Path, model: Words
) -> None:
    ran = cli("stream", clip_path, "-o", output, *model, "--json")
    assert (ran.code, ran.err) == (0, "")
    (report,) = ran.json
    assert report["frames"] == 40
    assert (report["method"], report["ended"], report["finished"]) == ("student", "source", True)
    assert report["bytes"] == output.stat().st_size
    assert report["nodes"] == 10
    other = output.with_name("compressed.safetensors")
    assert cli("compress", clip_path, "-o", other, *model, "--student", "-g", "0").code == 0
    assert output.read_bytes() == other.read_bytes()
    assert open_latent(output).header.student


def test_the_tree_online_is_the_tree(cli: Cli, clip_path: Path, output: Path, model: Words) -> None:
    assert cli("stream", clip_path, "-o", output, *model, "--tree", "--frames", "13").code == 0
    other = output.with_name("compressed.safetensors")
    assert cli("compress", clip_path, "-o", other, *model, "-g", "0", "--frames", ":13").code == 0
    header = open_latent(output).header
    assert header == open_latent(other).header
    tree, compressed = (
        np.stack(list(imfn.read_frames(path, model=model[1]))).astype(int) for path in (output, other)
    )
    assert np.abs(tree - compressed).max() <= 12  # symbols on the edge of a step may fall either way
    assert np.abs(tree - compressed).mean() < 0.05


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("how", [[], ["--tree"], ["--forget"]])
def test_pillows_frames_warn_of_nothing(
    cli: Cli, clip_frames: np.ndarray, output: Path, model: Words, how: Words, tmp_path: Path
) -> None:
    """They are read-only, which PyTorch would say in five lines."""
    images = [Image.fromarray(frame) for frame in clip_frames[:5]]
    images[0].save(tmp_path / "clip.gif", save_all=True, append_images=images[1:])
    ran = cli("stream", tmp_path / "clip.gif", "-o", output, *model, *how)
    assert (ran.code, ran.err) == (0, "")


def test_sound_of_a_file_is_kept(cli: Cli, output: Path, model: Words, tmp_path: Path) -> None:
    film = film_with_sound(tmp_path / "a.mp4")
    assert cli("stream", film, "-o", output, *model).err == ""
    imfn.decompress(output, tmp_path / "b.mp4", model=model[1])
    assert packets_of(tmp_path / "b.mp4") == packets_of(film)


@pytest.mark.parametrize("words", [("--frames", "9"), ("--forget",)])
def test_sound_that_is_left_out_is_told_of(
    cli: Cli, output: Path, model: Words, tmp_path: Path, words: Words
) -> None:
    ran = cli("stream", film_with_sound(tmp_path / "a.mp4"), "-o", output, *model, *words)
    assert ran.code == 0
    assert "sound and subtitles left out: they are kept of whole files, not by --forget" in ran.err


def test_alpha_is_left_out(cli: Cli, output: Path, model: Words, tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        film = container.add_stream("ffv1", rate=25, width=64, height=48, pix_fmt="bgra")
        assert isinstance(film, VideoStream)
        for _ in range(3):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 4), 90, np.uint8), format="rgba")
            container.mux(film.encode(frame))
        container.mux(film.encode(None))
    ran = cli("stream", tmp_path / "a.mkv", "-o", output, *model)
    assert ran.code == 0
    assert "alpha channel dropped (composited on black)" in ran.err


def test_times_are_kept(cli: Cli, clip_path: Path, output: Path, model: Words) -> None:
    assert cli("stream", clip_path, "-o", output, *model).code == 0
    assert list(open_latent(output).times()) == [40 * index for index in range(40)]


@pytest.mark.parametrize(
    ("limit", "frames"), [(("--frames", "10"), 10), (("--duration", "0.5"), 13), (("--frames", "99"), 40)]
)
def test_limits(cli: Cli, clip_path: Path, output: Path, model: Words, limit: Words, frames: int) -> None:
    (report,) = cli("stream", clip_path, "-o", output, *model, *limit, "--json").json
    assert report["frames"] == frames
    assert report["ended"] == ("limit" if frames < 40 else "source")
    assert open_latent(output).header.frames == frames


@pytest.mark.parametrize("pixel_format", ["rgb24", "gray", "yuv420p"])
def test_raw_frames_on_stdin(
    cli: Cli, clip_frames: np.ndarray, output: Path, model: Words, tmp_path: Path, pixel_format: str
) -> None:
    raw = io.BytesIO()
    for pixels in clip_frames[:6]:
        picture = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format=pixel_format)
        raw.write(np.ascontiguousarray(picture.to_ndarray()).tobytes())
    (tmp_path / "raw").write_bytes(raw.getvalue())
    with (tmp_path / "raw").open("rb") as file, standard_input(file.fileno()):
        ran = cli(
            *("stream", "-", "--raw", "64x48", "--pix-fmt", pixel_format, "--fps", "30000/1001"),
            *("-o", output, *model, "-q", "90", "--json"),
        )
    assert ran.code == 0, ran.err
    header = open_latent(output).header
    assert header.frames == 6
    assert float(header.frame_rate or 0) == pytest.approx(30000 / 1001)
    assert header.channels == (1 if pixel_format == "gray" else 3)
    restored = np.stack(list(imfn.read_frames(output, model=model[1]))).astype(float)
    wanted = clip_frames[:6].astype(float)
    if pixel_format == "gray":
        wanted = (wanted @ [0.299, 0.587, 0.114])[..., None]
    assert np.square(restored[:4] - wanted[:4]).mean() < 150


def test_a_container_on_stdin(cli: Cli, clip_path: Path, output: Path, model: Words) -> None:
    with clip_path.open("rb") as file, standard_input(file.fileno()):
        ran = cli("stream", "-", "-o", output, *model, "--json")
    assert ran.code == 0, ran.err
    assert ran.json[0]["frames"] == 40
    assert list(open_latent(output).times()) == [40 * index for index in range(40)]


# -- ends ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_the_tail(feed: Callable[..., Feed], output: Path, number: int) -> None:
    fed = feed()
    fed.send(11)
    fed.running.wait_until(fed.running.rests)
    ran = fed.running.signal(number)
    assert ran.code == 0, ran.err
    (report,) = ran.json
    assert (report["ended"], report["frames"]) == ("signal", 11)
    reader = open_latent(output)
    assert not reader.growing
    assert [len(node.frames) for node in reader.nodes] == [4, 4, 2, 1]


def test_killed_at_random_moments_all_finished_nodes_are_there(
    feed: Callable[..., Feed], output: Path, cli: Cli, model: Words
) -> None:
    moments = random.Random(7)
    for attempt in range(3):
        fed = feed("--force", *(["--tree"] if attempt == 2 else []))
        output.unlink(missing_ok=True)
        fed.send(8)
        fed.wait_for(output, 4)
        for _ in range(moments.randint(0, 30)):
            fed.send(moments.randint(1, 4))
            time.sleep(moments.random() * 0.01)
        before = open_latent(output).header.frames
        ran = fed.running.signal(signal.SIGKILL)
        assert ran.code == -signal.SIGKILL
        reader = open_latent(output)
        assert reader.growing
        assert before <= reader.header.frames <= fed.sent
        # Frames sent and not there are those of unfinished nodes, and of pipe and queues.
        assert [node.level for node in reader.nodes] == [2] * len(reader.nodes)
        assert cli("verify", output, *model[:2]).code == 0
        assert "still grows" in cli("info", output).out
        restored = cli("decompress", output, *model[:2], "-o", output.with_suffix(".npy"), "--force")
        assert restored.code == 0, restored.err
        assert len(np.load(output.with_suffix(".npy"))) == reader.header.frames


def test_a_damaged_head_costs_its_node_only(
    cli: Cli, clip_path: Path, output: Path, model: Words, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a file that was left as it grew: verify names the node, all others are restored."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(streaming, "compact", full)
    (report,) = cli("stream", clip_path, "-o", output, *model, "--json").json
    assert report["finished"] is False
    whole = list(imfn.read_frames(output, model=model[1]))
    content = bytearray(output.read_bytes())
    content[open_latent(output).nodes[3].offset - HEAD_SIZE + 9] ^= 0x40
    output.write_bytes(content)
    ran = cli("verify", output, *model[:2])
    assert ran.code == 1
    assert ran.line == f"{output}: node 3 (frames 12 to 15) is damaged (the head of its record)"
    assert "1 of 10 nodes damaged (10 nodes, 40 frames" in ran.out
    restored = output.with_suffix(".npy")
    ran = cli("decompress", output, *model[:2], "-o", restored)
    assert ran.code == 1
    assert "--skip-damaged restores the others" in ran.line
    ran = cli("decompress", output, *model[:2], "-o", restored, "--skip-damaged")
    assert "frames 12 to 15 are damaged" in ran.line
    found = np.load(restored)
    good = [*range(12), *range(16, 40)]
    assert np.abs(found[good].astype(int) - np.stack(whole)[good]).max() <= 1
    assert list(open_latent(output).times()) == [40 * index for index in range(40)]
    assert cli("info", output, "--nodes").code == 0


def test_a_source_that_breaks_keeps_what_came_before(
    cli: Cli, clip_path: Path, output: Path, model: Words, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from imfn_cli.media.sources import picture

    original = picture.Picture.converter

    def breaking(self: picture.Picture) -> Callable[..., object]:
        convert, count = original(self), iter(range(100))

        def one(frame: object) -> object:
            if next(count) == 9:
                raise ValueError("broken")
            return convert(frame)  # type: ignore[arg-type]

        return one

    monkeypatch.setattr(picture.Picture, "converter", breaking)
    ran = cli("stream", clip_path, "-o", output, *model)
    assert ran.code == 1
    assert ran.line.endswith(f"; the 9 frames before are in {output}")
    assert open_latent(output).header.frames == 9


def test_a_pipe_that_falls_silent_is_waited_for_as_long_as_asked(
    cli: Cli, clip_frames: np.ndarray, output: Path, model: Words
) -> None:
    reading, writing = os.pipe()
    sent = threading.Thread(target=os.write, args=(writing, clip_frames[:9].tobytes()), daemon=True)
    try:
        with standard_input(reading):
            sent.start()
            ran = cli("stream", "-", "--raw", "64x48", "-o", output, *model, "--timeout", "2")
    finally:
        os.close(writing)
        os.close(reading)
    assert ran.code == 1
    frames = open_latent(output).header.frames
    assert frames >= 8
    assert ran.line.startswith("stdin: no frame came for 2 s; check that it still sends")
    assert ran.line.endswith(f"the {frames} frames before are in {output}")


def test_a_device_is_asked_for_size_and_rate(cli: Cli, output: Path, model: Words) -> None:
    """FFmpeg's own source of test pictures, a device like a camera to it, on machines without one."""
    words = ("stream", "testsrc=size=64x48:rate=10", "--input-format", "lavfi", "--fps", "10")
    ran = cli(*words, "-o", output, *model, "--frames", "6", "--json")
    assert ran.code == 0, ran.err
    assert ran.json[0]["ended"] == "limit"
    header = open_latent(output).header
    assert (header.frames, header.height, header.width, header.frame_rate) == (6, 48, 64, 10)
    ran = cli("stream", "camera:/dev/null", "-o", output.with_name("x.safetensors"), *model)
    assert ran.code == 1
    assert ran.line.startswith("camera:/dev/null: this device cannot be opened (")


# -- failures --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("nothing.mp4", "-r", "4"), 1, "nothing.mp4: "),
        (("-", "--raw", "64", "-r", "4"), 1, "size '64'; write WIDTHxHEIGHT"),
        (("-", "--raw", "64x48", "--pix-fmt", "nope"), 1, "pixel format 'nope' is not known"),
        (("-", "--raw", "64x48", "--fps", "0"), 1, "'0' frames per second"),
        (("-", "--fps", "25"), 2, "for raw frames; say --raw"),
        (("-", "--pix-fmt", "gray"), 2, "is for raw frames; say --raw"),
        (("-", "--size", "64x48"), 2, "is asked of a camera"),
        (("-", "--timeout", "-1"), 2, "'--timeout'"),
        (("-", "--input-format", "nope", "-r", "4"), 1, "no input format 'nope'"),
        (("x.mp4", "--duration", "0"), 2, "0.0 seconds"),
        (("x.mp4", "-r", "3"), 2, "nearest: 2 or 4"),
    ],
)
def test_bad_input_is_one_line(
    cli: Cli, output: Path, tiny_model_dir: Path, words: Words, code: int, message: str
) -> None:
    ran = cli("stream", *words, "-o", output, "-m", tiny_model_dir)
    assert ran.code == code
    assert message in ran.line
    assert not output.exists()


def test_existing_outputs_stay(cli: Cli, clip_path: Path, output: Path, model: Words) -> None:
    output.write_text("precious")
    ran = cli("stream", clip_path, "-o", output, *model)
    assert ran.code == 1
    assert "exists already" in ran.line
    assert output.read_text() == "precious"
    assert cli("stream", clip_path, "-o", output, *model, "--force", "--quiet") == Ran(0, "", "")
    assert open_latent(output).header.frames == 40


def test_without_a_video_on_stdin(cli: Cli, output: Path, model: Words, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no video at all")
    with (tmp_path / "text").open("rb") as file, standard_input(file.fileno()):
        ran = cli("stream", "-", "-o", output, *model)
    assert ran.code == 1
    assert "stdin: is not a video that can be read; for raw frames say --raw WIDTHxHEIGHT" in ran.line
    assert not output.exists()
