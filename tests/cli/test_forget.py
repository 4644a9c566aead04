"""`imfn stream --forget`: one memory in, and frames out again."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from .conftest import Ran

Cli = Callable[..., Ran]


@pytest.fixture
def memory(cli: Cli, clip_path: Path, tiny_model_dir: Path, tmp_path: Path) -> Path:
    """The memory of the clip's 40 frames."""
    path = tmp_path / "memory.safetensors"
    ran = cli("stream", clip_path, "--forget", "--half-life", "8", "-o", path, "-m", tiny_model_dir, "--json",
              "-r", "8")  # fmt: skip
    assert (ran.code, ran.err) == (0, "")
    (report,) = ran.json
    assert (report["frames"], report["half_life"], report["ended"]) == (40, 8.0, "source")
    assert report["bytes"] == path.stat().st_size
    return path


def test_the_size_does_not_depend_on_the_length(
    cli: Cli, memory: Path, clip_path: Path, tiny_model_dir: Path
) -> None:
    other = memory.with_name("short.safetensors")
    words = ("--forget", "--half-life", "8", "-m", tiny_model_dir, "-r", "8", "--frames", "10", "--quiet")
    assert cli("stream", clip_path, "-o", other, *words).code == 0
    assert abs(other.stat().st_size - memory.stat().st_size) < 16
    with safe_open(memory, framework="numpy") as file:
        assert file.get_tensor("memory").shape == (192, 6, 8)


def test_frames_come_back_finer_the_newer(
    cli: Cli, memory: Path, clip_frames: np.ndarray, tiny_model_dir: Path
) -> None:
    output = memory.with_name("back.npy")
    ran = cli("decompress", memory, "-m", tiny_model_dir, "-o", output, "--json")
    assert ran.code == 0, ran.err
    assert ran.json[0]["frames"] == 40
    errors = np.square(np.load(output).astype(float) - clip_frames).mean(axis=(1, 2, 3))
    assert errors[-1] < errors[-8] < errors[:10].mean()
    # Five half-lives back, of discs that moved on: no worse than a wrong picture, never noise.
    assert errors.max() < 2 * clip_frames.var()
    part = memory.with_name("part.npy")
    assert cli("decompress", memory, "-m", tiny_model_dir, "-o", part, "--frames", "30:35").code == 0
    difference = np.load(part).astype(int) - np.load(output)[30:35]
    assert np.abs(difference).max() <= 1


def test_info_tells_what_it_is(cli: Cli, memory: Path) -> None:
    ran = cli("info", memory)
    assert "one memory of a whole stream" in ran.out
    assert cli("info", memory, "--json").json[0]["memory"]["frames"] == 40


def test_another_model_is_refused(cli: Cli, memory: Path) -> None:
    ran = cli("decompress", memory, "-m", "video-linear", "-o", memory.with_name("x.npy"))
    assert ran.code == 1
    assert "was written by model 'tiny'" in ran.line


def test_verify_finds_it_whole(cli: Cli, memory: Path, tiny_model_dir: Path) -> None:
    ran = cli("verify", memory, "-m", tiny_model_dir)
    assert ran == Ran(0, f"{memory}: whole (1 node, 40 frames, checksums and decoding)\n", "")
    ran = cli("verify", memory)
    assert (ran.code, ran.out) == (0, f"{memory}: whole (1 node, 40 frames, checksums only)\n")
    assert "is not here" in ran.line
    ran = cli("verify", memory, "-m", "video-linear")
    assert ran.code == 1
    assert "was written by model 'tiny'" in ran.line


def test_verify_notices_every_flipped_byte(cli: Cli, memory: Path, tiny_model_dir: Path) -> None:
    good = memory.read_bytes()
    end = 8 + int.from_bytes(good[:8], "little")  # of the header, whose length stands in its first 8 bytes
    for place in (*range(0, end, 7), end + 100, len(good) - 1):
        content = bytearray(good)
        content[place] ^= 1 << place % 8
        memory.write_bytes(content)
        ran = cli("verify", memory, "-m", tiny_model_dir)
        assert ran.code == 1, (place, bytes(good[place - 5 : place + 5]))
        assert ran.line.startswith(f"{memory}: "), place
        if place > end:
            assert "its memory (frames 0 to 39) is damaged (checksum differs)" in ran.line
            assert "1 of 1 node damaged" in ran.out


@pytest.mark.parametrize("where", [-5, 30])
def test_damage_is_named(cli: Cli, memory: Path, tiny_model_dir: Path, where: int) -> None:
    content = bytearray(memory.read_bytes())
    content[where if where < 0 else content.index(b"half_life") + 3] ^= 1
    memory.write_bytes(content)
    ran = cli("decompress", memory, "-m", tiny_model_dir, "-o", memory.with_name("x.npy"))
    assert ran.code == 1
    assert "is damaged" in ran.line
    assert not memory.with_name("x.npy").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--half-life", "8"), "needs --forget"),
        (("--forget", "--half-life", "0"), "from 1 to 1,000,000"),
        (("--forget", "--tree"), "exclude each other"),
    ],
)
def test_wrong_usage(cli: Cli, clip_path: Path, tmp_path: Path, words: tuple[str, ...], message: str) -> None:
    ran = cli("stream", clip_path, "-o", tmp_path / "m.safetensors", *words)
    assert ran.code == 2
    assert message in ran.line
