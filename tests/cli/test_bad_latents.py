"""Latents that are damaged, foreign, or none: each command refuses them with one line that names the file."""

import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

import imfn_cli as imfn
from imfn_cli.bitstream.container.header import FORMAT_VERSION
from imfn_cli.bitstream.open import open_latent
from imfn_cli.zoo import load, weights_sha256

from .conftest import Ran, digests

Cli = Callable[..., Ran]


def with_header(data: bytes, change: Callable[[dict[str, object]], None]) -> bytes:
    """The latent with its header's fields changed, and the header's checksum made right again."""
    size = struct.unpack("<Q", data[:8])[0]
    layout = json.loads(data[8 : 8 + size])
    header = json.loads(layout["__metadata__"]["imfn"])
    del header["crc32"]
    change(header)
    text = json.dumps(header, sort_keys=True, separators=(",", ":"))
    header["crc32"] = zlib.crc32(text.encode())
    layout["__metadata__"]["imfn"] = json.dumps(header, sort_keys=True, separators=(",", ":"))
    start = json.dumps(layout, separators=(",", ":")).encode()
    return struct.pack("<Q", len(start)) + start + data[8 + size :]


def future(header: dict[str, object]) -> None:
    header["format"] = FORMAT_VERSION + 1


def other_model(header: dict[str, object]) -> None:
    header["model"], header["model_sha256"] = "other", "0" * 64


MAKERS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda data: b"", "empty file; compress the source again"),
    "short": (lambda data: data[:4], "not an imfn latent; make one with 'imfn compress'"),
    "cut in the header": (lambda data: data[:100], "cut short within its header; copy it again"),
    "cut in the nodes": (lambda data: data[:-100], "cut short, 100 bytes are missing; copy it again"),
    "longer": (lambda data: data + b"x", "damaged"),
    "text": (lambda data: b"hello, world\n" * 99, "not an imfn latent; make one with 'imfn compress'"),
    "random": (lambda data: np.random.default_rng(0).bytes(999), "not an imfn latent"),
    "of a future version": (lambda data: with_header(data, future), "upgrade imfn to read it"),
    "without a header": (lambda data: data.replace(b'"imfn"', b'"imfm"'), "not an imfn latent"),
}


@pytest.mark.parametrize("what", MAKERS)
@pytest.mark.parametrize("command", ["decompress", "info", "verify"])
def test_no_command_takes_it(cli: Cli, latent: Path, tiny_model_dir: Path, command: str, what: str) -> None:
    make, expected = MAKERS[what]
    latent.write_bytes(make(latent.read_bytes()))
    before = digests(latent.parent)
    ran = cli(command, latent, *([] if command == "info" else ["-m", tiny_model_dir]))
    assert ran.code == 1
    assert ran.line.startswith(f"{latent}: ")
    assert expected in ran.line
    assert ran.out == ""
    assert digests(latent.parent) == before


@pytest.mark.parametrize("command", ["decompress", "info", "verify"])
def test_what_is_not_there(cli: Cli, tmp_path: Path, command: str) -> None:
    ran = cli(command, tmp_path / "no.safetensors")
    assert ran.code == 1
    assert ran.line.startswith(f"{tmp_path}/no.safetensors: no such file")
    ran = cli(command, tmp_path)
    assert ran.code == 1
    assert ran.line.startswith(f"{tmp_path}: ")


def test_another_safetensors_file(cli: Cli, tmp_path: Path) -> None:
    save_file({"weights": np.zeros(3, np.float32)}, tmp_path / "w.safetensors")
    ran = cli("info", tmp_path / "w.safetensors")
    assert ran.code == 1
    assert "a safetensors file, but not an imfn latent; make one with 'imfn compress'" in ran.line


def verified(latent: Path, model: imfn.Model) -> imfn.VerifyReport | str:
    """What verifying finds; the message where nothing can be read at all."""
    try:
        return imfn.verify(latent, model)
    except (imfn.LatentError, imfn.ModelError) as error:
        return str(error)


def test_every_flipped_byte_is_noticed(latent: Path, tiny_model: imfn.Model) -> None:
    """Wherever a bit flips, frames come back as they were or not at all."""
    good = latent.read_bytes()
    nodes = sum(node.size for node in open_latent(latent).nodes)
    random = np.random.default_rng(0)
    places = [*range(len(good) - nodes), *random.integers(len(good) - nodes, len(good), 40).tolist()]
    harmless = 0
    for place in places:
        bad = bytearray(good)
        bad[place] ^= 1 << int(random.integers(8))
        latent.write_bytes(bad)
        report = verified(latent, tiny_model)
        if isinstance(report, str):
            assert report.startswith(f"{latent}: ")
            assert "\n" not in report
            continue
        # Only a space after the header may turn into another.
        harmless += report.ok
        if report.ok:
            assert len(list(imfn.read_frames(latent, model=tiny_model))) == 13
        else:
            assert len(report.damaged) == 1
    assert harmless <= 8


class TestModels:
    """A latent and the model that wrote it."""

    @pytest.fixture
    def other(self, tiny_model_dir: Path, tmp_path: Path) -> Path:
        """A model like `tiny`, of other weights."""
        from imfn_cli.zoo import save

        model = load(tiny_model_dir)
        model.network.leaf.map.weight.mul_(1.001)
        folder = tmp_path / "other"
        folder.mkdir()
        save(folder, model.network, model.entropy, {"name": "other"})
        return folder

    @pytest.mark.parametrize("command", ["decompress", "verify"])
    def test_another_model_is_refused_with_both_names(
        self, cli: Cli, latent: Path, other: Path, command: str
    ) -> None:
        ran = cli(command, latent, "-m", other)
        assert ran.code == 1
        assert "was written by model 'tiny'" in ran.line
        assert "not by 'other'" in ran.line
        assert "give the folder of the right one with -m PATH" in ran.line

    def test_a_model_that_is_not_here(self, cli: Cli, latent: Path, tiny_model_dir: Path) -> None:
        ran = cli("decompress", latent)
        assert ran.code == 1
        assert ran.line == (
            f"{latent}: was written by model 'tiny' (weights {weights_sha256(tiny_model_dir)[:12]}), "
            "which is not here; add its folder with 'imfn models add FOLDER', or give it with -m PATH"
        )

    def test_verify_without_the_model_checks_checksums(self, cli: Cli, latent: Path) -> None:
        ran = cli("verify", latent)
        assert ran.code == 0
        assert "only checksums were verified" in ran.line
        assert "whole (4 nodes, 13 frames, checksums only)" in ran.out
        assert cli("verify", latent, "--json").json[0]["decoded"] is False

    @pytest.mark.parametrize("name", ["{folder}", "hf://nobody/nothing", "../models"])
    def test_the_name_in_a_file_opens_no_folder_and_no_connection(
        self, cli: Cli, latent: Path, tiny_model_dir: Path, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("imfn_cli.zoo.registry.fetch", lambda name: pytest.fail("asked the hub"))
        name = name.format(folder=tiny_model_dir)
        data = with_header(latent.read_bytes(), lambda header: header.update(model=name))
        latent.write_bytes(data)
        ran = cli("decompress", latent)
        assert ran.code == 1
        assert "which is not here" in ran.line

    def test_no_such_model(self, cli: Cli, clip: Path, latent: Path, tmp_path: Path) -> None:
        for words in (("compress", clip), ("decompress", latent), ("verify", latent)):
            ran = cli(*words, "-m", "no-such", "--force" if words[0] != "verify" else "--quiet")
            assert ran.code == 1
            assert ran.line.startswith("no model 'no-such'; shipped: ")
        ran = cli("compress", clip, "-m", tmp_path, "--force")
        assert ran.code == 1
        assert "not a model folder" in ran.line

    @pytest.mark.parametrize("change", ["cut", "not JSON", "future", "other shape", "no weights"])
    def test_a_damaged_model(self, cli: Cli, clip: Path, other: Path, change: str) -> None:
        weights, config = other / "model.safetensors", other / "config.json"
        if change == "cut":
            weights.write_bytes(weights.read_bytes()[:-10])
        elif change == "no weights":
            weights.unlink()
        elif change == "not JSON":
            config.write_text("{")
        elif change == "future":
            config.write_text(config.read_text().replace('"version": 1', '"version": 2'))
        else:
            config.write_text(config.read_text().replace('"levels": 3', '"levels": 4'))
        ran = cli("compress", clip, "-m", other)
        assert ran.code == 1
        assert ran.line.startswith(str(other))


class TestVerify:
    def test_whole(self, cli: Cli, latent: Path, tiny_model_dir: Path) -> None:
        ran = cli("verify", latent, "-m", tiny_model_dir)
        assert ran == Ran(0, f"{latent}: whole (4 nodes, 13 frames, checksums and decoding)\n", "")
        (report,) = cli("verify", latent, "-m", tiny_model_dir, "--json").json
        assert report == {
            "source": str(latent),
            "ok": True,
            "nodes": 4,
            "frames": 13,
            "decoded": True,
            "damaged": [],
            "notes": [],
            "lost": [],
            "compared": None,
        }
        assert cli("verify", latent, "-m", tiny_model_dir, "--quiet") == Ran(0, "", "")

    def test_damaged_nodes_are_named(self, cli: Cli, latent: Path, tiny_model_dir: Path) -> None:
        from .test_decompress import damage

        damage(latent, 1)
        damage(latent, 3)
        ran = cli("verify", latent, "-m", tiny_model_dir)
        assert ran.code == 1
        assert ran.err.splitlines() == [
            f"imfn: {latent}: node 1 (frames 4 to 7) is damaged (checksum differs)",
            f"imfn: {latent}: node 3 (frame 12) is damaged (checksum differs)",
        ]
        assert ran.out == (
            f"{latent}: 2 of 4 nodes damaged (4 nodes, 13 frames, checksums and decoding)\n"
            "  lost: frames 4 to 7, frame 12\n"
        )
        (report,) = cli("verify", latent, "--json").json
        assert [node["node"] for node in report["damaged"]] == [1, 3]

    def test_bytes_that_do_not_decode_are_noticed_though_their_checksum_is_right(
        self, cli: Cli, latent: Path, tiny_model_dir: Path
    ) -> None:
        from dataclasses import replace

        from imfn_cli.bitstream.container.latent_writer import LatentWriter

        reader = open_latent(latent)
        with LatentWriter(latent, force=True) as writer:
            for node in reader.nodes:
                data = reader.read(node)
                writer.add(node.level, data if node.index else data[:-4])
            writer.finish(replace(reader.header))
        ran = cli("verify", latent, "-m", tiny_model_dir)
        assert ran.code == 1
        assert "node 0 (frames 0 to 3) is damaged (" in ran.line


class TestInfo:
    def test_a_latent(self, cli: Cli, latent: Path) -> None:
        ran = cli("info", latent)
        assert (ran.code, ran.err) == (0, "")
        for words in (
            "an imfn latent",
            "model_sha256",
            "time_base",
            "frame_ticks",
            "Nodes by level",
            "node table",
            "presentation times",
        ):
            assert words in ran.out
        every = cli("info", latent, "--nodes").out
        assert all(f"{node.crc32:08x}" in every for node in open_latent(latent).nodes)

    def test_a_latent_as_json(self, cli: Cli, latent: Path) -> None:
        (values,) = cli("info", latent, "--json").json
        assert sum(values["parts"].values()) == values["bytes"] == latent.stat().st_size
        assert [(n["level"], n["first_frame"], n["last_frame"]) for n in values["nodes"]] == [
            (2, 0, 3),
            (2, 4, 7),
            (2, 8, 11),
            (0, 12, 12),
        ]
        header = values["header"]
        assert (header["model"], header["ratio"], header["frames"]) == ("tiny", 4, 13)
        assert header["time_base"] == "1/25"

    def test_a_model(self, cli: Cli, tiny_model_dir: Path) -> None:
        import hashlib

        sha256 = hashlib.sha256((tiny_model_dir / "model.safetensors").read_bytes()).hexdigest()
        ran = cli("info", tiny_model_dir)
        assert ran.code == 0
        assert "an imfn model" in ran.out
        assert sha256 in ran.out
        (values,) = cli("info", tiny_model_dir, "--json").json
        assert values["sha256"] == sha256
        assert values["config"]["network"]["levels"] == 3
