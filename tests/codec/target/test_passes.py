"""Compressing to a target: what is reached, in how many passes, and what is left behind."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import imfn_cli as imfn
from imfn_cli import codec
from imfn_cli.bitstream import open_latent
from imfn_cli.codec.target.sample import sample_of
from imfn_cli.errors import ImfnError, InputError, OutputError
from imfn_cli.media import LoadedArray
from imfn_cli.media.psnr import psnr
from tests.conftest import make_clip

CLIP = "ucf101/test/v_HighJump_g02_c01.avi"
WAYS = [{"ratio": 4}, {"ratio": 4, "student": True}, {"ratio": 2, "gop": 0}]


@pytest.fixture(scope="module")
def clip() -> np.ndarray:
    """Twenty frames of 48×64 pixels."""
    return make_clip(20)


def mean_psnr(path: Path, frames: np.ndarray, model: imfn.Model) -> float:
    """PSNR of a latent, mean over its frames, measured from the file."""
    found = codec.restored_frames(open_latent(path), model)
    return float(np.mean([psnr(frame, one.pixels) for frame, one in zip(frames, found, strict=True)]))


@pytest.mark.parametrize("way", WAYS)
def test_every_way_meets_every_target(
    way: dict[str, Any], clip: np.ndarray, tiny_model: imfn.Model, tmp_path: Path
) -> None:
    path = tmp_path / "clip.safetensors"
    report = imfn.compress(clip, path, model=tiny_model, target_psnr=27, **way)
    assert report.target is not None
    assert report.target.reached == pytest.approx(27, abs=0.1)
    assert mean_psnr(path, clip, tiny_model) == pytest.approx(report.target.reached, abs=1e-6)
    report = imfn.compress(clip, path, model=tiny_model, target_size="9kB", force=True, **way)
    assert 8820 <= path.stat().st_size == report.bytes <= 9000
    assert report.quality == open_latent(path).header.quality
    report = imfn.compress(clip, path, model=tiny_model, target_kbps=100, force=True, **way)
    # Twenty frames at 25 a second.
    assert path.stat().st_size * 8 / 0.8 / 1000 == pytest.approx(100, rel=0.02)
    assert report.target is not None
    assert report.target.passes <= 5
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.xdist_group("adaptive")
def test_an_adaptive_forest_meets_a_target(clip: np.ndarray, tiny_model: imfn.Model, tmp_path: Path) -> None:
    path = tmp_path / "clip.safetensors"
    report = imfn.compress(clip, path, model=tiny_model, ratio="auto", target_psnr=36)
    assert mean_psnr(path, clip, tiny_model) == pytest.approx(36, abs=0.1)
    assert report.ratio == "auto"
    report = imfn.compress(clip, path, model=tiny_model, ratio="auto", target_size=8000, force=True)
    assert 7840 <= path.stat().st_size <= 8000


def test_a_long_sequence_is_searched_by_a_sample(tiny_model: imfn.Model, tmp_path: Path) -> None:
    clip, path, stages = make_clip(200), tmp_path / "clip.safetensors", list[str]()
    report = imfn.compress(
        clip, path, model=tiny_model, ratio=4, gop=16, target_size=60_000, stage=stages.append
    )
    assert 58_800 <= path.stat().st_size <= 60_000
    assert report.frames == open_latent(path).header.frames == 200
    assert report.target is not None
    assert report.target.sample_passes >= 1
    assert report.target.passes <= 3
    named = [stage.rsplit(" at ", 1)[0] for stage in stages]
    assert named == [f"sample {n + 1}" for n in range(report.target.sample_passes)] + [
        f"pass {n + 1}" for n in range(report.target.passes)
    ]


def test_a_sample_is_whole_gops_spread_over_the_sequence() -> None:
    frames = np.arange(100, dtype=np.uint8)[:, None, None]
    sample = sample_of(LoadedArray(frames), 8)
    assert sample is not None
    assert [int(frame.pixels.flat[0]) for frame in sample] == [*range(24, 32), *range(72, 80)]
    assert (sample.info.frame_count, sample.share) == (16, 0.16)
    assert sample_of(LoadedArray(frames[:47]), 8) is None


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ({"target_psnr": 70}, r"70\.00 dB .*; the nearest is \d\d\.\d\d dB, of quality 100; choose another"),
        ({"target_size": ".5kB"}, r"500 bytes .*; the nearest is [\d,]+ bytes, of quality 0; choose another"),
        ({"target_kbps": 1}, r"1\.0 kbit/s .*; the nearest is [\d.]+ kbit/s, of quality 0; choose another"),
    ],
)
def test_what_no_quality_reaches_is_told_and_leaves_what_was(
    target: dict[str, Any], words: str, clip: np.ndarray, tiny_model: imfn.Model, tmp_path: Path
) -> None:
    path = tmp_path / "clip.safetensors"
    path.write_bytes(b"before")
    with pytest.raises(ImfnError, match=words.replace(".*", "is out of reach at ratio 4")):
        imfn.compress(clip, path, model=tiny_model, ratio=4, force=True, **target)
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_is_better_than_wanted_is_written_with_a_note(
    clip: np.ndarray, tiny_model: imfn.Model, tmp_path: Path
) -> None:
    path = tmp_path / "clip.safetensors"
    report = imfn.compress(clip, path, model=tiny_model, ratio=4, target_size="2MiB")
    assert report.quality == 100
    assert report.notes == (
        f"2,097,152 bytes is out of reach; the nearest is {report.bytes:,} bytes, of quality 100",
    )
    report = imfn.compress(clip, path, model=tiny_model, ratio=4, target_psnr=3, force=True)
    assert report.quality == 0
    assert report.notes[0].startswith("3.00 dB is out of reach; the nearest is ")


def test_one_frame_and_one_pixel(tiny_model: imfn.Model, tmp_path: Path) -> None:
    """A header's bytes are most of these files, and no quality moves them by 2%."""
    one = np.full((1, 1, 1, 3), 77, np.uint8)
    report = imfn.compress(one, tmp_path / "one.safetensors", model=tiny_model, ratio=4, target_size=5000)
    assert report.bytes <= 5000
    assert len(report.notes) == 1


def test_what_excludes_one_another(clip: np.ndarray, tiny_model: imfn.Model, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="exclude one another"):
        imfn.compress(clip, tmp_path / "x", model=tiny_model, quality=3, target_psnr=30)
    with pytest.raises(ValueError, match="no size"):
        imfn.compress(clip, tmp_path / "x", model=tiny_model, target_size="much")
    (tmp_path / "there.safetensors").touch()
    with pytest.raises(OutputError, match="exists already"):
        imfn.compress(clip, tmp_path / "there.safetensors", model=tiny_model, target_psnr=30)


def test_what_can_be_read_once_only_is_refused(tiny_model: imfn.Model, tmp_path: Path) -> None:

    if not hasattr(os, "mkfifo"):
        pytest.skip("no pipes with names here")
    os.mkfifo(tmp_path / "clip.mp4")
    with pytest.raises(InputError, match="can be read once only"):
        imfn.compress(tmp_path / "clip.mp4", model=tiny_model, target_psnr=30)


def test_a_real_clip(data_dir: Path, tmp_path: Path) -> None:
    """By the model that ships, at its default ratio."""
    source, path = data_dir / CLIP, tmp_path / "clip.safetensors"
    if not source.is_file():
        pytest.skip(f"{source.name} is not there")
    report = imfn.compress(source, path, target_size="100kB", frames=(0, 64))
    assert 98_000 <= path.stat().st_size <= 100_000
    assert report.target is not None
    assert report.target.passes <= 4
    assert report.frames == 64
