"""Interrupted and gone on with: the file is what it would have been; nothing is left."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import imfn_cli as imfn
from imfn_cli.media.sinks import encodings
from tests.conftest import make_clip

WAYS: list[dict[str, Any]] = [
    {"ratio": 4, "gop": 12},
    {"ratio": 4, "gop": 0, "student": True},
    {"ratio": 8, "gop": 0, "frames": (3, 58)},
    {"ratio": 1, "gop": 7},
]


class Killed(BaseException):
    """As far as files go, with `resume`, what SIGKILL does."""


def killing(after: int) -> Callable[[int, int | None], None]:
    """A progress that kills once so many frames are done."""

    def progress(done: int, total: int | None) -> None:
        if done >= after:
            raise Killed

    return progress


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty-one frames, which fill no tree."""
    path = tmp_path_factory.mktemp("clip") / "clip.npy"
    np.save(path, make_clip(61))
    return path


@pytest.fixture(autouse=True)
def short_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixteen frames of 64×48 go through the network at once."""
    monkeypatch.setattr("imfn_cli.codec.synthesis._BATCH_PIXELS", 64 * 48 * 16)


def interrupt(function: Callable[..., Any], *words: Any, after: int, **settings: Any) -> None:
    with pytest.raises(Killed):
        function(*words, resume=True, progress=killing(after), **settings)


def hidden(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("lanes", [False, True])
def test_compressed_the_same_wherever_it_was_killed(
    way: dict[str, Any],
    lanes: bool,
    clip: Path,
    tiny_model: imfn.Model,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if lanes:
        if way["gop"]:
            pytest.skip("groups of pictures have no lanes")
        monkeypatch.setattr("imfn_cli.codec.encoder.LANES_FROM", 300)
    whole, path = tmp_path / "whole.safetensors", tmp_path / "clip.safetensors"
    imfn.compress(clip, whole, model=tiny_model, **way)
    assert imfn.open(whole).header.lanes == lanes
    interrupt(imfn.compress, clip, path, after=48, model=tiny_model, **way)
    work = tmp_path / ".clip.safetensors.imfn-work"
    left = work.read_bytes()
    resumed = set()
    chance = random.Random(1)
    for size in [len(left), 10, *(chance.randrange(len(left)) for _ in range(4))]:
        work.write_bytes(left[:size])
        report = imfn.compress(clip, path, model=tiny_model, resume=True, **way)
        assert path.read_bytes() == whole.read_bytes()
        assert hidden(tmp_path) == []
        assert report.resumed % (way["gop"] // way["ratio"] * way["ratio"] or way["ratio"]) == 0
        resumed.add(report.resumed)
        path.unlink()
    assert len(resumed) > 1


def test_damaged_work_ends_before_the_damage(clip: Path, tiny_model: imfn.Model, tmp_path: Path) -> None:
    whole, path = tmp_path / "whole.safetensors", tmp_path / "clip.safetensors"
    imfn.compress(clip, whole, model=tiny_model, ratio=4, gop=0)
    interrupt(imfn.compress, clip, path, after=48, model=tiny_model, ratio=4, gop=0)
    work = tmp_path / ".clip.safetensors.imfn-work"
    left = bytearray(work.read_bytes())
    left[len(left) // 2] ^= 1
    work.write_bytes(left)
    report = imfn.compress(clip, path, model=tiny_model, ratio=4, gop=0, resume=True)
    assert 0 < report.resumed < 40
    assert path.read_bytes() == whole.read_bytes()


def test_another_source_setting_or_model_is_refused(
    clip: Path, tiny_model: imfn.Model, tmp_path: Path
) -> None:
    source, path = tmp_path / "clip.npy", tmp_path / "clip.safetensors"
    shutil.copy(clip, source)
    interrupt(imfn.compress, source, path, after=48, model=tiny_model, ratio=4)
    with pytest.raises(imfn.OutputError, match=r"had ratio 4, not 2; .* without --resume"):
        imfn.compress(source, path, model=tiny_model, ratio=2, resume=True)
    with pytest.raises(imfn.OutputError, match="had another model"):
        imfn.compress(source, path, model="video-linear", ratio=4, resume=True)
    np.save(source, make_clip(61, seed=2))
    with pytest.raises(imfn.OutputError, match="the source has changed"):
        imfn.compress(source, path, model=tiny_model, ratio=4, resume=True)
    assert not path.exists()
    imfn.compress(source, path, model=tiny_model, ratio=4)
    assert hidden(tmp_path) == []


def test_what_cannot_be_read_again_cannot_be_gone_on_with(tiny_model: imfn.Model, tmp_path: Path) -> None:
    with pytest.raises(imfn.InputError, match="can be read once only"):
        imfn.compress(make_clip(9), tmp_path / "clip.safetensors", model=tiny_model, resume=True)
    with pytest.raises(imfn.OutputError, match="stdout"):
        imfn.decompress(tmp_path / "clip.safetensors", "-", resume=True)


def test_passes_that_are_done_are_not_made_again(clip: Path, tiny_model: imfn.Model, tmp_path: Path) -> None:
    whole, path = tmp_path / "whole.safetensors", tmp_path / "clip.safetensors"
    settings: dict[str, Any] = {"model": tiny_model, "ratio": 4, "gop": 12, "target_psnr": 27}
    report = imfn.compress(clip, whole, **settings)
    stages: list[str] = []

    def kill(stage: str) -> None:
        stages.append(stage)
        if len(stages) == 5:
            raise Killed

    with pytest.raises(Killed):
        imfn.compress(clip, path, resume=True, stage=kill, **settings)
    again: list[str] = []
    found = imfn.compress(clip, path, resume=True, stage=again.append, **settings)
    assert path.read_bytes() == whole.read_bytes()
    assert found.target == report.target
    assert again[0] == stages[-1]
    assert len(again) + 4 >= len(stages)
    assert hidden(tmp_path) == []


@pytest.fixture(scope="module")
def latent(clip: Path, tiny_model: imfn.Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("latent") / "clip.safetensors"
    imfn.compress(clip, path, model=tiny_model, ratio=4, gop=12)
    return path


def content(path: Path) -> dict[str, bytes]:
    if path.is_dir():
        return {image.name: image.read_bytes() for image in path.iterdir()}
    return {"": path.read_bytes()}


@pytest.mark.parametrize("selection", [(0, None), (5, 50)])
@pytest.mark.parametrize(
    "name", ["frames", *(f"clip.{end}" for end in ("npy", "tif", "y4m", "mkv", "webm", "mp4"))]
)
def test_restored_the_same_wherever_it_was_killed(
    name: str,
    selection: tuple[int, int | None],
    latent: Path,
    tiny_model: imfn.Model,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(encodings, "_SEGMENT", 10)
    (folder := tmp_path / "whole").mkdir()
    settings: dict[str, Any] = {"model": tiny_model, "frames": selection}
    imfn.decompress(latent, folder / name, **settings)
    for after in (33, 12, 3):
        interrupt(imfn.decompress, latent, tmp_path / name, after=after, **settings)
        report = imfn.decompress(latent, tmp_path / name, resume=True, **settings)
        assert max(0, after - 14) <= report.resumed <= after
        assert content(tmp_path / name) == content(folder / name)
        assert hidden(tmp_path) == []
        shutil.rmtree(tmp_path / name) if name == "frames" else (tmp_path / name).unlink()


def test_a_gif_begins_anew(latent: Path, tiny_model: imfn.Model, tmp_path: Path) -> None:
    imfn.decompress(latent, tmp_path / "whole.gif", model=tiny_model)
    interrupt(imfn.decompress, latent, tmp_path / "clip.gif", after=30, model=tiny_model)
    report = imfn.decompress(latent, tmp_path / "clip.gif", model=tiny_model, resume=True)
    assert (report.resumed, report.notes) == (0, ("begun anew: nobody can go on in this format",))
    assert content(tmp_path / "clip.gif") == content(tmp_path / "whole.gif")


def test_images_that_were_put_into_their_folder_already(
    latent: Path, tiny_model: imfn.Model, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (folder := tmp_path / "frames").mkdir()
    moved: list[Path] = []
    replace = Path.replace

    def kill(path: Path, target: Path) -> Path:
        if path.suffix == ".png":
            moved.append(path)
            if len(moved) == 20:
                raise Killed
        return replace(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", kill)
        with pytest.raises(Killed):
            imfn.decompress(latent, folder, model=tiny_model, resume=True)
    assert len(list(folder.glob("*.png"))) == 19
    with pytest.raises(imfn.OutputError, match="is not empty"):
        imfn.decompress(latent, folder, model=tiny_model)
    report = imfn.decompress(latent, folder, model=tiny_model, resume=True)
    assert report.resumed == 60
    assert len(list(folder.iterdir())) == 61


def test_another_latent_is_refused(latent: Path, tiny_model: imfn.Model, tmp_path: Path) -> None:
    mine, output = tmp_path / "clip.safetensors", tmp_path / "clip.npy"
    shutil.copy(latent, mine)
    interrupt(imfn.decompress, mine, output, after=30, model=tiny_model)
    with pytest.raises(imfn.OutputError, match=r"had frames \[0, None\], not \[0, 20\]"):
        imfn.decompress(mine, output, model=tiny_model, frames=(0, 20), resume=True)
    imfn.compress(make_clip(61, seed=3), mine, model=tiny_model, ratio=4, force=True)
    with pytest.raises(imfn.OutputError, match="the source has changed"):
        imfn.decompress(mine, output, model=tiny_model, resume=True)


def test_damaged_nodes_are_told_of_by_whoever_goes_on(
    latent: Path, tiny_model: imfn.Model, tmp_path: Path
) -> None:
    broken = tmp_path / "clip.safetensors"
    data = bytearray(latent.read_bytes())
    reader = imfn.open(latent, model=tiny_model)
    assert reader.shape[0] == 61
    # The last bytes are the last node's; those in the middle some other's.
    data[len(data) * 2 // 3] ^= 255
    broken.write_bytes(data)
    settings: dict[str, Any] = {"model": tiny_model, "skip_damaged": True}
    whole = imfn.decompress(broken, tmp_path / "whole.npy", **settings)
    assert whole.damaged
    interrupt(imfn.decompress, broken, tmp_path / "clip.npy", after=55, **settings)
    report = imfn.decompress(broken, tmp_path / "clip.npy", resume=True, **settings)
    assert report.resumed > 40
    assert report.damaged == whole.damaged
    assert content(tmp_path / "clip.npy") == content(tmp_path / "whole.npy")
