"""Animations and TIFF stacks."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from imfn_cli.errors import InputError
from imfn_cli.media import open_sequence

from ..frames import make_frames, psnr

DURATIONS = [40, 100, 20, 300]


@pytest.mark.parametrize("ending", [".gif", ".webp", ".png"])
def test_animations_keep_their_times(tmp_path: Path, ending: str) -> None:
    frames = make_frames(4, 24, 32)
    images = [Image.fromarray(frame) for frame in frames]
    path = tmp_path / f"a{ending}"
    options: dict[str, Any] = {"lossless": True} if ending == ".webp" else {}
    images[0].save(path, save_all=True, append_images=images[1:], duration=DURATIONS, **options)
    sequence = open_sequence(path)
    shown = list(sequence)
    assert (sequence.info.kind, sequence.info.frame_rate) == ("animation", None)
    seconds = [frame.time * sequence.info.time_base for frame in shown]
    assert seconds == [Fraction(time, 1000) for time in (0, 40, 140, 160)]
    assert sequence.info.last_ticks is not None
    assert sequence.info.last_ticks * sequence.info.time_base == Fraction(300, 1000)
    assert not sequence.info.notes
    for frame, theirs in zip(shown, frames, strict=True):
        assert psnr(frame.pixels, theirs) > (20 if ending == ".gif" else 99)


def test_a_steady_animation_has_a_rate(tmp_path: Path) -> None:
    images = [Image.fromarray(frame) for frame in make_frames(3, 8, 8)]
    images[0].save(tmp_path / "a.gif", save_all=True, append_images=images[1:], duration=40)
    assert open_sequence(tmp_path / "a.gif").info.frame_rate == 25


def test_a_transparent_animation_says_so(tmp_path: Path) -> None:
    images = [Image.new("RGBA", (8, 8), (250, 0, 0, 0 if index else 255)) for index in range(3)]
    images[0].save(tmp_path / "a.png", save_all=True, append_images=images[1:], duration=40, blend=0)
    sequence = open_sequence(tmp_path / "a.png")
    assert [int(frame.pixels[0, 0, 0]) for frame in sequence][:2] == [250, 0]
    assert sequence.info.alpha


def stack(path: Path, pages: list[np.ndarray]) -> Path:
    images = [Image.fromarray(page) for page in pages]
    images[0].save(path, save_all=True, append_images=images[1:])
    return path


def test_a_deep_stack_is_mapped_linearly(tmp_path: Path) -> None:
    pages = [np.random.default_rng(i).integers(12, 3072, (10, 8), np.uint16) for i in range(5)]
    pages[0][0, 0], pages[4][0, 0] = 12, 3071
    sequence = open_sequence(stack(tmp_path / "a.tif", pages))
    assert sequence.info.value_range == (12, 3071)
    assert sequence.info.notes == ("16-bit samples 12..3071 mapped to 8 bits",)
    assert (sequence.info.kind, sequence.info.channels, sequence.info.frame_count) == ("images", 1, 5)
    for (pixels, *_), page in zip(sequence, pages, strict=True):
        exact = (page.astype(float) - 12) * 255 / (3071 - 12)
        assert np.abs(pixels[:, :, 0] - exact).max() <= 0.5 + 1e-9


def test_a_constant_deep_stack_is_black(tmp_path: Path) -> None:
    sequence = open_sequence(stack(tmp_path / "a.tif", [np.full((4, 4), 700, np.uint16)] * 2))
    assert all(frame.pixels.max() == 0 for frame in sequence)


def test_the_odd_page_is_named(tmp_path: Path) -> None:
    path = stack(tmp_path / "a.tif", [np.zeros((4, 4), np.uint8), np.zeros((4, 5), np.uint8)])
    with pytest.raises(InputError, match="page 1 is 5x4"):
        open_sequence(path)


def test_a_cut_stack_names_the_page(tmp_path: Path) -> None:
    pages = [np.random.default_rng(i).integers(0, 4096, (50, 50), np.uint16) for i in range(4)]
    path = stack(tmp_path / "a.tif", pages)
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(InputError, match="page 3"):
        list(open_sequence(path))
