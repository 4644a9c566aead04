"""Videos and folders of images as arrays: every decoded sample comes back, whatever its depth."""

from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import imfn_cli as imfn
from imfn_cli.codec.exact import compress
from imfn_cli.errors import InputError, OutputError
from imfn_cli.media.exact_pixels import Layout, layout_of
from tests.media.frames import encode_video

Frames = NDArray[np.uint16]


def samples_of(layout: Layout, frames: int = 5, height: int = 26, width: int = 35) -> Frames:
    """Smooth frames with noise, (T, H, W[, C]), that use all bits, in the layout's type."""
    generator = np.random.default_rng(7)
    shape = (frames, height, width, layout.channels)
    ramp = np.add.outer(np.add.outer(np.arange(frames) * 3, np.arange(height)), np.arange(width) * 2)
    top = (1 << layout.bits) - 1
    found = ramp[..., None] * top // ramp.max() + generator.integers(-9, 9, shape)
    found = np.clip(found, 0, top)
    found[0].flat[:2] = (0, top)
    return found.astype(layout.native)[..., 0] if layout.channels == 1 else found.astype(layout.native)


def video(path: Path, pixel_format: str, **size: int) -> Frames:
    layout = layout_of(pixel_format)
    assert layout is not None
    samples = samples_of(layout, **size)
    encode_video(path, [layout.frame(one) for one in samples], "ffv1", level="3")
    return samples


def latent_of(source: object, folder: Path, **how: object) -> Path:
    place = folder / "x.safetensors"
    imfn.compress(source, place, force=True, **(how or {"lossless": True}))  # type: ignore[call-overload]
    return place


@pytest.mark.parametrize("pixel_format", ["gray16be", "rgb48be"])
def test_the_other_byte_order(pixel_format: str, tmp_path: Path) -> None:
    layout = layout_of(pixel_format)
    assert layout is not None
    samples = samples_of(layout)
    path = encode_video(tmp_path / "a.nut", [layout.frame(one) for one in samples], "rawvideo")
    restored = imfn.open_array(latent_of(path, tmp_path))
    assert restored.dtype == "<u2"
    assert np.array_equal(np.asarray(restored), samples)


DEEP = [f"gray{bits}le" for bits in (9, 10, 12, 14, 16)] + [f"gbrp{bits}le" for bits in (9, 10, 12, 14, 16)]


@pytest.mark.parametrize(
    "pixel_format", [*DEEP, "rgb48le", "rgba64le", "gbrap12le", "gray", "bgr0", "bgra", "ya8"]
)
def test_every_decoded_sample_comes_back(pixel_format: str, tmp_path: Path) -> None:
    samples = video(tmp_path / "a.mkv", pixel_format)
    latent = latent_of(tmp_path / "a.mkv", tmp_path)
    with imfn.open_array(latent) as restored:
        assert (restored.shape, restored.dtype) == (samples.shape, samples.dtype)
        assert np.asarray(restored[:]).tobytes() == samples.tobytes()
    assert imfn.verify(latent, source=tmp_path / "a.mkv").ok


@pytest.mark.parametrize("pixel_format", ["gray10le", "gray16le", "gbrp12le", "rgb48le", "gbrap16le", "bgr0"])
@pytest.mark.parametrize("size", [(26, 35), (5, 3)])
def test_it_is_a_video_again(pixel_format: str, size: tuple[int, int], tmp_path: Path) -> None:
    samples = video(tmp_path / "a.mkv", pixel_format, height=size[0], width=size[1])
    report = imfn.decompress(latent_of(tmp_path / "a.mkv", tmp_path))
    assert Path(report.output).name == "x.restored.mkv"
    with av.open(report.output) as container:
        assert container.streams.video[0].average_rate == 25
        found = list(container.decode(video=0))
    layout = layout_of(found[0].format.name)
    # As which FFV1 hands rgb48le out.
    assert found[0].format.name == ("gbrp16le" if pixel_format == "rgb48le" else pixel_format)
    assert layout is not None
    assert np.array_equal(np.stack([layout.samples(one) for one in found]), samples)


@pytest.mark.parametrize("pixel_format", ["gray", "gray12le", "gray16le", "bgr0", "gbrp16le", "rgba64le"])
def test_a_video_as_images_and_back(pixel_format: str, tmp_path: Path) -> None:
    samples = video(tmp_path / "a.mkv", pixel_format)
    imfn.decompress(latent_of(tmp_path / "a.mkv", tmp_path), f"{tmp_path}/frames/")
    assert len(list((tmp_path / "frames").glob("*.png"))) == len(samples)
    if samples.ndim == 3:
        # Another library's word for it.
        assert np.array_equal(np.asarray(Image.open(tmp_path / "frames" / "000003.png")), samples[3])
    latent = latent_of(tmp_path / "frames", tmp_path)
    assert np.array_equal(np.asarray(imfn.open_array(latent)), samples)
    assert imfn.verify(latent, source=str(tmp_path / "frames")).ok
    assert imfn.decompress(latent).output == f"{tmp_path}/x.restored"
    with pytest.raises(OutputError, match="is not empty"):
        imfn.decompress(latent, f"{tmp_path}/frames/")
    (tmp_path / "frames" / "notes.txt").write_text("mine")
    imfn.decompress(latent, f"{tmp_path}/frames/", force=True)
    assert (tmp_path / "frames" / "notes.txt").read_text() == "mine"
    assert not list(tmp_path.rglob(".*"))


@pytest.mark.parametrize("largest", [200, 255, 4095, 65535])
@pytest.mark.parametrize("kind", ["P5", "P6"])
def test_samples_of_pnm_are_not_stretched(kind: str, largest: int, tmp_path: Path) -> None:
    shape = (4, 7, 9) if kind == "P5" else (4, 7, 9, 3)
    samples = (
        np.random.default_rng(1).integers(0, largest + 1, shape).astype(">u2" if largest > 255 else "u1")
    )
    (tmp_path / "frames").mkdir()
    for number, one in enumerate(samples):
        head = f"{kind}\n# a comment 12\n9 7\n{largest}\n".encode()
        (tmp_path / "frames" / f"{number}.pgm").write_bytes(head + one.tobytes())
    restored = imfn.open_array(latent_of(tmp_path / "frames", tmp_path))
    assert restored.dtype == ("<u2" if largest > 255 else "u1")
    assert np.array_equal(np.asarray(restored), samples)


def test_a_folder_of_tiff(tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    samples = np.random.default_rng(1).normal(size=(4, 7, 9)).astype(np.float32)
    (tmp_path / "frames").mkdir()
    for number, one in enumerate(samples):
        tifffile.imwrite(tmp_path / "frames" / f"{number}.tif", one)
    latent = latent_of(tmp_path / "frames", tmp_path)
    report = imfn.decompress(latent)
    assert Path(report.output).name == "x.restored.tif"
    assert np.array_equal(tifffile.imread(report.output), samples)
    with pytest.raises(OutputError, match="no gray or RGB images"):
        imfn.decompress(latent, f"{tmp_path}/png/")


def test_images_that_the_shell_lists(tmp_path: Path) -> None:
    samples = np.random.default_rng(1).integers(0, 60000, (12, 7, 9)).astype(np.uint16)
    for number, one in enumerate(samples):
        Image.fromarray(one).save(tmp_path / f"i{number}.png")
    latent = latent_of(str(tmp_path / "*.png"), tmp_path)
    assert np.array_equal(np.asarray(imfn.open_array(latent)), samples)
    report = imfn.verify(latent, source=str(tmp_path / "*.png"))
    assert report.ok
    samples[4, 3, 2] ^= 1
    Image.fromarray(samples[4]).save(tmp_path / "i4.png")
    report = imfn.verify(latent, source=str(tmp_path / "*.png"))
    assert "not the source's samples" in report.damaged[0].problem


def test_within_an_error_and_a_part(tmp_path: Path) -> None:
    samples = video(tmp_path / "a.mkv", "gray12le")
    latent = latent_of(tmp_path / "a.mkv", tmp_path, max_error=3, frames=(1, 4))
    restored = np.asarray(imfn.open_array(latent)).astype(int)
    assert restored.shape == (3, 26, 35)
    assert 0 < np.abs(restored - samples[1:4]).max() <= 3
    assert imfn.verify(latent, source=tmp_path / "a.mkv", frames=(1, 4)).ok
    assert not imfn.verify(latent, source=tmp_path / "a.mkv", frames=(0, 3)).ok
    with pytest.raises(InputError, match="has 5 frames"):
        latent_of(tmp_path / "a.mkv", tmp_path, lossless=True, frames=(5, 9))


@pytest.mark.parametrize(("codec", "pixel_format"), [("ffv1", "yuv420p10le"), ("prores_ks", "yuv422p10le")])
def test_ycbcr_is_refused_or_converted(codec: str, pixel_format: str, tmp_path: Path) -> None:
    gray = np.full((32, 48, 3), 30000, np.uint16)
    frames = [
        av.VideoFrame.from_ndarray(gray + 900 * i, "rgb48le").reformat(format=pixel_format) for i in range(3)
    ]
    path = encode_video(tmp_path / "a.mkv", frames, codec)
    with pytest.raises(InputError, match=f"holds {pixel_format}, and lossless .* -pix_fmt gbrp16le"):
        latent_of(path, tmp_path)
    with pytest.raises(InputError, match="lossless is of gray and RGB"):
        latent_of(path, tmp_path, max_error=0)
    report = imfn.compress(path, tmp_path / "y.safetensors", max_error=40)
    assert f"{pixel_format} converted to 16-bit RGB, in which an error counts" in report.notes
    assert imfn.verify(tmp_path / "y.safetensors", source=path).ok
    restored = np.asarray(imfn.open_array(tmp_path / "y.safetensors")).astype(int)
    assert restored.shape == (3, 32, 48, 3)
    # A step of 10 bits is 75 of 65 535, where they reach from 64 to 940.
    assert np.abs(restored - [[[[30000]]], [[[30900]]], [[[31800]]]]).max() < 40 + 2 * 75


def test_without_the_options_it_is_as_ever(tmp_path: Path) -> None:
    video(tmp_path / "a.mkv", "gray16le", height=32, width=32)
    report = imfn.compress(tmp_path / "a.mkv", tmp_path / "x.safetensors", model="video-linear")
    assert report.notes == ("16-bit samples 0..65535 mapped to 8 bits",)


def test_what_does_not_fit_together(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    Image.fromarray(np.zeros((7, 9), np.uint16)).save(folder / "0.png")
    Image.fromarray(np.zeros((7, 9), np.uint8)).save(folder / "1.png")
    with pytest.raises(InputError, match=r"1\.png: is uint8 of shape \(7, 9\), 0\.png uint16"):
        latent_of(folder, tmp_path)
    Image.fromarray(np.zeros((7, 9), np.uint8)).save(folder / "0.jpg")
    with pytest.raises(InputError, match=r"0\.jpg: is no PNG"):
        latent_of(folder, tmp_path)
    Image.fromarray(np.zeros((7, 9), np.uint8)).convert("P").save(tmp_path / "p.png")
    with pytest.raises(InputError, match="pal8, and lossless"):
        latent_of(tmp_path / "p.png", tmp_path)
    (tmp_path / "cut.pgm").write_bytes(b"P5 9 7 255\n" + bytes(60))
    with pytest.raises(InputError, match="the samples end early"):
        latent_of(tmp_path / "cut.pgm", tmp_path)
    (tmp_path / "text.pgm").write_bytes(b"P2 2 2 255\n1 2 3 4\n")
    with pytest.raises(InputError, match="convert it to PNG"):
        latent_of(tmp_path / "text.pgm", tmp_path)
    (tmp_path / "bad.mkv").write_bytes(bytes(range(256)) * 9)
    with pytest.raises(InputError, match="not a video that can be read"):
        latent_of(tmp_path / "bad.mkv", tmp_path)
    assert not list(tmp_path.glob("*.safetensors"))


def test_memories_of_a_deep_video(tmp_path: Path) -> None:
    video(tmp_path / "a.mkv", "gray16le", frames=16, height=32, width=32)
    report = imfn.compress(tmp_path / "a.mkv", tmp_path / "x.safetensors", fit=True, ratio=4)
    assert (report.ratio, report.frames) == (4, 16)
    assert imfn.verify(tmp_path / "x.safetensors", source=tmp_path / "a.mkv").ok


def test_gone_on_with_it_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compress, "frames_in_group", lambda _: 8)
    video(tmp_path / "a.mkv", "gray12le", frames=20)
    whole, again = tmp_path / "whole.safetensors", tmp_path / "again.safetensors"
    imfn.compress(tmp_path / "a.mkv", whole, lossless=True)

    def dies(done: int, _: int | None) -> None:
        if done >= 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        imfn.compress(tmp_path / "a.mkv", again, lossless=True, resume=True, progress=dies)
    assert imfn.compress(tmp_path / "a.mkv", again, lossless=True, resume=True).resumed == 10
    assert again.read_bytes() == whole.read_bytes()
