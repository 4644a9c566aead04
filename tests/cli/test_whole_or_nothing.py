"""An output that cannot be finished leaves nothing: inputs that vanish, readers that go away."""

import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import imfn_cli as imfn
from imfn_cli.bitstream.container.latent_writer import LatentWriter
from imfn_cli.bitstream.open import open_latent
from imfn_cli.codec import compress_sequence
from imfn_cli.media import expand_inputs, open_sequence

from .running import PATIENCE, environment


@pytest.mark.parametrize("name", ["x.mp4", "x.webm", "x.gif", "x.npy", "x.tif", "x/"])
def test_a_latent_that_vanishes(latent: Path, tiny_model: imfn.Model, name: str) -> None:
    reader = open_latent(latent)
    data = reader.read(reader.nodes[0])
    long = latent.with_name("long.safetensors")
    with LatentWriter(long) as writer:
        for _ in range(300):
            writer.add(2, data)

        writer.finish(replace(reader.header, frames=1200))
    latent.unlink()

    def vanish(done: int, total: int | None) -> None:
        long.unlink(missing_ok=True)

    output = f"{long.parent}/{name}"
    with pytest.raises(imfn.LatentError, match=r"long\.safetensors: cannot be read \(No such file"):
        imfn.decompress(long, output, model=tiny_model, progress=vanish)
    assert list(long.parent.iterdir()) == []


def test_an_image_that_vanishes(tmp_path: Path, tiny_model: imfn.Model, clip_frames: np.ndarray) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    for number, frame in enumerate(clip_frames):
        Image.fromarray(frame).save(folder / f"{number:03d}.png")
    (source,) = expand_inputs([str(folder)])
    with open_sequence(source) as sequence:
        (folder / "039.png").unlink()
        with pytest.raises(imfn.InputError, match=r"039\.png"):
            compress_sequence(sequence, tmp_path / "x.safetensors", tiny_model, ratio=4)
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize("format", ["mp4", "mkv", "y4m", "npy"])
def test_a_reader_that_goes_away(
    command: list[str], latent: Path, tiny_model_dir: Path, format: str, tmp_path: Path
) -> None:
    words = [*command, "decompress", str(latent), "-m", str(tiny_model_dir), "-o", "-", "--format", format]
    place = tmp_path / "temporary"
    place.mkdir()
    environ = environment() | {"TMPDIR": str(place)}
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()
        assert process.wait(PATIENCE) == 1
    assert said == b""
    assert list(place.iterdir()) == []


def test_what_appears_while_we_work_is_not_overwritten(
    latent: Path, tiny_model: imfn.Model, tmp_path: Path
) -> None:
    """Two that write the same name: the second one says so, and what the first one wrote stays."""
    output = tmp_path / "out" / "x.npy"
    output.parent.mkdir()

    def appear(done: int, total: int | None) -> None:
        output.write_text("theirs")

    with pytest.raises(imfn.OutputError, match="exists already"):
        imfn.decompress(latent, output, model=tiny_model, progress=appear)
    assert output.read_text() == "theirs"
    assert list(output.parent.iterdir()) == [output]
