"""PSNR, SSIM and MS-SSIM against formulas written out here, FFmpeg's filter, and the library's functions."""

import re
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from imfn_cli.evaluation import metrics
from imfn_cli.evaluation.metrics import Comparison, Metrics, yuv


def noisy(
    count: int, height: int, width: int, channels: int = 3, *, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Smooth frames with a texture, and the same with noise that grows from frame to frame."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    waves = np.stack([np.sin(x / 9 + c) + np.cos(y / (7 + c)) for c in range(channels)], axis=-1)
    before = 128 + 40 * waves[None] + random.normal(0, 10, (count, height, width, channels))
    after = before + random.normal(0, 1, before.shape) * np.arange(2, 2 + count)[:, None, None, None]
    clean, rough = (np.clip(np.round(frames), 0, 255).astype(np.uint8) for frames in (before, after))
    return clean, rough


def compared(before: np.ndarray, after: np.ndarray) -> Metrics:
    comparison = Comparison()
    for one, other in zip(before, after, strict=True):
        comparison.add(one, other)
    return comparison.result()


def decibels(before: np.ndarray, after: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((before.astype(float) - after.astype(float)) ** 2)))


def converted(pixels: np.ndarray) -> np.ndarray:
    """RGB (…, 3) uint8 → 8-bit YUV by the definition of BT.601: luma, then scaled colour differences."""
    r, g, b = np.moveaxis(pixels.astype(float) / 255, -1, 0)
    luma = 0.299 * r + 0.587 * g + 0.114 * b
    u, v = (b - luma) / 1.772, (r - luma) / 1.402
    return np.stack([np.round(16 + 219 * luma), np.round(128 + 224 * u), np.round(128 + 224 * v)], axis=-1)


def test_psnr_is_the_mean_over_frames() -> None:
    before, after = noisy(5, 40, 52)
    found = compared(before, after)
    expected = [decibels(one, other) for one, other in zip(before, after, strict=True)]
    assert found.psnr_per_frame == pytest.approx(expected, abs=1e-4)
    assert found.psnr_rgb == pytest.approx(np.mean(expected), abs=1e-4)
    assert found.frames == 5


def test_yuv_is_bt601_with_weights_6_1_1() -> None:
    before, after = noisy(3, 32, 48)
    one, other = converted(before), converted(after)
    planes = [[decibels(one[t, ..., c], other[t, ..., c]) for c in range(3)] for t in range(3)]
    found = compared(before, after)
    # A sample may lie on the edge between two levels.
    assert found.psnr_yuv == pytest.approx(np.mean(planes, axis=0) @ [6, 1, 1] / 8, abs=1e-3)
    assert found.psnr_y == pytest.approx(np.mean(planes, axis=0)[0], abs=1e-3)


def test_yuv_of_known_colours() -> None:
    colours = torch.tensor([[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 0, 255], [128, 128, 128]]).T.float()
    expected = [[16, 128, 128], [235, 128, 128], [81, 90, 240], [41, 240, 110], [126, 128, 128]]
    assert yuv(colours).T.tolist() == expected


def ffmpeg_psnr(before: np.ndarray, after: np.ndarray, folder: Path) -> np.ndarray:
    """What FFmpeg's filter `psnr` says of YUV frames (T, H, W, 3): one line per frame, for Y, U and V."""
    stats = folder / "psnr.txt"
    graph = av.filter.Graph()
    height, width = before.shape[1:3]
    sources = [
        graph.add_buffer(
            width=width, height=height, format=av.VideoFormat("yuv444p"), time_base=Fraction(1, 25)
        )
        for _ in range(2)
    ]
    psnr, sink = graph.add("psnr", f"stats_file={stats}"), graph.add("buffersink")
    for index, source in enumerate(sources):
        source.link_to(psnr, 0, index)
    psnr.link_to(sink)
    graph.configure()
    for t in range(len(before)):
        for source, frames in zip(sources, (before, after), strict=True):
            planes = np.ascontiguousarray(np.moveaxis(frames[t], -1, 0).astype(np.uint8))
            frame = av.VideoFrame.from_ndarray(planes, format="yuv444p", channel_last=False)
            frame.pts, frame.time_base = t, Fraction(1, 25)
            source.push(frame)
        sink.pull()
    del graph, psnr, sink, sources, source
    lines = stats.read_text().splitlines()
    return np.array([[float(re.search(rf"psnr_{c}:(\S+)", line)[1]) for c in "yuv"] for line in lines])  # type: ignore[index]


def test_agrees_with_ffmpegs_own_filter(tmp_path: Path) -> None:
    before, after = noisy(4, 48, 64)
    found = compared(before, after)
    theirs = ffmpeg_psnr(converted(before), converted(after), tmp_path)
    assert theirs.shape == (4, 3)
    assert found.psnr_y == pytest.approx(theirs[:, 0].mean(), abs=0.01)
    assert found.psnr_yuv == pytest.approx(theirs.mean(axis=0) @ [6, 1, 1] / 8, abs=0.01)


@pytest.mark.parametrize(("height", "width"), [(11, 20), (97, 161), (161, 170)])
def test_ssim_is_the_librarys(height: int, width: int) -> None:
    from pytorch_msssim import ms_ssim, ssim

    before, after = noisy(5, height, width)
    found = compared(before, after)
    luma = [yuv(torch.from_numpy(f).movedim(-1, 0).float())[0][:, None] for f in (before, after)]
    assert found.ssim == pytest.approx(float(ssim(*luma)), abs=1e-5)
    if min(height, width) < 161:
        assert found.ms_ssim is None
        assert found.notes == (f"ms_ssim: needs frames of 161 pixels a side, here {min(height, width)}",)
    else:
        assert found.ms_ssim == pytest.approx(float(ms_ssim(*luma)), abs=1e-5)
        assert found.notes == ()


def test_batches_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    before, after = noisy(7, 20, 24)
    whole = compared(before, after)
    monkeypatch.setattr(metrics, "_BATCH_PIXELS", 3 * 20 * 24)
    parts = compared(before, after)
    assert parts.psnr_per_frame == pytest.approx(whole.psnr_per_frame, abs=1e-5)
    assert parts.ssim == pytest.approx(whole.ssim, abs=1e-6)


def test_equal_frames_are_100_decibels() -> None:
    before, _ = noisy(2, 16, 16)
    found = compared(before, before)
    assert (found.psnr_rgb, found.psnr_yuv, found.psnr_y) == (100, 100, 100)
    assert found.ssim == pytest.approx(1)


def test_gray_has_no_colour_to_compare() -> None:
    before, after = noisy(2, 16, 16, 1)
    found = compared(before, after)
    assert found.psnr_rgb == pytest.approx(
        np.mean([decibels(a, b) for a, b in zip(before, after, strict=True)]), abs=1e-4
    )
    assert found.psnr_yuv is None
    assert "psnr_yuv: the clip is gray" in found.notes


def test_tiny_frames_have_no_structure() -> None:
    before, after = noisy(2, 1, 7)
    found = compared(before, after)
    assert found.ssim is None
    assert found.notes[0] == "ssim: needs frames of 11 pixels a side, here 1"


def test_frames_that_do_not_match_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot be compared"):
        Comparison().add(np.zeros((4, 4, 3), np.uint8), np.zeros((4, 5, 3), np.uint8))
    with pytest.raises(ValueError, match="no frames"):
        Comparison().result()
