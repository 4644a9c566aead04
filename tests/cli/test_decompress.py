"""`imfn decompress`: formats by ending, selections, damage."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import imfn_cli as imfn
from imfn_cli.bitstream.open import open_latent
from imfn_cli.media import open_sequence

from .conftest import Ran, digests

Cli = Callable[..., Ran]


@pytest.fixture
def model(tiny_model_dir: Path) -> tuple[str, str]:
    return "-m", str(tiny_model_dir)


Words = tuple[str, ...]


@pytest.fixture
def restored(latent: Path, tiny_model: imfn.Model) -> np.ndarray:
    """All frames of the latent, uint8 (13, 48, 64, 3)."""
    return np.stack(list(imfn.read_frames(latent, model=tiny_model)))


def damage(latent: Path, node: int) -> None:
    """Flip a bit in the middle of a node."""
    reader = open_latent(latent)
    entry = reader.nodes[node]
    data = bytearray(latent.read_bytes())
    start = len(data) - sum(other.size for other in reader.nodes)
    data[start + entry.offset + entry.size // 2] ^= 1
    latent.write_bytes(data)


def test_beside_the_latent(cli: Cli, latent: Path, model: Words) -> None:
    before = digests(latent.parent)
    # The latent is of an array: so is what comes back.
    ran = cli("decompress", latent, *model)
    assert (ran.code, ran.err) == (0, "")
    written = latent.with_name("clip.restored.npy")
    assert ran.out.splitlines()[0] == f"{latent} → {written}"
    assert "13 frames of 64×48" in ran.out.splitlines()[1]
    after = digests(latent.parent)
    assert after.pop("clip.restored.npy")
    assert after == before


def test_a_video_becomes_mp4(cli: Cli, clip_path: Path, tmp_path: Path, model: Words) -> None:
    latent = tmp_path / "clip.safetensors"
    assert cli("compress", clip_path, "-o", latent, *model, "-r", 8, "--quiet") == Ran(0, "", "")
    assert cli("decompress", latent, *model, "--quiet") == Ran(0, "", "")
    with open_sequence(tmp_path / "clip.restored.mp4") as video:
        info = video.info
        assert (info.width, info.height, info.frame_count, info.frame_rate) == (64, 48, 40, 25)
        assert [frame.time * info.time_base * 25 for frame in video] == list(range(40))


@pytest.mark.parametrize(
    ("name", "tolerance"),
    [
        ("x.npy", 0),
        ("x.mkv", 0),
        ("x.tif", 0),
        ("x", 0),
        ("x.d/", 0),
        ("x.mp4", 6),
        ("x.webm", 12),
        ("x.gif", 12),
    ],
)
def test_the_ending_says_the_format(
    cli: Cli, latent: Path, model: Words, restored: np.ndarray, name: str, tolerance: float
) -> None:
    output = f"{latent.parent}/{name}"
    ran = cli("decompress", latent, *model, "-o", output, "--json")
    assert (ran.code, ran.err) == (0, "")
    assert ran.json[0]["output"] == output
    with open_sequence(Path(output)) as sequence:
        frames = np.stack([frame.pixels for frame in sequence])
    assert frames.shape == restored.shape
    error = np.sqrt(np.mean((frames.astype(float) - restored) ** 2))
    assert error <= tolerance


def test_only_some_frames(cli: Cli, latent: Path, model: Words, restored: np.ndarray) -> None:
    for words, chosen in (
        ("3:6", slice(3, 6)),
        ("12:", slice(12, 13)),
        (":2", slice(2)),
        ("5:99", slice(5, 13)),
    ):
        ran = cli("decompress", latent, *model, "--frames", words, "--force", "--json")
        assert ran.json[0]["frames"] == len(restored[chosen])
        np.testing.assert_array_equal(np.load(latent.with_name("clip.restored.npy")), restored[chosen])


def test_frames_that_are_not_there(cli: Cli, latent: Path, model: Words) -> None:
    ran = cli("decompress", latent, *model, "--frames", "13:20")
    assert ran.code == 1
    assert ran.line == f"{latent}: has 13 frames, so there is no frame 13; start at 12 or before"


def test_what_exists_stays(cli: Cli, latent: Path, model: Words) -> None:
    for name in ("x.npy", "x.mp4", "x"):
        output = latent.with_name(name)
        if output.suffix:
            output.write_text("precious")
        else:
            output.mkdir()
            (output / "notes.txt").write_text("precious")
        before = digests(latent.parent)
        ran = cli("decompress", latent, *model, "-o", output)
        assert ran.code == 1
        assert str(output) in ran.line
        assert "--force" in ran.line
        assert digests(latent.parent) == before
        assert cli("decompress", latent, *model, "-o", output, "--force").code == 0
    # Other files in a directory are not ours.
    assert (latent.with_name("x") / "notes.txt").read_text() == "precious"
    assert Image.open(latent.with_name("x") / "000012.png").size == (64, 48)


def test_output_rules(cli: Cli, latent: Path, model: Words) -> None:
    before = digests(latent.parent)
    for words, expected in [
        ((latent, latent, "-o", "x.mp4"), "x.mp4: there are 2 inputs; name a folder with -o x/"),
        ((latent, "-o", latent, "--force"), "is the input itself; choose another output with -o"),
        ((latent, "-o", latent.with_suffix(".avi")), "unknown ending '.avi'; use one of .mp4"),
        ((latent, "-o", latent.parent / "no" / "x.mp4"), "no such directory; create it"),
        ((latent, "-o", latent / "x.mp4"), "no such directory; create it"),
    ]:
        ran = cli("decompress", *words, *model)
        assert ran.code == 1
        assert expected in ran.line
    assert digests(latent.parent) == before


def test_a_damaged_node_is_named_and_nothing_written(cli: Cli, latent: Path, model: Words) -> None:
    damage(latent, 1)
    before = digests(latent.parent)
    ran = cli("decompress", latent, *model)
    assert ran.code == 1
    assert ran.line == (
        f"{latent}: node 1 (frames 4 to 7) is damaged (checksum differs); --skip-damaged restores the others"
    )
    assert digests(latent.parent) == before
    # What does not need the node is not held up by it.
    assert cli("decompress", latent, *model, "--frames", "8:").code == 0


def test_skip_damaged(cli: Cli, latent: Path, model: Words, restored: np.ndarray) -> None:
    damage(latent, 1)
    ran = cli("decompress", latent, *model, "--skip-damaged", "--json")
    assert ran.code == 1
    assert ran.line == f"{latent}: frames 4 to 7 are damaged; the last good frame stands in for them"
    assert ran.json[0]["damaged"] == [[4, 7]]
    frames = np.load(latent.with_name("clip.restored.npy"))
    np.testing.assert_array_equal(frames[:4], restored[:4])
    np.testing.assert_array_equal(frames[4:8], np.repeat(restored[3:4], 4, axis=0))
    np.testing.assert_array_equal(frames[8:], restored[8:])


def test_skip_damaged_at_the_start_and_at_the_end(
    cli: Cli, latent: Path, model: Words, restored: np.ndarray
) -> None:
    damage(latent, 0)
    damage(latent, 3)
    assert cli("decompress", latent, *model, "--skip-damaged").code == 1
    frames = np.load(latent.with_name("clip.restored.npy"))
    assert (frames[:4] == 128).all()
    np.testing.assert_array_equal(frames[4:12], restored[4:12])
    np.testing.assert_array_equal(frames[12], restored[11])


def test_one_bad_latent_does_not_stop_the_others(cli: Cli, latent: Path, model: Words) -> None:
    bad, last = latent.with_name("bad.safetensors"), latent.with_name("last.safetensors")
    bad.write_bytes(latent.read_bytes()[:500])
    last.write_bytes(latent.read_bytes())
    ran = cli("decompress", latent, bad, last, *model, "--json")
    assert ran.code == 1
    assert [("error" in report, Path(report["source"])) for report in ran.json] == [
        (False, latent),
        (True, bad),
        (False, last),
    ]
    assert ran.err.splitlines()[-1] == "imfn: 1 of 3 inputs failed"
    assert len(ran.err.splitlines()) == 2
