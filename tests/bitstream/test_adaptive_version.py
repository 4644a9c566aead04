"""An adaptive forest of version 5 stays readable, to exactly the same pixels.

`pytest tests/bitstream/test_adaptive_version.py --regenerate` writes it where it is not there; it is never
written again.
"""

from pathlib import Path

import numpy as np
import pytest

from imfn_cli import codec
from imfn_cli.bitstream.container.header import ADAPTIVE_VERSION
from imfn_cli.bitstream.open import open_latent

from ..conftest import psnr
from .adaptive_fixture import FOLDER, FRAMES, GROWN, LEVELS, QUALITY, clip, regenerate, unpacked_model

pytestmark = pytest.mark.xdist_group("adaptive")


@pytest.fixture(scope="module")
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The fixture's model."""
    if request.config.getoption("--regenerate") and not FOLDER.exists():
        with pytest.MonkeyPatch.context() as patch:
            regenerate(tmp_path_factory.mktemp("v5"), patch)
    return unpacked_model(tmp_path_factory.mktemp("model"))


def test_its_header_and_index(folder: Path) -> None:
    reader = open_latent(FOLDER / "latent.safetensors")
    header = reader.header
    assert (header.version, header.gop_frames, header.ratio) == (ADAPTIVE_VERSION, 5, 4)
    assert (header.quality, header.frames) == (QUALITY, FRAMES)
    assert (header.height, header.width, header.channels) == (29, 44, 3)
    assert [node.level for node in reader.nodes] == LEVELS
    assert all(share > 0.02 for share in codec.shares_of(reader).values()), "windows of every length"


def restored(name: str, folder: Path) -> np.ndarray:
    """The frames of one of its latents."""
    reader = open_latent(FOLDER / name)
    model = codec.model_of(reader, str(folder), "cpu")
    return np.stack([frame.pixels for frame in codec.restored_frames(reader, model)])


def test_its_pixels(folder: Path) -> None:
    found, wanted = restored("latent.safetensors", folder), np.load(FOLDER / "frames.npy")
    np.testing.assert_array_equal(found, wanted)
    assert psnr(found, clip()) > 35


def test_it_while_it_grows(folder: Path) -> None:
    """The last record was being written."""
    reader = open_latent(FOLDER / "growing.safetensors")
    assert reader.growing
    assert reader.header.version == ADAPTIVE_VERSION
    assert [node.level for node in reader.nodes] == LEVELS[:-1]
    assert list(reader.times()) == [40 * t - 80 for t in range(GROWN)]
    wanted = np.load(FOLDER / "frames.npy")[:GROWN]
    np.testing.assert_array_equal(restored("growing.safetensors", folder), wanted)
