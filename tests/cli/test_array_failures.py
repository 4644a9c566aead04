"""Arrays and their latents where something gives way: no room, inputs that vanish, readers that leave."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import imfn_cli as imfn

from .conftest import digests
from .running import PATIENCE, Ran, environment
from .test_failures import largest_file

Cli = Callable[..., Ran]
OUTPUTS = ["x.npy", "x.npz", "x.tif", "x.h5", "x.zarr"]


@pytest.fixture(autouse=True)
def small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Groups of 64 frames."""
    monkeypatch.setattr("imfn_cli.codec.exact.compress._GROUP_SAMPLES", 64 * 24 * 32)


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    """An array that nothing compresses: (512, 24, 32) uint16, in eight groups."""
    path = tmp_path / "in" / "noise.npy"
    path.parent.mkdir()
    np.save(path, np.random.default_rng(1).integers(0, 1 << 16, (512, 24, 32), np.uint16))
    return path


@pytest.fixture
def latent(noise: Path) -> Path:
    """The same as an array latent, alone in its folder."""
    path = noise.with_suffix(".safetensors")
    imfn.compress(noise, path, lossless=True)
    noise.unlink()
    return path


def needs(name: str) -> None:
    """Skip where the package that writes such files is not there."""
    packages = {".tif": "tifffile", ".h5": "h5py", ".zarr": "zarr"}
    if (package := packages.get(Path(name).suffix)) is not None:
        pytest.importorskip(package)


def test_no_room_to_compress(cli: Cli, noise: Path) -> None:
    place = noise.with_suffix(".safetensors")
    # What is compiled on first use is written to the disk as well.
    imfn.compress(noise, place, lossless=True)
    place.write_text("precious")
    before = digests(noise.parent)
    with largest_file(20_000):
        ran = cli("compress", noise, "--lossless", "-o", place, "-f")
    assert (ran.code, "larger than this system allows" in ran.line) == (1, True)
    assert str(place) in ran.line
    assert digests(noise.parent) == before


@pytest.mark.parametrize("name", OUTPUTS)
def test_no_room_to_decompress(cli: Cli, latent: Path, name: str) -> None:
    needs(name)
    with largest_file(4000):
        ran = cli("decompress", latent, "-o", latent.parent / name)
    assert ran.code == 1, ran
    assert "IMFN_DEBUG" not in ran.line
    assert str(latent.parent / name) in ran.line
    assert list(latent.parent.iterdir()) == [latent]


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_latent_that_vanishes(latent: Path, name: str) -> None:
    needs(name)

    def vanish(done: int, total: int | None) -> None:
        latent.unlink(missing_ok=True)

    with pytest.raises(imfn.LatentError, match=r"noise\.safetensors: cannot be read \(No such file"):
        imfn.decompress(latent, latent.parent / name, progress=vanish)
    assert list(latent.parent.iterdir()) == []


def test_an_array_that_gets_shorter(noise: Path) -> None:
    def cut(done: int, total: int | None) -> None:
        with noise.open("r+b") as file:
            file.truncate(1000)

    with pytest.raises(imfn.ImfnError, match=r"noise\.npy"):
        imfn.compress(noise, noise.with_suffix(".safetensors"), lossless=True, progress=cut)
    assert list(noise.parent.iterdir()) == [noise]


def test_what_appears_while_we_work_is_not_overwritten(noise: Path, latent: Path) -> None:
    """Two that write the same name: the second one says so, and what the first one wrote stays."""
    output = latent.parent / "x.npy"

    def appear(done: int, total: int | None) -> None:
        output.write_text("theirs")

    with pytest.raises(imfn.OutputError, match="exists already"):
        imfn.decompress(latent, output, progress=appear)
    array = np.zeros((200, 24, 32), np.int32)
    with pytest.raises(imfn.OutputError, match="exists already"):
        imfn.compress(array, output, lossless=True, progress=appear)
    assert output.read_text() == "theirs"
    assert sorted(path.name for path in latent.parent.iterdir()) == ["noise.safetensors", "x.npy"]


def test_a_reader_that_leaves(command: list[str], latent: Path, tmp_path: Path) -> None:
    place = tmp_path / "temporary"
    place.mkdir()
    words = [*command, "decompress", str(latent), "-o", "-", "--format", "npy", "--quiet"]
    environ = environment() | {"TMPDIR": str(place)}
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        assert running.stderr.read() == b""
        assert running.wait(PATIENCE) == 1
    assert list(place.iterdir()) == []
