"""What the world does to a run: no space, no permission, Ctrl-C. Nothing half-written is left, ever."""

import contextlib
import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import imfn_cli as imfn

from .conftest import digests
from .running import Ran, Running

Cli = Callable[..., Ran]


@pytest.fixture
def model(tiny_model_dir: Path) -> tuple[str, str, str, str]:
    return "-m", str(tiny_model_dir), "--quiet", "--force"


Words = tuple[str, ...]
OUTPUTS = ("x.mp4", "x.mkv", "x.webm", "x.gif", "x.npy", "x.tif", "x/")


@contextlib.contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Within the block this process may write no file larger than `size` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def noisy(tmp_path: Path) -> Path:
    """Frames that do not compress: 16 of 64×64 noise."""
    path = tmp_path / "noise.npy"
    np.save(path, np.random.default_rng(0).integers(0, 256, (16, 64, 64, 3), np.uint8))
    return path


class TestInputs:
    @pytest.mark.parametrize(
        ("name", "data", "expected"),
        [
            ("empty.mp4", b"", "is empty (0 bytes); copy it again"),
            ("text.mp4", b"hello\n", "is a text file; name a video, images or an array"),
            ("random.mp4", np.random.default_rng(0).bytes(5000), "is not a video or image that can be read"),
            ("zeros.mp4", bytes(5000), "is not a video or image that can be read"),
            ("head.png", b"\x89PNG\r\n\x1a\n" + bytes(9), "cannot be read as an image; is it damaged?"),
            ("head.npy", b"\x93NUMPY\x01\x00v\x00", "cannot be read as a NumPy file; is it damaged"),
        ],
    )
    def test_no_sequence(
        self, cli: Cli, tmp_path: Path, model: Words, name: str, data: bytes, expected: str
    ) -> None:
        path = tmp_path / name
        path.write_bytes(data)
        ran = cli("compress", path, *model, "-r", 4)
        assert ran.code == 1
        assert ran.line.startswith(f"{path}: ")
        assert expected in ran.line
        assert list(digests(tmp_path)) == [name]

    def test_missing(self, cli: Cli, tmp_path: Path, model: Words) -> None:
        ran = cli("compress", tmp_path / "no.mp4", *model)
        assert ran.code == 1
        assert ran.line == f"{tmp_path}/no.mp4: No such file or directory; check the name"
        ran = cli("compress", tmp_path / "no*.mp4", *model)
        assert ran.code == 1
        assert str(tmp_path / "no*.mp4") in ran.line

    def test_an_empty_directory(self, cli: Cli, tmp_path: Path, model: Words) -> None:
        ran = cli("compress", tmp_path, *model, "-r", 4)
        assert ran.code == 1
        assert ran.line.startswith(f"{tmp_path}: ")

    def test_a_video_cut_short_gives_its_frames_and_a_note(
        self, cli: Cli, clip_path: Path, tmp_path: Path, tiny_model_dir: Path
    ) -> None:
        cut = tmp_path / "cut.mkv"
        cut.write_bytes(clip_path.read_bytes()[: clip_path.stat().st_size // 2])
        ran = cli("compress", cut, "-m", tiny_model_dir, "-r", 4, "--json")
        assert ran.code == 0
        assert 0 < ran.json[0]["frames"] < 40
        assert all(line.startswith(f"imfn: {cut}: ") for line in ran.err.splitlines())

    def test_an_array_cut_short(self, cli: Cli, clip: Path, model: Words) -> None:
        clip.write_bytes(clip.read_bytes()[:-1])
        ran = cli("compress", clip, *model, "-r", 2)
        assert ran.code == 1
        assert "is it damaged or cut short?" in ran.line
        assert list(digests(clip.parent)) == [clip.name]


class TestNoRoom:
    def test_compress(self, cli: Cli, noisy: Path, model: Words) -> None:
        noisy.with_suffix(".safetensors").write_text("precious")
        before = digests(noisy.parent)
        with largest_file(20_000):
            ran = cli("compress", noisy, *model, "-r", 2, "-q", 90)
        assert ran.code == 1
        assert "larger than this system allows" in ran.line
        assert str(noisy.with_suffix(".safetensors")) in ran.line
        assert digests(noisy.parent) == before

    @pytest.mark.parametrize("name", OUTPUTS)
    def test_decompress(self, cli: Cli, noisy: Path, model: Words, tiny_model: imfn.Model, name: str) -> None:
        latent = noisy.with_suffix(".safetensors")
        imfn.compress(noisy, model=tiny_model, ratio=2, quality=90)
        before = digests(noisy.parent)
        with largest_file(4000):
            ran = cli("decompress", latent, *model, "-o", f"{noisy.parent}/{name}")
        assert ran.code == 1
        assert "larger than this system allows" in ran.line
        assert str(noisy.parent / name.rstrip("/")) in ran.line
        assert digests(noisy.parent) == before

    def test_a_full_disk(self, cli: Cli, noisy: Path, model: Words, tiny_model: imfn.Model) -> None:
        disk = noisy.parent / "disk"
        disk.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=16k", "imfn-test", str(disk)]
        try:
            if subprocess.run(mount, capture_output=True, check=False).returncode:
                pytest.skip("a small disk can only be mounted by root")
        except OSError:
            pytest.skip("there is no mount here")
        try:
            ran = cli("compress", noisy, *model, "-r", 2, "-q", 90, "-o", disk / "x.safetensors")
            assert ran.code == 1
            expected = "no space left on the device; free some, or choose another place with -o"
            assert ran.line == f"{disk}/x.safetensors: {expected}"
            latent = noisy.with_suffix(".safetensors")
            imfn.compress(noisy, model=tiny_model, ratio=2, quality=90)
            for name in OUTPUTS:
                ran = cli("decompress", latent, *model, "-o", f"{disk}/{name}")
                assert ran.code == 1
                assert "no space left on the device" in ran.line
            assert list(disk.iterdir()) == []
        finally:
            subprocess.run(["umount", str(disk)], check=True)

    @pytest.mark.parametrize("folder", ["/proc", "/sys"])
    def test_a_place_that_takes_no_files(
        self, cli: Cli, clip: Path, latent: Path, model: Words, folder: str
    ) -> None:
        if not Path(folder).is_dir():
            pytest.skip(f"there is no {folder} here")
        for words in (
            ("compress", clip, *model, "-r", 4, "-o", f"{folder}/x.safetensors"),
            ("decompress", latent, *model, "-o", f"{folder}/x.mp4"),
            ("decompress", latent, *model, "-o", f"{folder}/x.npy"),
            ("decompress", latent, *model, "-o", f"{folder}/x/"),
        ):
            ran = cli(*words)
            assert ran.code == 1
            assert ran.line.startswith(folder)
            assert "choose another place with -o" in ran.line

    def test_a_directory_that_may_not_be_written_to(self, cli: Cli, clip: Path, model: Words) -> None:
        if os.geteuid() == 0:
            pytest.skip("root may write anywhere")
        clip.parent.chmod(0o555)
        try:
            ran = cli("compress", clip, *model, "-r", 4)
        finally:
            clip.parent.chmod(0o755)
        assert ran.code == 1
        assert "cannot be written to; choose another place with -o" in ran.line


@pytest.mark.parametrize(
    ("what", "number"),
    [
        ("compress", signal.SIGINT),
        ("compress", signal.SIGHUP),
        ("x.mp4", signal.SIGINT),
        ("x/", signal.SIGTERM),
    ],
)
def test_an_interrupt_leaves_nothing(
    start: Callable[..., Running],
    tmp_path: Path,
    tiny_model_dir: Path,
    tiny_model: imfn.Model,
    what: str,
    number: signal.Signals,
) -> None:
    # Long enough to be still at it, whatever the machine.
    frames = np.lib.format.open_memmap(tmp_path / "long.npy", "w+", np.uint8, (60_000, 64, 64))
    del frames
    latent = tmp_path / "long.safetensors"
    words: Words
    if what == "compress":
        words = ("compress", "long.npy", "-q", "100", "-r", "1")
    else:
        _long_latent(latent, tiny_model)
        words = ("decompress", latent.name, "-o", what)
    before = set(tmp_path.rglob("*"))
    running = start(*words, "-m", tiny_model_dir, folder=tmp_path)

    def begun() -> bool:
        """Whether there is a temporary file (compressing: without a name)."""
        return _has_spool(running.pid, tmp_path) if what == "compress" else set(tmp_path.rglob("*")) != before

    running.wait_until(begun)
    ran = running.signal(number)
    assert ran == Ran(128 + number, "", "imfn: interrupted; nothing half-written was left\n")
    assert set(tmp_path.rglob("*")) == before


def _long_latent(path: Path, model: imfn.Model) -> None:
    """A latent of 60 000 small gray frames, from the nodes of a short one."""
    from dataclasses import replace

    from imfn_cli.bitstream.container.latent_writer import LatentWriter
    from imfn_cli.bitstream.open import open_latent

    imfn.compress(np.zeros((8, 64, 64), np.uint8), path, model=model, ratio=8, gop=0, force=True)
    reader = open_latent(path)
    (node,) = reader.nodes
    data = reader.read(node)
    with LatentWriter(path, force=True) as writer:
        for _ in range(7500):
            writer.add(node.level, data)
        writer.finish(replace(reader.header, frames=60_000))


def _has_spool(pid: int, folder: Path) -> bool:
    descriptors = Path(f"/proc/{pid}/fd")
    if not descriptors.is_dir():
        time.sleep(5)
        return True
    for link in descriptors.iterdir():
        with contextlib.suppress(OSError):
            if str(link.readlink()).startswith(f"{folder}/"):
                return True
    return False
