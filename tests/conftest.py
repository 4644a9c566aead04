"""Frames and small fitted models that many tests share, made by code from fixed seeds."""

import csv
import gc
import itertools
import os
import signal

# Before numpy is loaded: several BLAS threads on small matrices fight each other on a busy machine.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from imfn_cli.media import SequenceInfo, Source, expand_inputs, open_writer
from imfn_cli.network import IMFN, IMFNConfig
from imfn_cli.training.linear_run import fit_linear
from imfn_cli.training.samples import Sample
from imfn_cli.zoo import Model, load, save

# A shell's background job ignores Ctrl-C, and so would every process that tests start and interrupt.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--regenerate",
        action="store_true",
        help="Write the fixtures of this format version, where there are none.",
    )


@pytest.fixture(scope="session", autouse=True)
def no_models_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Whoever runs the tests may have models of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IMFN_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.delenv("IMFN_MODELS", raising=False)
        yield


@pytest.fixture(scope="session", autouse=True)
def no_word_of_compiling() -> Iterator[None]:
    """Which test is the first to use the kernels depends on the order; none shall see what is said then."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("imfn_cli.cli.main.when_compiling", lambda tell: None)
        yield


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real clips: $IMFN_DATA, else shared/data beside the checkout."""
    folder = Path(os.environ.get("IMFN_DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not folder.is_dir():
        pytest.skip("no real clips: set IMFN_DATA")
    return folder


def make_clip(count: int = 40, height: int = 48, width: int = 64, *, seed: int = 0) -> np.ndarray:
    """Discs and bars that move over a drifting texture: uint8 (count, height, width, 3)."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    waves = random.uniform(0.05, 0.6, (5, 2))
    phases, drifts = random.uniform(0, 6, (5, 3)), random.uniform(-0.2, 0.2, 5)
    shapes = [(random.uniform(0, 1, 4), random.uniform(4, 12), random.integers(0, 256, 3)) for _ in range(4)]
    grain = random.normal(0, 4, (height, width, 1))
    clip = np.empty((count, height, width, 3), np.uint8)
    for t in range(count):
        frame = 120 + grain
        for (fy, fx), phase, drift in zip(waves, phases, drifts, strict=True):
            frame = frame + 14 * np.sin((fy * y + fx * x)[..., None] + phase + drift * t)
        for index, ((cy, cx, vy, vx), size, colour) in enumerate(shapes):
            dy = y - (cy * height + 3 * (vy - 0.5) * t) % height
            dx = x - (cx * width + 3 * (vx - 0.5) * t) % width
            inside = np.hypot(dy, dx) < size if index % 2 else (np.abs(dy) < size / 2) & (np.abs(dx) < size)
            frame = np.where(inside[..., None], 0.7 * colour + 0.3 * frame, frame)
        clip[t] = np.clip(np.round(frame), 0, 255)
    return clip


def make_digits(count: int, *, seed: int = 0) -> np.ndarray:
    """Strokes that look like digits from afar, ten frames of one, moving a little: uint8 (count, 28, 28)."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:28, :28]
    images = np.empty((count, 28, 28), np.uint8)
    for t in range(count):
        if t % 10 == 0:
            corners = random.uniform(6, 22, (4, 2))
        corners = corners + random.normal(0, 0.3, corners.shape)
        distance = np.full((28, 28), 99.0)
        for (ay, ax), (by, bx) in itertools.pairwise(corners):
            dy, dx = by - ay, bx - ax
            along = np.clip(((y - ay) * dy + (x - ax) * dx) / (dy * dy + dx * dx + 1e-9), 0, 1)
            distance = np.minimum(distance, np.hypot(y - ay - along * dy, x - ax - along * dx))
        images[t] = np.round(255 * np.clip(2 - distance, 0, 1))
    return images


def psnr(ours: np.ndarray, theirs: np.ndarray) -> float:
    """PSNR in dB of two uint8 arrays of one shape, over all samples."""
    return float(10 * np.log10(255**2 / max(np.mean((ours.astype(float) - theirs) ** 2), 1e-9)))


def read_csv(path: Path) -> list[dict[str, str]]:
    """The rows of a table with a header."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def silent(done: str, index: int, total: int) -> None:
    """A progress callback that says nothing."""


@pytest.fixture(scope="module")
def quick_collection() -> Iterator[None]:
    """For tests that watch the peak RSS, which begins with collecting garbage: modules are none, but many."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(scope="session")
def clip_frames() -> np.ndarray:
    """A colour clip, uint8 (40, 48, 64, 3): 64 wide and 48 high. `tiny_model` has not seen it."""
    return make_clip()


@pytest.fixture(scope="session")
def clip_path(clip_frames: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`clip_frames` as a lossless video, 25 frames a second, times in milliseconds."""
    path = tmp_path_factory.mktemp("clip") / "clip.mkv"
    count, height, width, channels = clip_frames.shape
    info = SequenceInfo(
        width=width,
        height=height,
        channels=channels,
        time_base=Fraction(1, 1000),
        frame_rate=Fraction(25),
        frame_count=count,
        kind="video",
        size_bytes=0,
    )
    with open_writer(path, info) as writer:
        for index, frame in enumerate(clip_frames):
            writer.write(frame, 40 * index)
    return path


@pytest.fixture(scope="session")
def training_sources(tmp_path_factory: pytest.TempPathFactory) -> list[Source]:
    """The clips that `tiny_model` is fitted to: four of 40 frames, 64×48, RGB."""
    folder = tmp_path_factory.mktemp("training")
    for seed in range(1, 5):
        np.save(folder / f"clip{seed}.npy", make_clip(seed=seed))
    return expand_inputs([str(folder)])


@pytest.fixture(scope="session")
def fit_model(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, list[Source], IMFNConfig], Path]:
    """Fit a linear model and save it; returns its folder, which bears its name."""

    def fit(name: str, sources: list[Source], config: IMFNConfig) -> Path:
        # A small sample for the entropy model: the fit takes a second, the tables are a little worse.
        fitted = fit_linear(sources, config, sample=Sample(400, memories=16), progress=silent)
        folder = tmp_path_factory.mktemp("models") / name
        folder.mkdir()
        save(folder, fitted.network, fitted.entropy, {"name": name, "kind": "linear"})
        return folder

    return fit


@pytest.fixture(scope="session")
def tiny_model_dir(
    fit_model: Callable[[str, list[Source], IMFNConfig], Path], training_sources: list[Source]
) -> Path:
    """Folder of a fitted linear model named "tiny": 8×8 RGB patches, 192 channels, ratios 1 to 8."""
    return fit_model("tiny", training_sources, IMFNConfig(levels=3))


@pytest.fixture(scope="session")
def tiny_model(tiny_model_dir: Path) -> Model:
    """The model in `tiny_model_dir`, loaded."""
    return load(str(tiny_model_dir), device="cpu")


@pytest.fixture(scope="session")
def digits_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """400 digit-like images as an array file, uint8 (400, 28, 28)."""
    path = tmp_path_factory.mktemp("digits") / "digits.npy"
    np.save(path, make_digits(400))
    return path


@pytest.fixture(scope="session")
def vector_model(fit_model: Callable[[str, list[Source], IMFNConfig], Path], digits_path: Path) -> Model:
    """A model whose memories are vectors (a 1×1 grid): one 28×28 gray patch, 16 numbers, ratios 1 to 8."""
    folder = fit_model("vector", expand_inputs([str(digits_path)]), IMFNConfig(28, 28, 1, 16, 3))
    return load(str(folder), device="cpu")


@pytest.fixture(scope="session")
def learned_dir(tiny_model: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model with branches that bend its memories a little: three levels, not linear any more."""
    config = IMFNConfig(levels=3, widths=(16, 16, 16), kernel=3, merge_blocks=1, split_blocks=1)
    network = IMFN(config).requires_grad_(False)
    network.load_state_dict(tiny_model.network.state_dict(), strict=False)
    torch.manual_seed(1)
    for level in (1, 2, 3):
        branch = network.sweeper(level).merge_branch
        assert branch is not None
        branch.leave.weight.normal_(0, 0.05)
    folder = tmp_path_factory.mktemp("models") / "learned"
    folder.mkdir()
    save(folder, network, tiny_model.entropy, {"name": "learned", "kind": "trained"})
    return folder


@pytest.fixture
def learned(learned_dir: Path, tmp_path: Path) -> Model:
    """A model with branches in a folder of its own, without a student."""
    folder = tmp_path / "learned"
    folder.mkdir()
    for name in ("config.json", "model.safetensors"):
        (folder / name).write_bytes((learned_dir / name).read_bytes())
    return load(str(folder), device="cpu")
