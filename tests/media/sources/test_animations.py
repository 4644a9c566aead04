"""Animated PNG and AVIF, and how often an animation is played."""

import struct
import zlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, features

from imfn_cli.media import open_sequence

from ..frames import make_frames
from .test_deep_colour import chunk

OVER, SOURCE = 1, 0


def animated_png(
    path: Path,
    pictures: list[np.ndarray],
    delay: tuple[int, int] = (1, 60),
    *,
    blend: int = SOURCE,
    hidden: np.ndarray | None = None,
    plays: int = 0,
) -> Path:
    """uint8 (H, W, 4) pictures, each shown for numerator/denominator seconds.

    hidden: a default image that is no part of the animation.
    """

    def packed(picture: np.ndarray) -> bytes:
        return zlib.compress(b"".join(b"\0" + row.tobytes() for row in picture))

    height, width = pictures[0].shape[:2]
    file = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0))
    file += chunk(b"acTL", struct.pack(">II", len(pictures), plays))
    number = 0
    if hidden is not None:
        file += chunk(b"IDAT", packed(hidden))
    for index, picture in enumerate(pictures):
        file += chunk(b"fcTL", struct.pack(">IIIIIHHBB", number, width, height, 0, 0, *delay, 0, blend))
        number += 1
        if index == 0 and hidden is None:
            file += chunk(b"IDAT", packed(picture))
        else:
            file += chunk(b"fdAT", struct.pack(">I", number) + packed(picture))
            number += 1
    path.write_bytes(file + chunk(b"IEND", b""))
    return path


def rgba(colour: tuple[int, int, int, int]) -> np.ndarray:
    return np.full((6, 8, 4), colour, np.uint8)


def test_a_picture_blended_over_another(tmp_path: Path) -> None:
    path = animated_png(tmp_path / "a.png", [rgba((200, 30, 30, 255)), rgba((0, 0, 250, 128))], blend=OVER)
    sequence = open_sequence(path)
    first, second = (frame.pixels[0, 0].tolist() for frame in sequence)
    assert first == [200, 30, 30]
    assert np.abs(np.array(second) - [100, 15, 140]).max() <= 1
    assert not sequence.info.notes


def test_a_hidden_default_image_is_not_shown(tmp_path: Path) -> None:
    pictures = [rgba((10 * index, 0, 0, 255)) for index in range(3)]
    path = animated_png(tmp_path / "a.png", pictures, hidden=rgba((9, 9, 9, 255)))
    assert [int(frame.pixels[0, 0, 0]) for frame in open_sequence(path)] == [0, 10, 20]


def test_sixty_pictures_take_one_second(tmp_path: Path) -> None:
    pictures = [rgba((index, index, 0, 255)) for index in range(60)]
    sequence = open_sequence(animated_png(tmp_path / "a.png", pictures, (1, 60)))
    frames = list(sequence)
    assert sequence.info.frame_rate == 60
    assert sequence.info.last_ticks is not None
    assert (frames[-1].time + sequence.info.last_ticks) * sequence.info.time_base == 1


def test_a_cut_animation_says_so(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (4, 40, 40, 4), np.uint8)
    noise[:, :, :, 3] = 255
    path = animated_png(tmp_path / "a.png", list(noise))
    path.write_bytes(path.read_bytes()[:-8000])
    sequence = open_sequence(path)
    assert len(list(sequence)) < 4
    assert any("cut short" in note for note in sequence.info.notes)


@pytest.mark.parametrize("ending", [".gif", ".webp", ".png"])
@pytest.mark.parametrize("plays", [0, 1, 3])
def test_how_often_it_is_played(tmp_path: Path, ending: str, plays: int) -> None:
    images = [Image.fromarray(frame) for frame in make_frames(3, 8, 8)]
    loop: dict[str, Any] = {"loop": plays}
    if ending == ".gif":
        loop = {} if plays == 1 else {"loop": plays - 1 if plays else 0}
    images[0].save(tmp_path / f"a{ending}", save_all=True, append_images=images[1:], duration=40, **loop)
    assert open_sequence(tmp_path / f"a{ending}").info.plays == plays


def test_gif_as_fast_as_browsers_show_it(tmp_path: Path) -> None:
    images = [Image.fromarray(frame) for frame in make_frames(3, 8, 8)]
    images[0].save(tmp_path / "a.gif", save_all=True, append_images=images[1:], duration=10)
    sequence = open_sequence(tmp_path / "a.gif")
    assert [frame.time * sequence.info.time_base for frame in sequence] == [
        0,
        Fraction(1, 10),
        Fraction(2, 10),
    ]


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow reads no AVIF")
def test_avif_sequences_and_alpha(tmp_path: Path) -> None:
    frames = make_frames(5, 48, 64)
    images = [Image.fromarray(frame) for frame in frames]
    images[0].save(
        tmp_path / "a.avif", save_all=True, append_images=images[1:], duration=[100, 200, 300, 100, 900]
    )
    sequence = open_sequence(tmp_path / "a.avif")
    shown = list(sequence)
    assert [frame.time for frame in shown] == [0, 100, 300, 600, 700]
    assert sequence.info.last_ticks == 900
    alpha = np.dstack([frames[0], np.full((48, 64), 255, np.uint8)])
    alpha[:, 32:, 3] = 0
    Image.fromarray(alpha).save(tmp_path / "b.avif", quality=100)
    sequence = open_sequence(tmp_path / "b.avif")
    ((pixels, *_),) = sequence
    assert pixels[:, 40:].max() == 0
    assert sequence.info.alpha
