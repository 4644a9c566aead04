"""`imfn compress`: what it says and where it writes."""

import json
import re
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import imfn_cli as imfn
from imfn_cli.bitstream.open import open_latent
from imfn_cli.cli import compress as compress_command
from imfn_cli.cli.compress import human
from imfn_cli.reports import CompressReport

from .conftest import Ran, digests

Cli = Callable[..., Ran]


@pytest.fixture
def model(tiny_model_dir: Path) -> tuple[str, str, str, str]:
    return "-m", str(tiny_model_dir), "-r", "4"


Words = tuple[str, ...]


def test_one_clip(cli: Cli, clip: Path, model: Words) -> None:
    before = digests(clip.parent)
    ran = cli("compress", clip, *model)
    assert (ran.code, ran.err) == (0, "")
    written = clip.with_suffix(".safetensors")
    lines = ran.out.splitlines()
    assert lines[0] == f"{clip} → {written}"
    assert "9 frames of 64×48" in lines[1]
    for words in ("bits per pixel", "frames/s"):
        assert words in lines[1]
    for words in ("times fewer numbers", "times fewer bytes", "model tiny", "ratio 4", "quality 50"):
        assert words in lines[2]
    after = digests(clip.parent)
    assert after.pop("clip.safetensors")
    assert after == before


def test_weights_are_read_for_a_manifest_alone(
    cli: Cli, clip: Path, model: Words, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str | None] = []

    def counting(model: str | None, guaranteed: bool) -> str:
        asked.append(model)
        return "0" * 64

    monkeypatch.setattr(compress_command, "_model_hash", counting)
    assert cli("compress", clip, *model, "-o", tmp_path / "one.safetensors").code == 0
    assert asked == []
    assert cli("compress", clip, *model, "-o", f"{tmp_path}/many/").code == 0
    assert asked == [model[1]]


@pytest.mark.parametrize(
    ("ratio", "words"),
    [(2.5, "2.50 times fewer bytes"), (0.4, "2.50 times more bytes"), (None, "fewer numbers (")],
)
def test_a_latent_may_be_larger_than_its_source(ratio: float | None, words: str) -> None:
    values: dict[str, Any] = dict.fromkeys((field.name for field in fields(CompressReport)), 1) | {
        "target": None
    }
    assert words in human(CompressReport(**values | {"ratio_of_bytes": ratio, "student": False}))[2]


@pytest.mark.parametrize(("ratio", "words"), [(13.5, "13.5 times fewer"), (0.3, "3.3 times more")])
def test_memories_may_hold_more_numbers_than_the_frames(ratio: float, words: str) -> None:
    values: dict[str, Any] = dict.fromkeys((field.name for field in fields(CompressReport)), 1) | {
        "target": None
    }
    assert f"  {words} numbers, " in human(CompressReport(**values | {"ratio_of_numbers": ratio}))[2]


def test_json_reports_every_number(cli: Cli, clip: Path, model: Words) -> None:
    ran = cli("compress", clip, *model, "--json", "-q", "30", "--frames", "2:8")
    (report,) = ran.json
    size = clip.with_suffix(".safetensors").stat().st_size
    assert ran.err == ""
    assert {k: report[k] for k in ("frames", "height", "width", "channels", "ratio", "quality", "nodes")} == {
        "frames": 6,
        "height": 48,
        "width": 64,
        "channels": 3,
        "ratio": 4,
        "quality": 30,
        "nodes": 2,
    }
    assert report["bytes"] == size
    assert report["source_bytes"] == clip.stat().st_size
    assert report["bits_per_pixel"] == pytest.approx(8 * size / (6 * 48 * 64))
    assert report["ratio_of_bytes"] is None  # only a part of the source is in it


def test_the_ratio_of_bytes_is_of_whole_files(cli: Cli, clip: Path, model: Words) -> None:
    (report,) = cli("compress", clip, *model, "--json").json
    size = clip.with_suffix(".safetensors").stat().st_size
    assert report["ratio_of_bytes"] == pytest.approx(clip.stat().st_size / size)
    # Nodes of 4 and 2 frames: half the numbers of two full ones are gone.
    assert report["ratio_of_numbers"] == pytest.approx(3)


def test_quiet_is_silent(cli: Cli, clip: Path, model: Words) -> None:
    assert cli("compress", clip, *model, "--quiet") == Ran(0, "", "")


def test_the_same_input_gives_the_same_bytes(cli: Cli, clip: Path, model: Words) -> None:
    for name in ("one", "two"):
        assert cli("compress", clip, *model, "--quiet", "-o", clip.with_name(name)).code == 0
    assert clip.with_name("one").read_bytes() == clip.with_name("two").read_bytes()


def test_several_inputs_and_a_directory_for_them(
    cli: Cli, clip_frames: np.ndarray, tmp_path: Path, model: Words
) -> None:
    folder, latents = tmp_path / "in", tmp_path / "out"
    (folder / "stills").mkdir(parents=True)
    latents.mkdir()
    np.save(folder / "a.npy", clip_frames[:3])
    np.savez(folder / "b.npz", frames=clip_frames[:2])
    for index in range(11):
        Image.fromarray(clip_frames[index]).save(folder / "stills" / f"{index}.png")
    Image.fromarray(clip_frames[0]).save(
        folder / "c.gif", save_all=True, append_images=[Image.fromarray(clip_frames[1])]
    )
    ran = cli("compress", folder, *model, "-o", f"{latents}/", "--json")
    assert ran.code == 0
    counts = {Path(report["output"]).name: report["frames"] for report in ran.json}
    assert counts == {"a.safetensors": 3, "b.safetensors": 2, "c.safetensors": 2, "stills.safetensors": 11}
    assert {path.name for path in latents.glob("*.safetensors")} == set(counts)


def test_a_pattern(cli: Cli, clip_frames: np.ndarray, tmp_path: Path, model: Words) -> None:
    for index in (1, 2, 10):
        Image.fromarray(clip_frames[index]).save(tmp_path / f"img{index}.png")
    ran = cli("compress", tmp_path / "img*.png", *model, "-o", tmp_path / "x.safetensors", "--json")
    assert [report["frames"] for report in ran.json] == [3]


def test_force_overwrites(cli: Cli, clip: Path, model: Words) -> None:
    written = clip.with_suffix(".safetensors")
    written.write_text("precious")
    ran = cli("compress", clip, *model)
    assert ran.code == 1
    assert ran.line == (
        f"{written}: exists already; choose another name with -o, or overwrite it with --force"
    )
    assert written.read_text() == "precious"
    assert cli("compress", clip, *model, "--force").code == 0
    assert open_latent(written).header.frames == 9


@pytest.mark.parametrize(
    ("ratio", "nearest"), [(3, "2 or 4"), (0, "1"), (-4, "1"), (16, "8"), (64, "8"), (5, "4 or 8")]
)
def test_a_ratio_that_the_model_lacks(
    cli: Cli, clip: Path, tiny_model_dir: Path, ratio: int, nearest: str
) -> None:
    before = digests(clip.parent)
    ran = cli("compress", clip, "-m", tiny_model_dir, "-r", ratio)
    assert ran.code == 2
    assert ran.line == f"ratio {ratio}: this model offers powers of two from 1 to 8; nearest: {nearest}"
    assert digests(clip.parent) == before


def test_one_bad_file_does_not_stop_the_others(
    cli: Cli, clip_frames: np.ndarray, tmp_path: Path, model: Words
) -> None:
    np.save(tmp_path / "1.npy", clip_frames[:3])
    (tmp_path / "2.npy").write_bytes((tmp_path / "1.npy").read_bytes()[:5000])
    (tmp_path / "3.mp4").write_bytes(b"")
    (tmp_path / "4.mp4").write_bytes(np.random.default_rng(0).bytes(3000))
    np.save(tmp_path / "5.npy", clip_frames[:2])
    ran = cli("compress", tmp_path, *model, "--json")
    assert ran.code == 1
    assert [(Path(r["source"]).name, "error" in r) for r in ran.json] == [
        ("1.npy", False),
        ("2.npy", True),
        ("3.mp4", True),
        ("4.mp4", True),
        ("5.npy", False),
    ]
    *lines, last = ran.err.splitlines()
    assert [Path(line.split(":")[1].strip()).name for line in lines] == ["2.npy", "3.mp4", "4.mp4"]
    assert last == "imfn: 3 of 5 inputs failed"
    assert {p.name for p in tmp_path.iterdir()} == {
        *("1.npy", "2.npy", "3.mp4", "4.mp4", "5.npy"),
        *("1.safetensors", "5.safetensors"),
    }


def test_an_unexpected_failure_does_not_stop_the_others(
    cli: Cli, clip_frames: np.ndarray, tmp_path: Path, model: Words, monkeypatch: pytest.MonkeyPatch
) -> None:
    from imfn_cli import api

    compress = api.compress

    def fail_once(source: object, *rest: object, **options: object) -> object:
        if "1.npy" in str(source):
            raise RuntimeError("surprise")
        return compress(source, *rest, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(api, "compress", fail_once)
    for name in ("1.npy", "2.npy"):
        np.save(tmp_path / name, clip_frames[:2])
    ran = cli("compress", tmp_path, *model, "--quiet")
    assert ran.code == 1
    assert ran.err.splitlines()[0] == "imfn: RuntimeError: surprise (IMFN_DEBUG=1 shows where)"
    assert (tmp_path / "2.safetensors").exists()


class TestOutput:
    def test_the_same_input_twice(self, cli: Cli, clip: Path, model: Words) -> None:
        ran = cli("compress", clip, clip.parent / "." / clip.name, *model, "--force")
        assert ran.code == 1
        assert "1 of 2 inputs failed" in ran.err

    def test_a_file_for_several_inputs(self, cli: Cli, clip: Path, model: Words) -> None:
        ran = cli("compress", clip, clip, *model, "-o", clip.with_name("x.safetensors"))
        assert ran.code == 1
        assert "there are 2 inputs; name a folder with -o x/" in ran.line

    def test_a_directory_that_is_not_there(self, cli: Cli, clip: Path, model: Words) -> None:
        """Named with a slash it is made; a file in it is a slip."""
        ran = cli("compress", clip, *model, "-o", clip.with_name("no") / "x.safetensors")
        assert ran.code == 1
        assert "no such directory; create it" in ran.line
        assert cli("compress", clip, *model, "-o", f"{clip.parent}/no/").code == 0
        assert (clip.parent / "no" / f"{clip.stem}.safetensors").is_file()

    def test_the_input_itself(self, cli: Cli, clip: Path, model: Words) -> None:
        before = digests(clip.parent)
        link = clip.with_name("link.npy")
        link.symlink_to(clip)
        for output in (clip, clip.parent / ".." / clip.parent.name / clip.name, link):
            ran = cli("compress", clip, *model, "-o", output, "--force")
            assert ran.code == 1
            assert "is the input itself; choose another output with -o" in ran.line
        link.unlink()
        assert digests(clip.parent) == before

    def test_a_latent_is_no_input(self, cli: Cli, latent: Path, model: Words) -> None:
        before = digests(latent.parent)
        ran = cli("compress", latent, *model, "--force")
        assert ran.code == 1
        assert ran.line.endswith("'imfn decompress' restores it")
        ran = cli("compress", latent, *model, "-o", latent.with_name("x.safetensors"))
        assert ran.code == 1
        assert str(latent) in ran.line
        assert digests(latent.parent) == before

    def test_devices_and_dangling_links_are_not_replaced(self, cli: Cli, clip: Path, model: Words) -> None:
        ran = cli("compress", clip, *model, "-o", "/dev/null", "--force")
        assert ran.code == 1
        assert ran.line == "/dev/null: is a device or a pipe; name a file with -o"
        link = clip.with_name("link")
        link.symlink_to(clip.with_name("nowhere"))
        ran = cli("compress", clip, *model, "-o", link)
        assert ran.code == 1
        assert "exists already" in ran.line

    def test_a_link_leads_where_it_led(self, cli: Cli, clip: Path, model: Words) -> None:
        target, link = clip.with_name("real.safetensors"), clip.with_name("link.safetensors")
        target.write_bytes(b"old")
        link.symlink_to(target)
        assert cli("compress", clip, *model, "-o", link, "--force").code == 0
        assert link.is_symlink()
        assert target.stat().st_size > 3

    @pytest.mark.parametrize("name", ["x.mp4", "x.npy", "x.PNG"])
    def test_a_name_that_promises_frames(self, cli: Cli, clip: Path, model: Words, name: str) -> None:
        ran = cli("compress", clip, *model, "-o", clip.with_name(name))
        assert ran.code == 1
        assert "names no latent; write -o x.safetensors" in ran.line
        assert not clip.with_name(name).exists()


def test_notes_go_to_stderr(cli: Cli, clip_frames: np.ndarray, tmp_path: Path, model: Words) -> None:
    np.save(tmp_path / "one.npy", clip_frames[0])
    ran = cli("compress", tmp_path / "one.npy", *model, "--json")
    note = "read as 48 gray frames of 3x64; one RGB image needs a T axis"
    assert ran.line.endswith(f"one.npy: {note}")
    assert json.loads(ran.out)["notes"] == [note]
    assert cli("compress", tmp_path / "one.npy", *model, "--quiet", "--force").err == ""


def test_alpha_is_kept_and_told_of(cli: Cli, clip_frames: np.ndarray, tmp_path: Path, model: Words) -> None:
    alpha = np.arange(2 * 48 * 64, dtype=np.uint8).reshape(2, 48, 64, 1)
    np.save(tmp_path / "a.npy", np.concatenate((clip_frames[:2], alpha), axis=3))
    assert json.loads(cli("compress", tmp_path / "a.npy", *model, "--json").out)["notes"] == []
    parts = json.loads(cli("info", tmp_path / "a.safetensors", "--json").out)["parts"]
    assert parts["alpha"] > 0
    words = ["-m", *model[model.index("-m") + 1 : model.index("-m") + 2], "--quiet"]
    assert cli("decompress", tmp_path / "a.safetensors", "-o", tmp_path / "b.npy", *words).code == 0
    assert np.array_equal(np.load(tmp_path / "b.npy")[..., 3:], alpha)


def test_a_target(cli: Cli, clip: Path, model: Words) -> None:
    ran = cli("compress", clip, *model, "--target-psnr", 27)
    assert ran.code == 0
    assert re.search(r"target 27.00 dB: (26.9|27.0|27.1)\d dB in \d pass(es)?$", ran.out.splitlines()[3])
    assert f"imfn: {clip}, pass 1 at quality 50 …" in ran.err.splitlines()
    ran = cli("compress", clip, *model, "--target-size", "4.5 kB", "--json", "--force")
    found = json.loads(ran.out)
    assert (found["target"]["of"], found["target"]["wanted"]) == ("size", 4500)
    assert 4410 <= found["target"]["reached"] == clip.with_suffix(".safetensors").stat().st_size <= 4500
    assert cli("compress", clip, *model, "--target-kbps", 150, "--force", "--quiet").err == ""


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("-q", 50, "--target-psnr", 30), "exclude one another"),
        (("--target-psnr", 30, "--target-kbps", 30), "exclude one another"),
        (("--target-size", "1MB", "--target-kbps", 30), "exclude one another"),
        (("--target-size", "large"), "'large' is no size; write 500kB, 2MB or 1.5GiB"),
        (("--target-size", "0"), "name a number above 0"),
        (("--target-psnr", "-3"), "name a number above 0"),
        (("--target-kbps", "nan"), "name a number above 0"),
        (("-q", 43.75), "43.75: must be a number from 0 to 100, with one decimal at most"),
        (("-q", 100.1), "100.1: must be a number from 0 to 100"),
    ],
)
def test_wrong_targets_and_qualities_are_usage_errors(
    words: tuple[object, ...], told: str, cli: Cli, clip: Path, model: Words
) -> None:
    ran = cli("compress", clip, *model, *words)
    assert (ran.code, ran.out) == (2, "")
    assert told in ran.err
    assert len(ran.err.splitlines()) == 1


def test_a_target_out_of_reach(cli: Cli, clip: Path, model: Words) -> None:
    ran = cli("compress", clip, *model, "--target-psnr", 90)
    assert ran.code == 1
    assert f"imfn: {clip}: 90.00 dB is out of reach at ratio 4; the nearest is " in ran.err
    assert not clip.with_suffix(".safetensors").exists()


def test_tenths_of_quality(cli: Cli, clip: Path, model: Words) -> None:
    ran = cli("compress", clip, *model, "-q", 43.7)
    assert "quality 43.7" in ran.out
    reader = open_latent(clip.with_suffix(".safetensors"))
    assert (reader.header.quality, reader.header.version) == (43.7, 6)
    assert cli("verify", reader.path, "-m", model[1]).code == 0


@pytest.mark.parametrize(
    "words",
    [("-r", 16, "--effort", 2), ("-r", "auto", "--effort", 0), ("-r", 8, "--effort", 0), ("--effort", 4)],
)
def test_efforts_go_with_their_ratios(
    cli: Callable[..., Ran], short: Path, tmp_path: Path, words: tuple[object, ...]
) -> None:
    ran = cli("compress", short, "-o", tmp_path / "x.safetensors", *words)
    assert ran.code == 2
    assert "--effort" in ran.err
    assert not list(tmp_path.iterdir())


def test_no_effort_is_without_gops(cli: Callable[..., Ran], short: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    ran = cli("compress", short, "-o", path, "--effort", 0, "--json")
    assert ran.code == 0, ran.err
    report = json.loads(ran.out)
    assert (report["ratio"], report["gop"]) == (16, 0)


@pytest.mark.parametrize(
    ("words", "ratio", "gop"),
    [
        (["--preset", "dataset"], 4, 0),
        (["--preset", "dataset", "-r", "8"], 8, 0),
        (["--preset", "dataset", "-g", "8"], 4, 8),
        (["--preset", "archive", "-r", "2", "-g", "4"], 2, 4),
    ],
)
def test_presets_give_way_to_what_is_said(
    words: list[str], ratio: int, gop: int, cli: Cli, clip_path: Path, tiny_model_dir: Path, tmp_path: Path
) -> None:
    output = tmp_path / "clip.safetensors"
    ran = cli("compress", clip_path, "-o", output, "-m", tiny_model_dir, "--json", *words)
    (report,) = ran.json
    assert (report["ratio"], report["gop"]) == (ratio, gop)


def test_unknown_presets_are_refused(cli: Cli, clip: Path) -> None:
    ran = cli("compress", clip, "--preset", "fast")
    assert ran.code == 2
    assert "archive, stream, dataset" in ran.err


def test_an_effort_that_says_nothing(
    cli: Cli, clip: Path, model: Words, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a model's memories cannot be cut by blocks, it codes at 16:1 unless told."""
    with monkeypatch.context() as patch:
        patch.setattr("imfn_cli.codec.fits", lambda _: False)
        ran = cli("compress", clip, "-m", "video-linear", "--effort", "1")
    told = "effort 1 says nothing: model video-linear-1 codes memories of 16 frames"
    assert (ran.code, told in ran.err) == (0, True)
    ran = cli("compress", clip, *model, "--effort", "1", "--force")
    assert (ran.code, "1 to 3 go with -r auto" in ran.err) == (2, True)
    with pytest.raises(ValueError, match="effort is of the ratio auto"):
        imfn.compress(clip, clip.with_name("x.safetensors"), ratio=4, effort=1)


def test_an_adaptive_forest_has_no_numbers(cli: Cli, clip: Path) -> None:
    lines = cli("compress", clip, "-r", "auto", "-m", "video-linear").out.splitlines()
    assert "numbers" not in lines[2]
    assert "ratio auto" in lines[2]
    assert "bits per pixel" in lines[1]
