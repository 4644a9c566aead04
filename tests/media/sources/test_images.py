"""Still images, one and many."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from imfn_cli.errors import InputError
from imfn_cli.media import open_sequence

from ..frames import make_frames


def save(path: Path, array: np.ndarray, **options: Any) -> Path:
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array).save(path, **options)
    return path


@pytest.mark.parametrize("channels", [1, 3])
def test_a_directory_in_natural_order(tmp_path: Path, channels: int) -> None:
    frames = make_frames(12, 9, 7, channels)
    for index, frame in enumerate(frames):
        save(tmp_path / f"img{index}.png", frame)
    sequence = open_sequence(tmp_path)
    assert (sequence.info.kind, sequence.info.channels, sequence.info.frame_count) == ("images", channels, 12)
    assert (sequence.info.time_base, sequence.info.frame_rate) == (Fraction(1, 25), 25)
    assert sequence.info.size_bytes == sum(path.stat().st_size for path in tmp_path.iterdir())
    for index, (pixels, time, _) in enumerate(sequence):
        assert time == index
        assert np.array_equal(pixels, frames[index])


def test_the_odd_size_is_named(tmp_path: Path) -> None:
    save(tmp_path / "a.png", np.zeros((4, 4, 3), np.uint8))
    save(tmp_path / "b.png", np.zeros((4, 5, 3), np.uint8))
    with pytest.raises(InputError, match=r"1 of 4x4 \(a\.png\); 1 of 5x4 \(b\.png\)"):
        open_sequence(tmp_path)


def test_the_damaged_image_is_named(tmp_path: Path) -> None:
    frames = make_frames(3, 64, 64)
    paths = [save(tmp_path / f"{index}.jpg", frame) for index, frame in enumerate(frames)]
    paths[1].write_bytes(paths[1].read_bytes()[:700])
    sequence = iter(open_sequence(tmp_path))
    next(sequence)
    with pytest.raises(InputError, match=r"1\.jpg: cannot be read as an image"):
        next(sequence)
    paths[1].write_bytes(b"\xff\xd8\xff nothing like a JPEG")
    with pytest.raises(InputError, match=r"1\.jpg"):
        open_sequence(tmp_path)


def test_a_decompression_bomb_is_an_input_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path / "a.png", np.zeros((64, 64, 1), np.uint8))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(InputError, match=r"a\.png"):
        open_sequence(path)


@pytest.mark.parametrize(
    ("mode", "channels"), [("1", 1), ("L", 1), ("LA", 1), ("P", 3), ("RGB", 3), ("RGBA", 3), ("CMYK", 3)]
)
def test_every_mode(tmp_path: Path, mode: str, channels: int) -> None:
    image = Image.fromarray(make_frames(1, 16, 16)[0]).convert("RGB").convert(mode)
    path = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    image.save(path)
    sequence = open_sequence(path)
    ((pixels, *_),) = sequence
    assert sequence.info.channels == channels
    expected = np.asarray(image.convert("L" if channels == 1 else "RGB")).reshape(16, 16, channels)
    assert np.array_equal(pixels, expected)
    assert sequence.info.alpha == (mode in ("LA", "RGBA"))
    assert not sequence.info.notes


def test_alpha_is_composited_on_black(tmp_path: Path) -> None:
    rgba = np.dstack([np.full((4, 4, 3), 200, np.uint8), np.arange(16, dtype=np.uint8).reshape(4, 4) * 17])
    save(tmp_path / "a.png", rgba)
    sequence = open_sequence(tmp_path / "a.png")
    ((pixels, *_),) = sequence
    assert np.array_equal(pixels[:, :, 0], np.round(200 * (rgba[:, :, 3] / 255)).astype(np.uint8))
    assert (sequence.info.alpha, sequence.info.notes) == (True, ())


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    (frame,) = make_frames(1, 16, 24)
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to show
    save(tmp_path / "a.png", frame, exif=exif)
    sequence = open_sequence(tmp_path / "a.png")
    ((pixels, *_),) = sequence
    assert (sequence.info.width, sequence.info.height) == (16, 24)
    assert np.array_equal(pixels, np.rot90(frame, -1))


def test_sixteen_bit_stills_share_one_range(tmp_path: Path) -> None:
    for index, low in enumerate((100, 300)):
        samples = np.array([[low, low + 50], [low + 100, low + 200]], np.uint16)
        Image.fromarray(samples).save(tmp_path / f"{index}.png")
    sequence = open_sequence(tmp_path)
    assert sequence.info.value_range == (100, 500)
    assert [frame.pixels.ravel().tolist() for frame in sequence] == [[0, 32, 64, 128], [128, 159, 191, 255]]


def test_depths_must_not_be_mixed(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((2, 2), np.uint16)).save(tmp_path / "0.png")
    Image.fromarray(np.zeros((2, 2), np.uint8)).save(tmp_path / "1.png")
    with pytest.raises(InputError, match=r"16 bits \(0\.png\); 1 of 2x2, 8 bits \(1\.png\)"):
        open_sequence(tmp_path)


def test_floating_point_is_refused(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((2, 2), np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(InputError, match="floating-point"):
        list(open_sequence(tmp_path / "a.tif"))
