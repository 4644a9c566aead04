"""Every format version ever written stays readable: one latent of each, with the model that wrote it.

`pytest tests/bitstream/test_versions.py --regenerate` writes those of the current version where there are
none.
Those of a version that has been released are never written again.
"""

import contextlib
import hashlib
import json
import platform
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from imfn_cli import codec
from imfn_cli.bitstream.container.header import FORMAT_VERSION, LANES_VERSION
from imfn_cli.bitstream.container.latent_reader import LatentReader
from imfn_cli.bitstream.entropy.entropy_model import EntropyModel
from imfn_cli.bitstream.entropy.varint import read_varint
from imfn_cli.bitstream.open import open_latent
from imfn_cli.codec import encoder, sequence_header
from imfn_cli.media import Frame, Sequence, SequenceInfo, Source
from imfn_cli.network import IMFNConfig, forest_levels
from imfn_cli.training.linear_run import fit_linear
from imfn_cli.zoo import load, save

from .builders import noise

FIXTURES = Path(__file__).parent / "fixtures"
#: 2 is of latents that still grow: `test_growing.py`.
VERSIONS = (1, 3, 4, 6, 7)
#: The PyTorch that the golden files were made with.
GOLDEN_TORCH = "2.13."


class Waves(Sequence):
    """Eleven gray frames of moving waves, 22 high and 30 wide, not evenly spaced in time."""

    times = (7, 47, 87, 127, 207, 247, 1247, 1248, 1290, 1330, 1370)

    def __init__(self) -> None:
        super().__init__(
            "waves",
            SequenceInfo(
                width=30,
                height=22,
                channels=1,
                time_base=Fraction(1, 1000),
                frame_rate=Fraction(30000, 1001),
                frame_count=11,
                kind="array",
                size_bytes=11 * 22 * 30,
                sample_aspect_ratio=Fraction(4, 3),
                value_range=(3, 4000),
            ),
        )

    def __iter__(self) -> Iterator[Frame]:
        y, x = np.mgrid[:22, :30]
        for t, time in enumerate(self.times):
            grain = noise(22 * 30, -6, 6, t).reshape(22, 30)
            frame = 120 + 60 * np.sin(x / 3 + t / 5) + 40 * np.sin(y / 4 - t / 7) + grain
            yield Frame(np.round(frame).astype(np.uint8)[..., None], time)


def regenerate(folder: Path) -> None:
    """Write model, latent and what the latent holds."""
    (folder / "model").mkdir(parents=True)
    frames = np.stack([frame.pixels for frame in Waves()])
    array = folder / "frames.npy"
    np.save(array, frames)
    fit = fit_linear(
        [Source((array,), "waves", "array")], IMFNConfig(4, 4, 1, 8, 2), progress=lambda *_: None
    )
    save(folder / "model", fit.network, fit.entropy, {"name": folder.name, "kind": "linear"})
    model = load(str(folder / "model"), device="cpu")
    path = folder / "latent.safetensors"
    with as_of(FORMAT_VERSION):
        codec.compress_sequence(Waves(), path, model, ratio=4, quality=83, **ENCODINGS[FORMAT_VERSION])
    reader = open_latent(path)
    values = {"symbols": symbols_of(reader, model.entropy)}
    (folder / "expected.json").write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    np.save(array, np.stack([frame.pixels for frame in codec.restored_frames(reader, model)]))


def symbols_of(reader: LatentReader, model: EntropyModel) -> list[str]:
    """SHA-256 of each node's symbols."""
    found = []
    for node in reader.nodes:
        data = reader.read(node)
        if not reader.header.is_intra(node.index):
            size, at = read_varint(data, 0)
            data = data[at + size :]
        symbols, _ = model.decode_symbols(data, node.level, reader.header.quality, 6, 8)
        found.append(hashlib.sha256(symbols.astype("<i4").tobytes()).hexdigest())
    return found


@pytest.fixture(scope="module", params=VERSIONS)
def folder(request: pytest.FixtureRequest) -> Path:
    """The fixtures of one version."""
    folder = FIXTURES / f"v{request.param}"
    if request.config.getoption("--regenerate") and request.param == FORMAT_VERSION and not folder.exists():
        regenerate(folder)
    return folder


def test_the_header(folder: Path) -> None:
    header = open_latent(folder / "latent.safetensors").header
    info = Waves().info
    assert header.model == folder.name
    assert (header.ratio, header.quality, header.frames) == (4, 83, 11)
    assert (header.height, header.width, header.channels) == (22, 30, 1)
    assert (header.time_base, header.start_time, header.frame_ticks) == (Fraction(1, 1000), 7, None)
    assert header.frame_rate == info.frame_rate
    assert header.sample_aspect_ratio == info.sample_aspect_ratio
    assert header.value_range == info.value_range
    assert (header.source_kind, header.source_bytes) == ("array", info.size_bytes)
    assert set(header.colour.values()) == {None}


def test_the_index_and_the_times(folder: Path) -> None:
    reader = open_latent(folder / "latent.safetensors")
    assert [node.level for node in reader.nodes] == forest_levels(11, 2)
    assert list(reader.times()) == list(Waves.times)


def test_the_symbols(folder: Path) -> None:
    """Without the network: integers only, so exactly the same."""
    reader = open_latent(folder / "latent.safetensors")
    tensors = load_file(folder / "model" / "model.safetensors")
    model = EntropyModel({name[8:]: array for name, array in tensors.items() if name.startswith("entropy.")})
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))["symbols"]
    assert symbols_of(reader, model) == expected


def test_the_frames(folder: Path) -> None:
    reader = open_latent(folder / "latent.safetensors")
    model = codec.model_of(reader, str(folder / "model"), "cpu")
    found = list(codec.restored_frames(reader, model))
    assert [frame.time for frame in found] == list(Waves.times)
    pixels = np.stack([frame.pixels for frame in found]).astype(int)
    # Floating-point results may differ by one level between machines.
    assert np.abs(pixels - np.load(folder / "frames.npy")).max() <= 1
    original = np.stack([frame.pixels for frame in Waves()])
    assert np.square(pixels - original).mean() < 120


#: What makes a version's latent of `Waves` today. Groups of pictures in floats, of 3 and 4, are only read.
ENCODINGS: dict[int, dict[str, Any]] = {1: {"gop": 0}, 6: {}, 7: {"gop": 0}}


@contextlib.contextmanager
def as_of(version: int) -> Iterator[None]:
    """Nodes of `Waves` are small: since version 7 they are coded in lanes only where that is of any node."""
    with pytest.MonkeyPatch.context() as patch:
        if version >= LANES_VERSION:
            patch.setattr(encoder, "LANES_FROM", 0)
        yield


@pytest.mark.skipif(
    not torch.__version__.startswith(GOLDEN_TORCH) or platform.machine() != "x86_64",
    reason=f"floats round alike with PyTorch {GOLDEN_TORCH} on x86-64 only",
)
@pytest.mark.parametrize("version", ENCODINGS)
def test_the_encoder_writes_the_same_bytes(
    version: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The latents are golden files too: what changes them is a change of the format, or of the encoder."""
    folder, path = FIXTURES / f"v{version}", tmp_path / "latent.safetensors"
    model = load(str(folder / "model"), device="cpu")
    monkeypatch.setattr(sequence_header, "__version__", "0.1.0")
    with as_of(version):
        codec.compress_sequence(Waves(), path, model, ratio=4, quality=83, **ENCODINGS[version])
    assert path.read_bytes() == (folder / "latent.safetensors").read_bytes()


def test_fixtures_stay_small() -> None:
    assert sum(path.stat().st_size for path in FIXTURES.rglob("*") if path.is_file()) < 200_000 * len(
        VERSIONS
    )
