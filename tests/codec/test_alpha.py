"""Alpha planes through a latent: bit by bit, at any frame, and after an interruption."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.stream import VideoStream
from numpy.typing import NDArray
from PIL import Image, ImageSequence

import imfn_cli as imfn
from imfn_cli import bitstream
from imfn_cli.codec import compress_adaptive, compress_sequence, decompress_latent, verify_latent
from imfn_cli.errors import LatentError
from imfn_cli.media import LoadedArray, open_sequence
from imfn_cli.media.sequence import Frame
from imfn_cli.zoo import Model, load

from ..conftest import make_clip

FRAMES, HEIGHT, WIDTH = 45, 32, 40


def planes(count: int = FRAMES) -> NDArray[np.uint8]:
    """A soft circle that moves, and one hard edge that stands still."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    distance = np.stack([np.hypot(y - 16, x - 8 - t * 0.7) for t in range(count)])
    soft = np.clip((12 - distance) / 8, 0, 1)
    soft[:, :4] = 1
    return np.round(soft * 255).astype(np.uint8)


def clip(count: int = FRAMES) -> NDArray[np.uint8]:
    """RGBA (T, H, W, 4)."""
    return np.concatenate((make_clip(count, HEIGHT, WIDTH), planes(count)[..., None]), axis=3)


def video(path: Path, codec: str, pixel_format: str, **options: str) -> Path:
    """The clip as a film whose encoder keeps alpha as it is."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pixel_format
        for frame in clip():
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgba")))
        container.mux(stream.encode(None))
    return path


def images(folder: Path, gray: bool = False) -> Path:
    folder.mkdir()
    for number, frame in enumerate(clip()):
        stored = Image.fromarray(frame[..., (0, 3)] if gray else frame)
        stored.save(folder / f"{number:03d}.png")
    return folder


def animation(path: Path, **options: Any) -> Path:
    pictures = [Image.fromarray(frame) for frame in clip()]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=40, **options)
    return path


def array(path: Path) -> Path:
    np.save(path, clip())
    return path


def tiff(path: Path) -> Path:
    pictures = [Image.fromarray(frame) for frame in clip()]
    pictures[0].save(path, save_all=True, append_images=pictures[1:])
    return path


SOURCES: dict[str, Callable[[Path], Path]] = {
    "images": lambda folder: images(folder / "frames"),
    "gray images": lambda folder: images(folder / "frames", gray=True),
    "animated PNG": lambda folder: animation(folder / "a.png"),
    "WebP": lambda folder: animation(folder / "a.webp", lossless=True, exact=True),
    "array": lambda folder: array(folder / "a.npy"),
    "TIFF": lambda folder: tiff(folder / "a.tif"),
    "FFV1": lambda folder: video(folder / "a.mkv", "ffv1", "bgra"),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_every_source_keeps_its_alpha(tmp_path: Path, tiny_model: Model, kind: str) -> None:
    source, output = SOURCES[kind](tmp_path), tmp_path / "x.safetensors"
    with open_sequence(source) as sequence:
        assert sequence.info.alpha
        report = compress_sequence(sequence, output, tiny_model, ratio=4, gop=16)
    assert report.notes == ()
    assert decompress_latent(bitstream.open_latent(output), tmp_path / "out", tiny_model).notes == ()
    found = [np.asarray(Image.open(path))[..., -1] for path in sorted((tmp_path / "out").iterdir())]
    np.testing.assert_array_equal(found, planes())


def test_gif_knows_on_and_off(tmp_path: Path, tiny_model: Model) -> None:
    pictures = [Image.fromarray(frame) for frame in clip()]
    pictures[0].save(tmp_path / "a.gif", save_all=True, append_images=pictures[1:], disposal=2)
    with open_sequence(tmp_path / "a.gif") as sequence:
        shown = [frame.alpha for frame in sequence]
        compress_sequence(sequence, tmp_path / "a.safetensors", tiny_model, ratio=4)
    decompress_latent(bitstream.open_latent(tmp_path / "a.safetensors"), tmp_path / "a.npy", tiny_model)
    found = np.load(tmp_path / "a.npy")[..., 3]
    np.testing.assert_array_equal(found, shown)
    assert set(np.unique(found)) == {0, 255}


def test_alpha_of_vp9_is_that_of_its_decoder(tmp_path: Path, tiny_model: Model) -> None:
    source, output = video(tmp_path / "a.webm", "libvpx-vp9", "yuva420p"), tmp_path / "x.safetensors"
    with av.open(str(source)) as container:
        decoder = av.CodecContext.create("libvpx-vp9", "r")
        frames = [one for packet in container.demux(video=0) for one in decoder.decode(packet)]
    wanted = [np.asarray(frame.reformat(format="yuva420p").planes[3]) for frame in frames]
    with open_sequence(source) as sequence:
        compress_sequence(sequence, output, tiny_model, ratio=4)
    decompress_latent(bitstream.open_latent(output), tmp_path / "x.npy", tiny_model)
    found = np.load(tmp_path / "x.npy")[..., 3]
    for plane, one in zip(wanted, found, strict=True):
        np.testing.assert_array_equal(plane.reshape(HEIGHT, -1)[:, :WIDTH], one)


@pytest.fixture
def latent(tmp_path: Path, tiny_model: Model) -> Path:
    output = tmp_path / "a.safetensors"
    compress_sequence(LoadedArray(clip()), output, tiny_model, ratio=4, gop=16)
    return output


def _read(path: Path) -> NDArray[np.uint8]:
    """RGBA or gray with alpha (T, H, W, C) of an output."""
    if path.suffix == ".npy":
        return np.load(path)
    if path.suffix == ".mkv":
        with av.open(str(path)) as container:
            frames = list(container.decode(video=0))
        assert frames[0].format.name == "bgra"
        return np.stack([frame.to_ndarray(format="rgba") for frame in frames])
    if path.suffix == ".tif":
        with Image.open(path) as image:
            pages = []
            for page in ImageSequence.Iterator(image):
                pages.append(np.asarray(page))
        return np.stack(pages)
    return np.stack([np.asarray(Image.open(image)) for image in sorted(path.iterdir())])


@pytest.mark.parametrize("name", ["frames", "a.npy", "a.mkv", "a.tif"])
def test_outputs_have_it(tmp_path: Path, latent: Path, tiny_model: Model, name: str) -> None:
    reader = bitstream.open_latent(latent)
    report = decompress_latent(reader, tmp_path / name, tiny_model)
    assert report.notes == ()
    found = _read(tmp_path / name)
    assert found.shape == (FRAMES, HEIGHT, WIDTH, 4)
    np.testing.assert_array_equal(found[..., 3], planes())
    assert not found[..., :3][found[..., 3] == 0].any()
    (tmp_path / "cut").mkdir()
    decompress_latent(reader, tmp_path / "cut" / name, tiny_model, start=13, stop=30)
    np.testing.assert_array_equal(_read(tmp_path / "cut" / name)[..., 3], planes()[13:30])


@pytest.mark.parametrize("name", ["frames", "a.npy", "a.mkv", "a.tif"])
def test_gray_with_alpha(tmp_path: Path, tiny_model: Model, name: str) -> None:
    with open_sequence(images(tmp_path / "gray", gray=True)) as sequence:
        assert sequence.info.channels == 1
        compress_sequence(sequence, tmp_path / "a.safetensors", tiny_model, ratio=4)
    decompress_latent(bitstream.open_latent(tmp_path / "a.safetensors"), tmp_path / name, tiny_model)
    found = _read(tmp_path / name)
    np.testing.assert_array_equal(found[..., -1], planes())
    assert (found[..., :-1] == found[..., :1]).all()


def test_composited_once_more_the_picture_is_the_same(
    tmp_path: Path, latent: Path, tiny_model: Model
) -> None:
    reader = bitstream.open_latent(latent)
    decompress_latent(reader, tmp_path / "a.npy", tiny_model)
    stored = np.load(tmp_path / "a.npy").astype(int)
    composited = (stored[..., :3] * stored[..., 3:] + 127) // 255
    shown = np.stack([frame.pixels for frame in _frames(reader, tiny_model)]).astype(int)
    # What was coded may be brighter than what shines through alpha, which nothing can say.
    clipped = np.minimum(shown, stored[..., 3:])
    assert np.abs(composited - clipped).max() <= 1


def test_planes_by_number(latent: Path, tiny_model: Model) -> None:
    opened = imfn.open(latent, model=tiny_model)
    np.testing.assert_array_equal(opened.alpha(), planes())
    np.testing.assert_array_equal(opened.alpha(15, 17), planes()[15:17])
    np.testing.assert_array_equal(opened.alpha(16, 32), planes()[16:32])


def _frames(reader: bitstream.LatentReader, model: Model) -> Iterator[Frame]:
    from imfn_cli.codec import restored_frames

    return restored_frames(reader, model)


def test_an_output_without_says_so(tmp_path: Path, latent: Path, tiny_model: Model) -> None:
    report = decompress_latent(bitstream.open_latent(latent), tmp_path / "a.mp4", tiny_model)
    assert report.notes == (
        "alpha left out, composited on black: this format holds none; images, .mkv, .npy and .tif do",
    )


def test_nothing_is_kept_of_an_alpha_channel_that_hides_nothing(tmp_path: Path, tiny_model: Model) -> None:
    opaque, plain = clip(), clip()[..., :3]
    opaque[..., 3] = 255
    for name, frames in (("a", opaque), ("b", plain)):
        compress_sequence(LoadedArray(frames), tmp_path / f"{name}.safetensors", tiny_model, ratio=4)
    found = [(tmp_path / f"{name}.safetensors").read_bytes() for name in "ab"]
    # The source's own size is in the header.
    assert len(found[0]) - len(found[1]) in range(-8, 9)
    assert not bitstream.open_latent(tmp_path / "a.safetensors").alpha


def test_adaptive_forests_have_it(tmp_path: Path) -> None:
    model = load("video-linear")
    compress_adaptive(LoadedArray(clip()), tmp_path / "a.safetensors", model, gop=16)
    reader = bitstream.open_latent(tmp_path / "a.safetensors")
    assert reader.alpha_bytes
    decompress_latent(reader, tmp_path / "a.npy", model, start=20, stop=21)
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy")[..., 3], planes()[20:21])


@pytest.mark.parametrize("gop", [0, 16])
@pytest.mark.parametrize("dies_at", [3, 20, 44])
def test_gone_on_with_it_is_the_same(tmp_path: Path, tiny_model: Model, gop: int, dies_at: int) -> None:
    source = array(tmp_path / "a.npy")
    whole, again = tmp_path / "whole.safetensors", tmp_path / "again.safetensors"
    with open_sequence(source) as sequence:
        compress_sequence(sequence, whole, tiny_model, ratio=4, gop=gop)
    with open_sequence(source) as sequence:

        def dies(done: int) -> None:
            if done >= dies_at:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            compress_sequence(sequence, again, tiny_model, ratio=4, gop=gop, resume=True, progress=dies)
    with open_sequence(source) as sequence:
        compress_sequence(sequence, again, tiny_model, ratio=4, gop=gop, resume=True)
    assert whole.read_bytes() == again.read_bytes()


def _damage(latent: Path) -> None:
    reader, data = bitstream.open_latent(latent), bytearray(latent.read_bytes())
    data[reader.alpha_at + reader.alpha[1].offset + 5] ^= 1
    latent.write_bytes(data)


def test_damage_is_noticed(tmp_path: Path, latent: Path, tiny_model: Model) -> None:
    _damage(latent)
    reader = bitstream.open_latent(latent)
    with pytest.raises(LatentError, match=r"alpha of frames 16 to 31 is damaged \(checksum differs\)"):
        verify_latent(reader, tiny_model)
    with pytest.raises(LatentError, match=r"alpha of frames 16 to 31 .*; --skip-damaged"):
        decompress_latent(reader, tmp_path / "a.npy", tiny_model)
    assert not (tmp_path / "a.npy").exists()
    report = decompress_latent(reader, tmp_path / "a.npy", tiny_model, skip_damaged=True)
    assert report.notes == ("alpha of frames 16 to 31 is damaged; they are opaque",)
    found = np.load(tmp_path / "a.npy")[..., 3]
    assert (found[16:32] == 255).all()
    np.testing.assert_array_equal(found[32:], planes()[32:])
    # What holds no alpha does not need it.
    assert decompress_latent(reader, tmp_path / "a.mp4", tiny_model).frames == FRAMES
