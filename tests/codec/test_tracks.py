"""Sound through a latent."""

from pathlib import Path

import numpy as np
import pytest

from imfn_cli import bitstream
from imfn_cli.bitstream.container.header import WHOLE_VERSION
from imfn_cli.codec import compress_sequence, decompress_latent, verify_latent
from imfn_cli.errors import LatentError
from imfn_cli.media import open_sequence
from imfn_cli.zoo import Model

from ..media.test_tracks import film_with_sound, packets_of


@pytest.fixture
def latent(tmp_path: Path, tiny_model: Model) -> Path:
    output = tmp_path / "a.safetensors"
    with open_sequence(film_with_sound(tmp_path / "a.mp4")) as sequence:
        compress_sequence(sequence, output, tiny_model, ratio=4)
    return output


def test_sound_comes_back(tmp_path: Path, latent: Path, tiny_model: Model) -> None:
    reader = bitstream.open_latent(latent)
    # Sound is no reason for a version of its own: the groups of pictures are.
    assert reader.header.version == WHOLE_VERSION
    report = decompress_latent(reader, tmp_path / "b.mp4", tiny_model)
    assert report.notes == ()
    assert packets_of(tmp_path / "b.mp4") == packets_of(tmp_path / "a.mp4")
    report = decompress_latent(reader, tmp_path / "c.mp4", tiny_model, start=10, stop=20)
    (cut,) = packets_of(tmp_path / "c.mp4")
    assert 0 <= cut[0][0] < 0.07
    assert cut[-1][0] < 0.4
    assert decompress_latent(reader, tmp_path / "d.mp4", tiny_model, audio=False).notes == ()
    assert packets_of(tmp_path / "d.mp4") == []
    report = decompress_latent(reader, tmp_path / "d.npy", tiny_model)
    assert report.notes == ("sound and subtitles (aac) left out: this format holds none; .mp4 and .mkv do",)


def test_damaged_sound_is_noticed(tmp_path: Path, latent: Path, tiny_model: Model) -> None:
    reader = bitstream.open_latent(latent)
    data = bytearray(latent.read_bytes())
    data[reader.tracks_at + reader.tracks_bytes // 2] ^= 1
    latent.write_bytes(data)
    reader = bitstream.open_latent(latent)
    with pytest.raises(LatentError, match=r"its sound is damaged .*; --no-audio restores the frames"):
        decompress_latent(reader, tmp_path / "b.mp4", tiny_model)
    assert not (tmp_path / "b.mp4").exists()
    with pytest.raises(LatentError, match="its sound is damaged"):
        verify_latent(reader, tiny_model)
    assert decompress_latent(reader, tmp_path / "b.npy", tiny_model, audio=False).frames == 25
    assert len(np.load(tmp_path / "b.npy")) == 25
