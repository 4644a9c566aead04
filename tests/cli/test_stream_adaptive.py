"""`imfn stream -r auto`: trees of an adaptive forest as frames come, or one frame at a time."""

import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import imfn_cli as imfn
from imfn_cli.bitstream.container.journal import HEAD_SIZE, MAGIC
from imfn_cli.bitstream.open import open_latent

from .running import Ran, Running

Cli = Callable[..., Ran]


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "live.safetensors"


def restored(path: Path, model: Path, *, damaged: bool = False) -> np.ndarray:
    """All frames of a latent, (T, H, W, C)."""
    out = path.with_suffix(".npy")
    imfn.decompress(path, out, model=model, skip_damaged=damaged, force=True)
    return np.asarray(np.load(out))


def test_a_file_gives_what_compress_gives(
    cli: Cli, clip_path: Path, output: Path, tiny_model_dir: Path
) -> None:
    words = ("-m", tiny_model_dir, "-r", "auto", "-g", "16", "-q", "40")
    ran = cli("stream", clip_path, "-o", output, *words, "--json")
    assert (ran.code, ran.err) == (0, "")
    (report,) = ran.json
    assert (report["method"], report["ratio"], report["finished"]) == ("adaptive", "auto", True)
    # 17 frames a GOP, of 40: 1 8 8, 1 8 8, 1 4 1.
    assert (report["frames"], report["nodes"]) == (40, 9)
    other = output.with_name("compressed.safetensors")
    assert cli("compress", clip_path, "-o", other, *words).code == 0
    assert output.read_bytes() == other.read_bytes()


def test_low_delay_writes_every_frame_at_once(
    start: Callable[..., Running], output: Path, clip_frames: np.ndarray, tiny_model_dir: Path
) -> None:
    words = ("-m", tiny_model_dir, "-r", "auto", "--low-delay", "-g", "4")
    running = start("stream", "-", "--raw", "64x48", "-o", output, *words, folder=output.parent)
    for sent, frame in enumerate(clip_frames[:7], 1):
        running.write(frame.tobytes())
        # One frame is read ahead, so that the end of the input is known.
        running.wait_until(lambda: output.exists() and open_latent(output).header.frames >= sent - 1)  # noqa: B023
    running.signal(signal.SIGKILL)
    reader = open_latent(output)
    assert reader.growing
    assert reader.header.frames >= 6
    assert {node.level for node in reader.nodes} == {0}
    found = restored(output, tiny_model_dir)
    assert np.abs(found.astype(int) - clip_frames[: len(found)]).mean() < 6
    assert imfn.verify(output, tiny_model_dir).ok


@pytest.fixture
def grown(
    clip_frames: np.ndarray, output: Path, tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A latent of forty frames that was left as it grew: GOPs of 1 + 8 frames, the last of 1 + 2 + 1."""
    monkeypatch.setattr("imfn_cli.codec.stream.compact", lambda *_: None)
    imfn.stream(clip_frames[:40], output, model=tiny_model_dir, ratio="auto", gop=8, rate=25)
    return output


@pytest.mark.parametrize("record", [2, 3])
@pytest.mark.parametrize("place", ["head", "bytes"])
def test_a_damaged_record_costs_what_follows_in_its_gop(
    grown: Path, tiny_model_dir: Path, record: int, place: str
) -> None:
    whole, reader = restored(grown, tiny_model_dir), open_latent(grown)
    node = reader.nodes[record]
    content = bytearray(grown.read_bytes())
    start = node.offset - HEAD_SIZE
    assert content[start : start + len(MAGIC)] == MAGIC
    content[start + 6 if place == "head" else node.offset + 3] ^= 8
    grown.write_bytes(content)
    found = restored(grown, tiny_model_dir, damaged=True)
    assert len(found) == len(whole) == 40
    assert np.array_equal(found[: node.first_frame], whole[: node.first_frame])
    assert np.array_equal(found[18:], whole[18:])
    report = imfn.verify(grown, tiny_model_dir)
    assert [one.node for one in report.damaged] == list(range(record, 4))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--low-delay",), "--low-delay"),
        (("-r", "auto", "--tree"), "--ratio"),
        (("-r", "auto", "--forget"), "--ratio"),
        (("-r", "auto", "--effort", "0"), "--effort"),
    ],
)
def test_options_that_do_not_go_together(
    cli: Cli, clip_path: Path, output: Path, words: tuple[str, ...], told: str
) -> None:
    ran = cli("stream", clip_path, "-o", output, *words)
    assert ran.code == 2
    assert told in ran.err
    assert not output.exists()


def test_a_model_without_blocks_is_refused(
    cli: Cli, clip_path: Path, output: Path, vector_model: imfn.Model
) -> None:
    ran = cli("stream", clip_path, "-o", output, "-r", "auto", "-m", vector_model.path)
    assert (ran.code, ran.out) == (1, "")
    assert "choose a ratio with -r" in ran.err
    assert not output.exists()
