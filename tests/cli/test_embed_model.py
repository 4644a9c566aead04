"""Latents with their model inside: restored where the model is not, and refused where it is not right."""

import dataclasses
import hashlib
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import imfn_cli as imfn
from imfn_cli.bitstream import LatentWriter, open_latent
from imfn_cli.bitstream.container.embedded_model import LARGEST, MODEL_CONFIG, MODEL_WEIGHTS, ModelFiles
from imfn_cli.errors import ImfnError, LatentError, ModelError
from imfn_cli.zoo import files_of, folder_of_weights

from .running import Ran

Cli = Callable[..., Ran]


@pytest.fixture(scope="module")
def clip(clip_frames: np.ndarray) -> np.ndarray:
    return clip_frames[:11]


@pytest.fixture(scope="module", params=[4, "auto"])
def embedded(
    request: pytest.FixtureRequest,
    clip: np.ndarray,
    tiny_model: imfn.Model,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A latent with the tiny model inside, which is nowhere else to be found."""
    assert folder_of_weights(tiny_model.sha256) is None
    path = tmp_path_factory.mktemp("embedded") / "clip.safetensors"
    report = imfn.compress(clip, path, model=tiny_model, ratio=request.param, embed_model=True)
    assert report.bytes == path.stat().st_size
    return path


def test_it_needs_no_model(embedded: Path, clip: np.ndarray, tiny_model: imfn.Model, cli: Cli) -> None:
    wanted = np.stack(list(imfn.read_frames(embedded, model=tiny_model)))
    assert np.array_equal(np.stack(list(imfn.read_frames(embedded))), wanted)
    with imfn.open(embedded) as latent:
        assert np.array_equal(latent[3:7], wanted[3:7])
        assert np.array_equal(pickle.loads(pickle.dumps(latent))[10], wanted[10])
    report = imfn.verify(embedded, source=clip)
    assert (report.ok, report.decoded, report.notes) == (True, True, ())
    output = embedded.with_suffix(".npy")
    ran = cli("decompress", embedded, "-o", output, "-f", "--json")
    assert (ran.code, ran.json[0]["model"]) == (0, "tiny")
    assert np.array_equal(np.load(output), wanted)


def test_its_size_is_told(embedded: Path, clip: np.ndarray, tiny_model: imfn.Model, cli: Cli) -> None:
    (told,) = cli("info", embedded, "--json").json
    files = files_of(tiny_model)
    assert told["parts"]["model"] == len(files.config) + len(files.weights)
    assert sum(told["parts"].values()) == told["bytes"] == embedded.stat().st_size
    without = imfn.compress(clip, embedded.with_name("w.safetensors"), model=tiny_model, ratio=4, force=True)
    (told,) = cli("info", without.output, "--json").json
    assert told["parts"]["model"] == 0


def test_it_is_of_the_same_version_with_the_same_nodes(
    clip: np.ndarray, tiny_model: imfn.Model, tmp_path: Path
) -> None:
    paths = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    for path, embed in zip(paths, (False, True), strict=True):
        imfn.compress(clip, path, model=tiny_model, ratio=4, embed_model=embed)
    one, other = map(open_latent, paths)
    assert one.header == other.header
    assert [one.read(node) for node in one.nodes] == [other.read(node) for node in other.nodes]


@pytest.mark.parametrize("spare", [3000, 6000])
def test_a_target_counts_it(clip: np.ndarray, tiny_model: imfn.Model, tmp_path: Path, spare: int) -> None:
    wanted = sum(map(len, files_of(tiny_model))) + spare
    how: dict[str, Any] = {"model": tiny_model, "ratio": 4, "target_size": wanted, "embed_model": True}
    report = imfn.compress(clip, tmp_path / "x.safetensors", **how)
    assert report.target is not None
    assert report.bytes == report.target.reached == (tmp_path / "x.safetensors").stat().st_size
    assert wanted - 0.05 * spare <= report.bytes <= wanted == report.target.wanted
    assert len(list(imfn.read_frames(tmp_path / "x.safetensors"))) == len(clip)


def test_a_target_below_its_size(clip: np.ndarray, tiny_model: imfn.Model, tmp_path: Path) -> None:
    how: dict[str, Any] = {"model": tiny_model, "ratio": 4, "target_size": 50_000, "embed_model": True}
    with pytest.raises(ImfnError, match="the model inside alone takes"):
        imfn.compress(clip, tmp_path / "x.safetensors", **how)
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_is_too_large(
    clip: np.ndarray, tiny_model: imfn.Model, embedded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LARGEST, MODEL_WEIGHTS, 10_000)
    with pytest.raises(ModelError, match="at most 10,000 go into a latent; leave --embed-model out"):
        imfn.compress(clip, tmp_path / "x.safetensors", model=tiny_model, ratio=4, embed_model=True)
    assert list(tmp_path.iterdir()) == []
    # The same from the other side.
    with pytest.raises(LatentError, match="the model inside is larger than 10,000 bytes"):
        list(imfn.read_frames(embedded))


def test_arrays_have_none(tmp_path: Path, cli: Cli) -> None:
    np.save(tmp_path / "x.npy", np.arange(60, dtype=np.int32).reshape(3, 4, 5))
    ran = cli("compress", tmp_path / "x.npy", "--lossless", "--embed-model")
    assert (ran.code, "no model makes an array latent" in ran.err) == (2, True)
    with pytest.raises(ValueError, match="no model makes an array latent"):
        imfn.compress(tmp_path / "x.npy", embed_model=True)


def test_one_that_is_named_or_here_comes_first(
    embedded: Path, learned_dir: Path, tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ModelError, match="not by 'learned'"):
        list(imfn.read_frames(embedded, model=learned_dir))
    monkeypatch.setenv("IMFN_MODELS", str(tiny_model_dir))
    monkeypatch.setattr("imfn_cli.codec.file_model.load_embedded", None)
    assert len(list(imfn.read_frames(embedded))) == 11


# -- what is not right ------------------------------------------------------------------------------------


def test_damage_is_told_and_another_copy_helps(
    embedded: Path, tiny_model: imfn.Model, tmp_path: Path, cli: Cli
) -> None:
    content = bytearray(embedded.read_bytes())
    at = embedded.read_bytes().index(files_of(tiny_model).weights)
    content[at + 5000] ^= 1
    path = tmp_path / "damaged.safetensors"
    path.write_bytes(content)
    for words in (("decompress", path, "-o", tmp_path / "x.npy"), ("verify", path)):
        ran = cli(*words)
        assert (ran.code, ran.line) == (1, f"{path}: the model inside is damaged (checksum differs)")
    assert not (tmp_path / "x.npy").exists()
    assert cli("decompress", path, "-o", tmp_path / "x.npy", "-m", tiny_model.path).code == 0


def rewritten(embedded: Path, path: Path, files: ModelFiles, **changes: Any) -> None:
    """The latent with another model inside, all checksums mended; changes: of its header."""
    reader = open_latent(embedded)
    with LatentWriter(path, model=files) as writer:
        for node in reader.nodes:
            writer.add(node.level, reader.read(node))
        writer.finish(dataclasses.replace(reader.header, **changes))


def test_other_weights_are_refused(
    embedded: Path, tiny_model: imfn.Model, learned_dir: Path, tmp_path: Path
) -> None:
    others = ModelFiles(
        (learned_dir / "config.json").read_bytes(), (learned_dir / "model.safetensors").read_bytes()
    )
    rewritten(embedded, tmp_path / "x.safetensors", others)
    with pytest.raises(ModelError, match="is not the one that wrote it"):
        list(imfn.read_frames(tmp_path / "x.safetensors"))
    # Without the one that wrote it checksums are all that can be verified.
    report = imfn.verify(tmp_path / "x.safetensors")
    assert (report.ok, report.decoded) == (True, False)


@pytest.mark.parametrize(
    ("config", "weights", "said"),
    [
        (b"[" * 500_000, None, "not valid JSON"),
        (b"\xff\xfe{}", None, "not valid JSON"),
        (b'{"version": 99, "network": {}}', None, "version 99"),
        (b'{"version": 1, "network": {"levels": 10000000}}', None, "levels"),
        (None, b"", "not weights of this model"),
        (None, b"\xff" * 16, "not weights of this model"),
        (None, (1 << 40).to_bytes(8, "little") + b"{}", "not weights of this model"),
    ],
)
def test_a_model_that_is_none_is_one_line(
    embedded: Path,
    tiny_model: imfn.Model,
    tmp_path: Path,
    config: bytes | None,
    weights: bytes | None,
    said: str,
) -> None:
    files = files_of(tiny_model)
    files = ModelFiles(
        files.config if config is None else config, files.weights if weights is None else weights
    )
    sha256 = hashlib.sha256(files.weights).hexdigest()
    rewritten(embedded, tmp_path / "x.safetensors", files, model_sha256=sha256)
    with pytest.raises(ModelError) as caught:
        list(imfn.read_frames(tmp_path / "x.safetensors"))
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'x.safetensors'}: the model inside cannot be used (")
    assert said in message
    assert "\n" not in message


@pytest.mark.parametrize("name", [MODEL_CONFIG, MODEL_WEIGHTS])
def test_half_a_model(embedded: Path, tmp_path: Path, name: str) -> None:
    content = embedded.read_bytes()
    path = tmp_path / "x.safetensors"
    # Another name of the same length, in the layout and in the checksums.
    path.write_bytes(content.replace(f'"{name}"'.encode(), f'"{"x" * len(name)}"'.encode()))
    with pytest.raises(LatentError, match=f"lacks its part '{name}'"):
        list(imfn.read_frames(path))
