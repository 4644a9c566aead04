"""docs/FORMAT.md is enough to restore adaptive forests: the decoder after it gives the same pixels."""

import functools
import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import imfn_cli as imfn
from imfn_cli import codec
from imfn_cli.bitstream import open_latent
from imfn_cli.codec.adaptive import bases, gop_decoder, partition
from imfn_cli.codec.adaptive.gop_state import GopState
from imfn_cli.codec.adaptive.parameters import step_at
from imfn_cli.codec.adaptive.tables import TABLES
from imfn_cli.codec.adaptive.tree_bytes import Tree

from ..bitstream.adaptive_fixture import FOLDER, GROWN, save_model, unpacked_model
from ..conftest import make_clip
from .markdown import ROOT, table
from .second_adaptive import Forest, Gop, restore_adaptive
from .second_adaptive_pixels import bases_of, step_of
from .second_decoder import Model

pytestmark = pytest.mark.xdist_group("adaptive")

FORMAT = ROOT / "docs" / "FORMAT.md"
CONTEXTS = ROOT / "imfn_cli" / "codec" / "adaptive" / "contexts.npz"
Pixels = NDArray[np.uint8]


def test_the_tables_are_those_that_the_page_names() -> None:
    text = FORMAT.read_text(encoding="utf-8")
    (named,) = re.findall(r"`(\S+/contexts\.npz)` is part of the format.*?`([0-9a-f]{64})`", text, re.DOTALL)
    assert named == (
        CONTEXTS.relative_to(ROOT).as_posix(),
        hashlib.sha256(CONTEXTS.read_bytes()).hexdigest(),
    )
    rows = table(FORMAT, "12. Adaptive forests: GOPs, trees, windows", 1).rows
    with np.load(CONTEXTS) as arrays:
        found = [
            [f"`{name}`", f"{one.dtype.kind.upper()}{8 * one.dtype.itemsize} {one.shape}"]
            for name, one in arrays.items()
        ]
    assert [row[:2] for row in rows] == found


def test_steps() -> None:
    for quality, offset in [(q / 10, o) for q in range(0, 1001, 7) for o in (-64, -1, 0, 10, 28, 64)]:
        assert step_of(quality, offset) == step_at(quality, offset)


def moving() -> Pixels:
    """Nineteen frames of 33×45: half moves under noise, half stands; at frame 12 the picture changes."""
    frames = make_clip(19)[:, :33, :45]
    frames[:, :, :18] = frames[:1, :, :18]
    frames[12:] = make_clip(19, seed=3)[12:, 10:43, 12:57]
    noise = np.random.default_rng(0).normal(0, 3, frames.shape)
    return np.clip(frames + noise, 0, 255).astype(np.uint8)


def torn() -> Pixels:
    """Ten gray frames of 24×64 whose 8×8 squares move apart, dark at the end."""
    texture = make_clip(1, 96, 96, seed=5)[0, ..., :1]
    frames = np.zeros((10, 24, 64, 1), np.uint8)
    for t in range(10):
        for r in range(3):
            for c in range(8):
                y, x = 20 + 8 * r + t * (r * 3 + c) % 3 * 2, 20 + 6 * c + t * ((r + 2 * c) % 5 - 2)
                y, x = y % 88, x % 88
                frames[t, 8 * r : 8 * r + 8, 8 * c : 8 * c + 8] = texture[y : y + 8, x : x + 8]
    frames[9] //= 4
    return frames


def stripes() -> Pixels:
    """Three frames of 30×32: fine stripes from the upper left to the lower right, each brighter."""
    y, x = np.mgrid[:30, :32]
    frame = ((x - y) % 11 * 20)[..., None] // (1, 2, 3)
    return np.stack([frame + 15 * t for t in range(3)]).astype(np.uint8)


Kinds = tuple[Callable[[], Pixels], float, set[str]]
CLIPS: dict[str, Kinds] = {
    "moving": (moving, 41.3, {"intra 0 later", "skip 1 0", "merge 1 2", "vectors 1 1", "skip 1 3", "filter"}),
    "torn": (torn, 72, {"vectors 4 0", "filter"}),
    "stripes": (stripes, 100, {"escape", "intra 5 first"}),
}


@pytest.mark.parametrize("name", CLIPS)
def test_pixels(
    name: str, tiny_model: imfn.Model, tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pixel for pixel, with blocks of every kind."""
    clip, quality, kinds = CLIPS[name]
    monkeypatch.setattr(partition, "_WINDOW_BIAS", 0.8)
    path, model = tmp_path / "clip.safetensors", tiny_model
    imfn.compress(clip(), path, model=model, ratio="auto", quality=quality, gop=8, effort=3)
    wanted = [frame.pixels for frame in codec.restored_frames(open_latent(path), model)]
    found = restore_adaptive(path, Model(tiny_model_dir), CONTEXTS)
    np.testing.assert_array_equal(found.frames, np.stack(wanted))
    assert kinds <= found.seen


@pytest.mark.parametrize(("name", "frames"), [("latent", None), ("growing", GROWN)])
def test_pixels_of_the_fixture(name: str, frames: int | None, tmp_path: Path) -> None:
    found = restore_adaptive(FOLDER / f"{name}.safetensors", Model(unpacked_model(tmp_path)), CONTEXTS)
    np.testing.assert_array_equal(found.frames, np.load(FOLDER / "frames.npy")[:frames])


@pytest.fixture(scope="module")
def walsh_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of five levels, for windows of up to 32 frames."""
    folder = tmp_path_factory.mktemp("walsh")
    save_model(folder, 5)
    return folder


@pytest.mark.parametrize("seed", range(4))
def test_bytes_that_no_encoder_writes(seed: int, walsh_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anything decodes to something: vectors far outside, symbols and steps of every size, long windows."""
    random = np.random.default_rng(seed)
    # Contexts that know nothing yet take every turn as often.
    flat = TABLES._replace(p=np.full_like(TABLES.p, 32768), n=np.zeros_like(TABLES.n)) if seed % 2 else TABLES
    quality = (0, 33.3, 70, 100)[seed]
    monkeypatch.setattr(gop_decoder, "GopState", functools.partial(GopState, tables=flat))
    theirs_of = bases.bases_of(imfn.load(str(walsh_dir), device="cpu"), 5)
    product = gop_decoder.GopDecoder((32, 48, 3), 5, quality, theirs_of)
    ours = Gop(Forest(quality, 32, 48, bases_of(Model(walsh_dir), 5), flat._asdict()))
    for number, level in enumerate((0, 5, 0, 4, 2)):
        payload = random.integers(0, 256, 6000, np.uint8).tobytes()
        found = np.stack(ours.coded(payload, level, first=number == 0))
        theirs = product.tree(Tree(number == 0, ours.windows, payload), level)
        shown = ((found + 8) // 16).clip(0, 255)
        np.testing.assert_array_equal(shown.transpose(0, 2, 3, 1), theirs.pixels)
    assert any(kind[-1] in "45" for kind in ours.seen), "windows of 16 or 32 frames"
