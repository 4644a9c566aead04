"""`import imfn_cli as imfn`: light to import, and the same rules as the command line."""

import doctest
import inspect
import itertools
import pkgutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import is_dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any, assert_type, get_overloads

import numpy as np
import pytest
import torch

import imfn_cli as imfn
from imfn_cli import defaults, reports
from imfn_cli.api.call_options import CompressOptions, StreamOptions
from imfn_cli.bitstream.open import open_latent
from imfn_cli.codec import stream_place
from imfn_cli.zoo import model_folders


def test_importing_it_is_light() -> None:
    code = "import sys, imfn_cli; print(imfn_cli.__version__, *sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(imfn.__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    version, *loaded = ran.stdout.split()
    assert version == imfn.__version__
    assert not set(loaded) & {"torch", "numpy", "av", "PIL", "typer", "rich", "safetensors", "pydantic"}


def test_everything_public_is_documented_and_typed() -> None:
    for name in imfn.__all__:
        if name == "__version__":
            continue
        thing = getattr(imfn, name)
        assert thing.__doc__, name
        if not isinstance(thing, type):
            hints = thing.__annotations__
            assert "return" in hints, name
            assert set(thing.__code__.co_varnames[: thing.__code__.co_argcount]) <= set(hints), name
    # Names of modules stay modules.
    assert not set(imfn.__all__) & {module.name for module in pkgutil.iter_modules(imfn.__path__)}


def test_what_functions_return_is_public_down_to_its_parts() -> None:
    parts = {name for name, one in vars(reports).items() if isinstance(one, type) and is_dataclass(one)}
    assert parts <= set(imfn.__all__)


@pytest.mark.parametrize(
    ("function", "options", "own"),
    [
        (imfn.compress, CompressOptions, {"rate", "stream", "audio"}),
        (imfn.stream, StreamOptions, {"forget"}),
    ],
)
def test_overloads_have_every_argument(function: Callable[..., object], options: type, own: set[str]) -> None:
    """What the overloads share is declared once more than the function itself; no argument is forgotten."""
    named = inspect.signature(function).parameters.values()
    wanted = {one.name for one in named if one.kind is inspect.Parameter.KEYWORD_ONLY}
    assert set(options.__annotations__) == wanted - own
    assert len(get_overloads(function)) > 1


def typed(frames: np.ndarray, forget: bool) -> None:
    """Never called: what a type checker makes of the overloads, which mypy compares."""
    assert_type(imfn.stream("clip.mp4", ratio=8), imfn.StreamReport)
    assert_type(imfn.stream("clip.mp4", forget=True, half_life=8), imfn.FadingMemoryReport)
    assert_type(imfn.stream("clip.mp4", forget=forget), imfn.StreamReport | imfn.FadingMemoryReport)
    assert_type(imfn.compress("clip.mp4", audio=False), imfn.CompressReport)
    assert_type(imfn.compress(frames, "clip.safetensors", rate=30), imfn.CompressReport)
    # An array has no name to go by, a file has a rate of its own, and frames have no sound.
    imfn.compress(frames)  # type: ignore[call-overload]
    imfn.compress("clip.mp4", rate=30)  # type: ignore[call-overload]
    imfn.compress(frames, "clip.safetensors", audio=False)  # type: ignore[call-overload]


def test_every_error_is_an_imfn_error() -> None:
    for error in (imfn.InputError, imfn.OutputError, imfn.LatentError, imfn.ModelError, imfn.RatioError):
        assert issubclass(error, imfn.ImfnError)
    assert imfn.RatioError("x").exit_code == 2


class TestCompress:
    def test_a_file(self, clip_path: Path, tmp_path: Path, tiny_model: imfn.Model) -> None:
        source = tmp_path / "my.clip.mkv"
        source.write_bytes(clip_path.read_bytes())
        seen: list[tuple[int, int | None]] = []
        report = imfn.compress(
            str(source), model=tiny_model, ratio=4, progress=lambda *counts: seen.append(counts)
        )
        assert report.output == str(tmp_path / "my.clip.safetensors")
        assert (report.frames, report.quality) == (40, defaults.QUALITY)
        assert seen[-1][0] == 40
        assert report.to_dict()["frames"] == 40

    def test_the_default_ratio(
        self, tmp_path: Path, tiny_model: imfn.Model, vector_model: imfn.Model
    ) -> None:
        frames = np.zeros((2, 16, 16, 3), np.uint8)

        def ratio(model: imfn.Model, **how: Any) -> int | str:
            return imfn.compress(frames, tmp_path / "x", model=model, force=True, **how).ratio

        assert ratio(tiny_model) == "auto"
        # A student has one ratio; memories of vectors have no blocks to cut.
        with pytest.raises(imfn.RatioError, match="16"):
            ratio(tiny_model, student=True)
        with pytest.raises(imfn.RatioError, match="16"):
            ratio(vector_model)

    @pytest.mark.parametrize("shape", [(5, 9, 11), (5, 9, 11, 1), (5, 9, 11, 3), (1, 1, 1)])
    def test_an_array(self, tmp_path: Path, tiny_model: imfn.Model, shape: tuple[int, ...]) -> None:
        pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        report = imfn.compress(pixels, tmp_path / "x", model=tiny_model, ratio=1, quality=100)
        assert (report.source, report.frames, report.source_bytes) == ("array", shape[0], pixels.nbytes)
        restored = np.stack(list(imfn.read_frames(tmp_path / "x", model=tiny_model)))
        assert np.abs(restored.reshape(shape).astype(int) - pixels).max() <= 4

    def test_an_array_in_any_memory_order(self, tmp_path: Path, tiny_model: imfn.Model) -> None:
        pixels = np.random.default_rng(0).integers(0, 256, (4, 10, 12, 3), np.uint8)
        for name, array in (("a", pixels), ("b", np.asfortranarray(pixels)), ("c", pixels[::-1][::-1])):
            imfn.compress(array, tmp_path / name, model=tiny_model, ratio=2)
        assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() == (tmp_path / "c").read_bytes()

    def test_some_frames_of_an_array(
        self, tmp_path: Path, tiny_model: imfn.Model, clip_frames: np.ndarray
    ) -> None:
        imfn.compress(clip_frames, tmp_path / "a", model=tiny_model, ratio=4, frames=(3, 10))
        imfn.compress(clip_frames[3:10], tmp_path / "b", model=tiny_model, ratio=4)
        ours, theirs = (list(imfn.read_frames(tmp_path / name, model=tiny_model)) for name in "ab")
        np.testing.assert_array_equal(ours, theirs)

    @pytest.mark.parametrize(
        "array",
        [
            np.zeros((2, 8, 8), np.float32),
            np.zeros((8, 8), np.uint8),
            np.zeros((2, 8, 8, 2), np.uint8),
            np.zeros((0, 8, 8), np.uint8),
            np.zeros((2, 0, 8), np.uint8),
        ],
    )
    def test_other_arrays_are_refused(
        self, tmp_path: Path, tiny_model: imfn.Model, array: np.ndarray
    ) -> None:
        with pytest.raises(imfn.InputError, match=r"^array: "):
            imfn.compress(array, tmp_path / "x", model=tiny_model, ratio=1)
        assert not (tmp_path / "x").exists()

    def test_an_array_needs_an_output(self, tiny_model: imfn.Model) -> None:
        with pytest.raises(imfn.OutputError, match="output="):
            imfn.compress(np.zeros((2, 8, 8), np.uint8), model=tiny_model, ratio=1)  # type: ignore[call-overload]

    def test_a_directory_of_several_sequences(self, tmp_path: Path, tiny_model: imfn.Model) -> None:
        for name in ("a.npy", "b.npy"):
            np.save(tmp_path / name, np.zeros((2, 8, 8), np.uint8))
        with pytest.raises(imfn.InputError, match="holds 2 sequences"):
            imfn.compress(tmp_path, model=tiny_model, ratio=1)

    def test_wrong_values(self, tmp_path: Path, tiny_model: imfn.Model) -> None:
        pixels = np.zeros((2, 8, 8), np.uint8)
        with pytest.raises(imfn.RatioError, match="nearest: 2 or 4"):
            imfn.compress(pixels, tmp_path / "x", model=tiny_model, ratio=3)
        with pytest.raises(ValueError, match="0 to 100"):
            imfn.compress(pixels, tmp_path / "x", model=tiny_model, ratio=1, quality=101)
        with pytest.raises(TypeError):
            imfn.compress(pixels, tmp_path / "x", model=tiny_model, ratio=2.0)  # type: ignore[call-overload]
        with pytest.raises(imfn.InputError, match="no frame 5"):
            imfn.compress(pixels, tmp_path / "x", model=tiny_model, ratio=1, frames=(5, None))
        with pytest.raises(imfn.ModelError, match="no model 'nope'"):
            imfn.compress(pixels, tmp_path / "x", model="nope")
        assert not (tmp_path / "x").exists()
        # Whole numbers of any kind are numbers.
        imfn.compress(pixels, tmp_path / "x", model=tiny_model, ratio=np.int64(2), quality=np.uint8(7))  # type: ignore[call-overload]

    def test_it_does_not_overwrite(self, tmp_path: Path, tiny_model: imfn.Model) -> None:
        pixels = np.zeros((2, 8, 8), np.uint8)
        imfn.compress(pixels, tmp_path / "x", model=tiny_model, ratio=1)
        with pytest.raises(imfn.OutputError, match="exists already"):
            imfn.compress(pixels, tmp_path / "x", model=tiny_model, ratio=1)
        imfn.compress(pixels, tmp_path / "x", model=tiny_model, ratio=1, force=True)


class TestStream:
    def test_frames_of_a_program(
        self, tmp_path: Path, tiny_model: imfn.Model, clip_frames: np.ndarray
    ) -> None:
        """The same nodes as those of the whole array at once, and the rate that was said."""
        path, whole = tmp_path / "live.safetensors", tmp_path / "whole"
        seen: list[int] = []
        report = imfn.stream(
            iter(clip_frames[:13]),
            path,
            model=tiny_model,
            ratio=4,
            rate="30000/1001",
            progress=lambda live: seen.append(live.frames),
        )
        assert isinstance(report, imfn.StreamReport)
        assert (report.source, report.output, report.frames, report.nodes) == ("frames", str(path), 13, 4)
        assert (report.method, report.ended, report.finished) == ("student", "source", True)
        assert seen == list(range(1, 14))
        imfn.compress(clip_frames[:13], whole, model=tiny_model, ratio=4, gop=0, student=True)
        ours, theirs = open_latent(path), open_latent(whole)
        assert [ours.read(node) for node in ours.nodes] == [theirs.read(node) for node in theirs.nodes]
        assert ours.header.frame_rate == Fraction(30000, 1001)
        assert list(ours.times()) == list(range(13))
        assert ours.header.time_base == Fraction(1001, 30000)

    def test_a_path(self, tmp_path: Path, tiny_model: imfn.Model, clip_path: Path) -> None:
        report = imfn.stream(
            clip_path, tmp_path / "x", model=tiny_model, ratio=4, quality=80, tree=True, frames=10
        )
        assert isinstance(report, imfn.StreamReport)
        assert (report.frames, report.method, report.quality, report.ended) == (10, "tree", 80, "limit")

    def test_raw_frames(self, tmp_path: Path, tiny_model: imfn.Model) -> None:
        (tmp_path / "raw").write_bytes(bytes(8 * 6 * 5))
        layout: dict[str, Any] = {"raw": "8x6", "pixel_format": "gray", "rate": 5}
        report = imfn.stream(tmp_path / "raw", tmp_path / "x", model=tiny_model, ratio=1, **layout)
        assert (report.frames, report.height, report.width, report.channels) == (5, 6, 8, 1)
        assert open_latent(tmp_path / "x").header.frame_rate == 5

    def test_an_array_is_its_frames(self, tmp_path: Path, tiny_model: imfn.Model) -> None:
        report = imfn.stream(np.zeros((5, 9, 11), np.uint8), tmp_path / "x", model=tiny_model, ratio=2)
        assert (report.frames, report.height, report.width, report.channels) == (5, 9, 11, 1)

    def test_the_default_output(
        self, tmp_path: Path, tiny_model: imfn.Model, clip_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        report = imfn.stream(clip_path, model=tiny_model, ratio=4, frames=4)
        assert report.output == "clip.safetensors"
        assert (tmp_path / "clip.safetensors").is_file()

    @pytest.mark.parametrize(
        ("source", "name"),
        [
            ("-", "stdin"),
            ("camera:0", "camera-0"),
            ("/dev/video2", "video2"),
            ("rtsp://user:secret@host:554/live/main.sdp?x=1", "main"),
            ("rtsp://user:secret@host:554", "host"),
            ("udp://@239.0.0.1:1234", "239.0.0.1"),
            ("tcp://[::1]:99", "1"),
            ("http://[broken", "stream"),
            ("http://host/a b%20c", "a-b-20c"),
        ],
    )
    def test_names_of_sources(self, source: str, name: str) -> None:
        assert str(stream_place(source)) == f"{name}.safetensors"

    def test_one_memory_of_all(self, tmp_path: Path, tiny_model: imfn.Model, clip_frames: np.ndarray) -> None:
        path = tmp_path / "past.safetensors"
        report = imfn.stream(iter(clip_frames), path, model=tiny_model, forget=True, half_life=4)
        assert isinstance(report, imfn.FadingMemoryReport)
        assert (report.frames, report.half_life) == (40, 4)
        restored = imfn.decompress(path, tmp_path / "x.npy", model=tiny_model, frames=(36, 40))
        error = np.square(np.load(restored.output).astype(float) - clip_frames[36:]).mean()
        assert error < clip_frames.var() / 4

    def test_somebody_stops_it(self, tmp_path: Path, tiny_model: imfn.Model) -> None:
        """An endless source, and another that gives nothing more."""
        for path, endless in ((tmp_path / "a", True), (tmp_path / "b", False)):
            waiting = threading.Event()
            seen: list[object] = []

            def frames(endless: bool = endless, waiting: threading.Event = waiting) -> Iterator[np.ndarray]:
                for _ in itertools.count() if endless else range(9):
                    yield np.zeros((8, 8), np.uint8)
                waiting.wait(60)

            report = imfn.stream(
                frames(),
                path,
                model=tiny_model,
                ratio=4,
                stopping=partial(_holds_nine, seen),
                progress=seen.append,
            )
            waiting.set()
            assert (report.ended, report.frames) == ("signal", 9)
            assert open_latent(path).header.frames == 9

    def test_what_a_source_raises_comes_after_what_it_gave(
        self, tmp_path: Path, tiny_model: imfn.Model
    ) -> None:
        def breaking() -> Iterator[np.ndarray]:
            for _ in range(6):
                yield np.zeros((8, 8, 3), np.uint8)
            raise ConnectionError("unplugged")

        with pytest.raises(ConnectionError, match="unplugged") as caught:
            imfn.stream(breaking(), tmp_path / "x", model=tiny_model, ratio=4)
        assert caught.value.__notes__ == [f"imfn: the 6 frames before are in {tmp_path / 'x'}"]
        reader = open_latent(tmp_path / "x")
        assert (reader.header.frames, reader.growing) == (6, False)
        mixed = [np.zeros((8, 8), np.uint8)] * 5 + [np.zeros((8, 9), np.uint8)]
        with pytest.raises(imfn.InputError, match=r"frame 5 is of shape \(8, 9\).*the 5 frames before"):
            imfn.stream(mixed, tmp_path / "y", model=tiny_model, ratio=4)
        assert open_latent(tmp_path / "y").header.frames == 5

    def test_wrong_values(self, tmp_path: Path, tiny_model: imfn.Model) -> None:
        taken: list[int] = []

        def frames() -> Iterator[np.ndarray]:
            taken.append(1)
            yield np.zeros((8, 8), np.uint8)

        place = tmp_path / "x"
        wrong: tuple[dict[str, Any], ...] = (
            {"frames": 0},
            {"duration": 0.0},
            {"half_life": 8},
            {"forget": True, "half_life": 0.5},
            {"quality": 101},
            {"sync": -1},
            {"timeout": 3},
            {"size": "8x8"},
        )
        for options in wrong:
            with pytest.raises(ValueError):  # noqa: PT011 - each says what is wrong
                imfn.stream(frames(), place, model=tiny_model, **{"ratio": 4, **options})
        with pytest.raises(imfn.RatioError, match="nearest: 2 or 4"):
            imfn.stream(frames(), place, model=tiny_model, ratio=3)
        with pytest.raises(imfn.OutputError, match="output="):
            imfn.stream(frames(), model=tiny_model, ratio=4)
        with pytest.raises(imfn.InputError, match="frames per second"):
            imfn.stream(frames(), place, model=tiny_model, ratio=4, rate=0)
        with pytest.raises(imfn.InputError, match="there are none"):
            imfn.stream([], place, model=tiny_model, ratio=4)
        assert not place.exists()
        assert not taken
        imfn.stream(frames(), place, model=tiny_model, ratio=4)
        with pytest.raises(imfn.OutputError, match="exists already"):
            imfn.stream(frames(), place, model=tiny_model, ratio=4)
        assert imfn.stream(frames(), place, model=tiny_model, ratio=4, force=True).frames == 1

    def test_the_documented_example(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        if not model_folders():
            pytest.skip("no model ships with this installation")
        monkeypatch.chdir(tmp_path)
        assert imfn.stream.__doc__ is not None
        (example,) = doctest.DocTestFinder().find(imfn.stream, "stream", globs={})
        result = doctest.DocTestRunner().run(example)
        assert (result.failed, result.attempted) == (0, 5)


def _holds_nine(seen: list[object]) -> bool:
    return len(seen) >= 9


@pytest.fixture
def latent(tmp_path: Path, clip_frames: np.ndarray, tiny_model: imfn.Model) -> Path:
    """13 frames at 4:1."""
    path = tmp_path / "clip.safetensors"
    imfn.compress(clip_frames[:13], path, model=tiny_model, ratio=4)
    return path


class TestDecompress:
    def test_to_a_file(self, latent: Path, tiny_model_dir: Path, tiny_model: imfn.Model) -> None:
        seen: list[tuple[int, int | None]] = []
        report = imfn.decompress(latent, model=tiny_model_dir, progress=lambda *counts: seen.append(counts))
        assert report.output == str(latent.with_name("clip.restored.npy"))
        assert (report.frames, report.height, report.width, report.damaged) == (13, 48, 64, ())
        assert seen[-1] == (13, 13)
        whole = np.load(report.output)
        report = imfn.decompress(latent, latent.with_name("part.npy"), model=tiny_model, frames=(9, None))
        np.testing.assert_array_equal(np.load(report.output), whole[9:])

    def test_errors(self, latent: Path, tiny_model: imfn.Model) -> None:
        with pytest.raises(imfn.LatentError, match="no such file"):
            imfn.decompress(latent.with_name("no"), model=tiny_model)
        with pytest.raises(imfn.OutputError, match="input itself"):
            imfn.decompress(latent, latent, model=tiny_model, force=True)
        with pytest.raises(imfn.InputError, match="counted from 0"):
            imfn.decompress(latent, model=tiny_model, frames=(-2, None))
        with pytest.raises(imfn.ModelError, match="which is not here"):
            imfn.decompress(latent)


class TestReadFrames:
    def test_they_come_one_by_one(self, latent: Path, tiny_model: imfn.Model) -> None:
        frames = imfn.read_frames(latent, model=tiny_model)
        assert isinstance(frames, Iterator)
        first = next(frames)
        assert (first.shape, first.dtype) == ((48, 64, 3), np.uint8)
        assert len(list(frames)) == 12

    def test_errors_come_before_the_first_frame(self, latent: Path, tiny_model: imfn.Model) -> None:
        for start, stop in ((13, None), (-1, 3), (5, 5), (5, 4)):
            with pytest.raises(imfn.InputError):
                imfn.read_frames(latent, start, stop, model=tiny_model)
        with pytest.raises(imfn.ModelError):
            imfn.read_frames(latent)


class TestModel:
    def test_memories_of_tensors(self, tiny_model_dir: Path) -> None:
        model = imfn.load(tiny_model_dir, device="cpu")
        assert model.ratios == (1, 2, 4, 8)
        frames = torch.rand(8, 3, 21, 30)
        memories = model.compress(frames, 4)
        assert memories.shape == (2, 192, 3, 4)
        root = model.merge(memories[:1], memories[1:], 3)
        assert root.shape == (1, 192, 3, 4)
        torch.testing.assert_close(root, model.compress(frames, 8))
        left, right = model.split(root, 3)
        assert left.shape == right.shape == (1, 192, 3, 4)
        assert model.restore(root, 8, 21, 30).shape == frames.shape
        torch.testing.assert_close(
            model.restore(model.compress(frames, 1), 1, 21, 30), frames, atol=1e-4, rtol=0
        )

    def test_a_device_that_is_not_there(self, tiny_model_dir: Path) -> None:
        with pytest.raises(imfn.ModelError, match="choose one of auto"):
            imfn.load(tiny_model_dir, device="tpu")
        if not torch.cuda.is_available():
            with pytest.raises(imfn.ModelError, match="PyTorch sees none here"):
                imfn.load(tiny_model_dir, device="cuda")


def test_verify(latent: Path, tiny_model: imfn.Model) -> None:
    report = imfn.verify(latent, tiny_model)
    assert (report.ok, report.decoded, report.nodes, report.frames) == (True, True, 4, 13)
    assert imfn.verify(latent).decoded is False
    data = bytearray(latent.read_bytes())
    data[-1] ^= 1
    latent.write_bytes(data)
    report = imfn.verify(latent, tiny_model)
    assert not report.ok
    (node,) = report.damaged
    assert (node.node, node.first_frame, node.last_frame) == (3, 12, 12)
    assert "node 3 (frame 12) is damaged" in node.problem
