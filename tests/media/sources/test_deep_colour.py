"""Still images of which Pillow alone would show something else."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from imfn_cli.errors import InputError
from imfn_cli.media import open_sequence

from ..frames import make_frames


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def deep_png(path: Path, samples: np.ndarray) -> Path:
    """uint16 (H, W, 3 or 4) as a PNG of 16 bits."""
    height, width, channels = samples.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    header = struct.pack(">IIBBBBB", width, height, 16, {3: 2, 4: 6}[channels], 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
    return path


def tiff(path: Path, pixels: np.ndarray, *, copies: int = 1, **tags: int | str) -> Path:
    """(copies · H, W, …) samples, plain, as a TIFF of one directory that says (H, W).

    tags: `photometric`, `sample_format`, `orientation`, `description`.
    """
    height, width = pixels.shape[0] // copies, pixels.shape[1]
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    bits, data = 8 * pixels.itemsize, pixels.tobytes()
    description = str(tags.get("description", "")).encode() + b"\0"
    begin = 8 + 2 + 12 * 12 + 4
    entries = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, channels, bits if channels == 1 else begin),
        (259, 3, 1, 1),
        (262, 3, 1, int(tags.get("photometric", 1 if channels == 1 else 2))),
        (270, 2, len(description), begin + 8),
        (273, 4, 1, begin + 8 + len(description)),
        (274, 3, 1, int(tags.get("orientation", 1))),
        (277, 3, 1, channels),
        (278, 4, 1, height),
        (279, 4, 1, len(data) // copies),
        (339, 3, 1, int(tags.get("sample_format", 1))),
    ]
    file = b"II*\0" + struct.pack("<IH", 8, len(entries))
    file += b"".join(struct.pack("<HHII", *entry) for entry in entries) + struct.pack("<I", 0)
    path.write_bytes(file + struct.pack("<4H", bits, bits, bits, 0) + description + data)
    return path


def test_sixteen_bit_colours_share_one_range(tmp_path: Path) -> None:
    frames = [np.random.default_rng(i).integers(0, 3100, (9, 7, 3), np.uint16) for i in range(2)]
    frames[0][0, 0], frames[1][0, 0] = 0, 3100
    for index, frame in enumerate(frames):
        deep_png(tmp_path / f"{index}.png", frame)
    sequence = open_sequence(tmp_path)
    assert sequence.info.value_range == (0, 3100)
    assert sequence.info.notes == ("16-bit samples 0..3100 mapped to 8 bits",)
    for (pixels, *_), frame in zip(sequence, frames, strict=True):
        assert np.abs(pixels - frame.astype(float) * 255 / 3100).max() <= 0.5 + 1e-9


def test_sixteen_bit_alpha_is_composited(tmp_path: Path) -> None:
    samples = np.full((4, 4, 4), 60000, np.uint16)
    samples[:2, :, 3] = 0
    sequence = open_sequence(deep_png(tmp_path / "a.png", samples))
    ((pixels, *_),) = sequence
    assert pixels[:2].max() == 0
    assert pixels[2:].min() == 255
    assert "alpha channel dropped (composited on black)" in sequence.info.notes


def test_sixteen_bit_colour_in_tiff_and_pnm(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).integers(100, 900, (6, 5, 3), np.uint16)
    (tmp_path / "a.ppm").write_bytes(b"P6 5 6 65535\n" + samples.astype(">u2").tobytes())
    tiff(tmp_path / "a.tif", samples)
    for name in ("a.ppm", "a.tif"):
        sequence = open_sequence(tmp_path / name)
        ((pixels, *_),) = sequence
        low, high = int(samples.min()), int(samples.max())
        assert sequence.info.value_range == (low, high)
        assert np.abs(pixels - (samples.astype(float) - low) * 255 / (high - low)).max() <= 0.5 + 1e-9


def test_white_is_zero_in_sixteen_bits(tmp_path: Path) -> None:
    samples = np.array([[0, 1000], [40000, 65535]], np.uint16)
    ((pixels, *_),) = open_sequence(tiff(tmp_path / "a.tif", samples, photometric=0))
    assert pixels[:, :, 0].tolist() == [[255, 251], [99, 0]]


def test_signed_bytes_begin_with_black(tmp_path: Path) -> None:
    samples = np.array([[-128, -1], [0, 127]], np.int8)
    sequence = open_sequence(tiff(tmp_path / "a.tif", samples, sample_format=2))
    ((pixels, *_),) = sequence
    assert pixels[:, :, 0].tolist() == [[0, 127], [128, 255]]
    assert sequence.info.notes == ("signed samples -128..127 shown as 0..255",)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["tif", "deep.tif", "jpg"])
def test_orientation_of_every_kind(tmp_path: Path, orientation: int, kind: str) -> None:
    stored = np.arange(6 * 4, dtype=np.uint8).reshape(4, 6) * 10
    path = tmp_path / f"a.{kind}"
    if kind == "jpg":
        exif = Image.Exif()
        exif[0x0112] = orientation
        Image.fromarray(stored).save(path, quality=100, exif=exif)
    elif kind == "tif":
        tiff(path, stored, orientation=orientation)
    else:
        tiff(path, np.dstack([stored.astype(np.uint16)] * 3), orientation=orientation)
    shown = {
        1: stored,
        2: stored[:, ::-1],
        3: stored[::-1, ::-1],
        4: stored[::-1],
        5: stored.T,
        6: np.rot90(stored, -1),
        7: stored.T[::-1, ::-1],
        8: np.rot90(stored),
    }[orientation]
    sequence = open_sequence(path)
    ((pixels, *_),) = sequence
    assert (sequence.info.height, sequence.info.width) == shown.shape == pixels.shape[:2]
    scale = 255 / stored.max() if kind == "deep.tif" else 1
    assert np.abs(pixels[:, :, 0] - shown * scale).max() <= 3
    assert bool(sequence.info.notes and "turned" in sequence.info.notes[0]) == (orientation != 1)


def test_depths_of_pages_must_not_be_mixed(tmp_path: Path) -> None:
    pages = [Image.fromarray(np.zeros((2, 2), dtype)) for dtype in (np.uint8, np.uint16)]
    for index, name in enumerate(("a.tif", "b.tif")):
        pages[index].save(tmp_path / name, save_all=True, append_images=[pages[1 - index]])
        with pytest.raises(InputError, match="page 1 has another bit depth"):
            open_sequence(tmp_path / name)


def test_a_profile_is_converted(tmp_path: Path) -> None:
    """Linear light with the primaries of sRGB: what is 0.5 there is 188 in sRGB."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    content = bytearray(profile.tobytes())
    image = Image.fromarray(make_frames(1, 16, 16)[0])
    image.save(tmp_path / "same.png", icc_profile=bytes(content))
    assert not open_sequence(tmp_path / "same.png").info.notes
    # Its red and blue exchanged, in the table of tags.
    red, blue = content.index(b"rXYZ", 128), content.index(b"bXYZ", 128)
    content[red : red + 4], content[blue : blue + 4] = b"bXYZ", b"rXYZ"
    image.save(tmp_path / "other.png", icc_profile=bytes(content))
    sequence = open_sequence(tmp_path / "other.png")
    ((pixels, *_),) = sequence
    assert "ICC profile 'sRGB built-in'" in sequence.info.notes[0]
    assert np.abs(pixels[:, :, ::-1].astype(int) - np.asarray(image)).max() <= 2


def test_a_phones_second_picture_is_left_out(tmp_path: Path) -> None:
    main, gain = (Image.fromarray(make_frames(1, 32 // n, 48 // n)[0]) for n in (1, 2))
    main.save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[gain])
    sequence = open_sequence(tmp_path / "a.jpg")
    assert len(list(sequence)) == 1
    assert (sequence.info.width, sequence.info.height) == (48, 32)
    assert any("1 more pictures in the same file" in note for note in sequence.info.notes)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_an_imagej_stack_of_one_directory(tmp_path: Path, dtype: type) -> None:
    images: np.ndarray = np.random.default_rng(0).integers(0, 200, (8, 6, 5)).astype(dtype)
    path = tiff(
        tmp_path / "a.tif", images.reshape(48, 5), copies=8, description="ImageJ=1.53t\nimages=8\nslices=8\n"
    )
    sequence = open_sequence(path)
    assert (sequence.info.frame_count, sequence.info.height, sequence.info.width) == (8, 6, 5)
    low, high = (0, 255) if dtype == np.uint8 else (int(images.min()), int(images.max()))
    for (pixels, *_), image in zip(sequence, images, strict=True):
        assert np.abs(pixels[:, :, 0] - (image.astype(float) - low) * 255 / (high - low)).max() <= 0.5 + 1e-9
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(InputError, match="cut short"):
        open_sequence(path)


def test_samples_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    path = tiff(tmp_path / "a.tif", np.zeros((4, 4), np.float64), sample_format=3)
    with pytest.raises(InputError, match="holds floating-point samples of 64 bits, 1 a pixel"):
        open_sequence(path)


def test_tga_by_its_name(tmp_path: Path) -> None:
    frames = make_frames(3, 16, 24)
    for index, frame in enumerate(frames):
        Image.fromarray(frame).save(tmp_path / f"f{index}.tga")
    sequence = open_sequence(tmp_path)
    assert [np.array_equal(pixels, theirs) for (pixels, *_), theirs in zip(sequence, frames, strict=True)]
    assert len(list(open_sequence(tmp_path / "f0.tga"))) == 1
