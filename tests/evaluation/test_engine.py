"""Rows of real clips: against independent computation, from the cache, and past failures."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest

import imfn_cli as imfn
from imfn_cli.errors import InputError, ModelError, RatioError
from imfn_cli.evaluation import engine, peers
from imfn_cli.evaluation.clip import clips_of
from imfn_cli.evaluation.engine import check_settings, settings_of
from imfn_cli.evaluation.rows import IMFN, Setting
from imfn_cli.media import expand_inputs, open_sequence

from ..media.test_tracks import film_with_sound
from .conftest import Here, steady

# -- numbers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ratio", "quality"), [(1, 70), (8, 40)])
def test_a_row_is_what_compress_and_decompress_give(
    here: Here, clip_path: Path, tiny_model_dir: Path, tmp_path: Path, ratio: int, quality: int
) -> None:
    (row,) = here(clip_path, Setting(IMFN, ratio, quality), stop=20).rows
    latent, restored = tmp_path / "own.safetensors", tmp_path / "own.npy"
    imfn.compress(
        clip_path,
        latent,
        model=str(tiny_model_dir),
        ratio=ratio,
        quality=quality,
        frames=(0, 20),
        device="cpu",
    )
    imfn.decompress(latent, restored, model=str(tiny_model_dir), device="cpu")
    with open_sequence(clip_path, stop=20) as sequence:
        before = np.stack([frame.pixels for frame in sequence]).astype(float)
    errors = ((before - np.load(restored)) ** 2).mean(axis=(1, 2, 3))
    assert row.frames == 20
    assert row.psnr_rgb == pytest.approx(np.mean(10 * np.log10(255**2 / errors)), abs=1e-3)
    assert row.psnr_per_frame == pytest.approx(10 * np.log10(255**2 / errors), abs=1e-3)
    assert row.bytes == latent.stat().st_size
    assert row.bits_per_pixel == pytest.approx(8 * latent.stat().st_size / before[..., 0].size, abs=1e-6)
    assert row.compress_fps > 0  # type: ignore[operator]
    assert row.restore_fps > 0  # type: ignore[operator]
    assert (row.model, row.label, row.options) == (
        "tiny",
        f"imfn {ratio}:1",
        f"-m tiny -r {ratio} -q {quality} -g 256",
    )


def test_selected_frames_only(here: Here, clip_path: Path) -> None:
    settings = [Setting(IMFN, 4, 50), *peers.sweep("x264", [20])]
    whole = here(clip_path, *settings)
    part = here(clip_path, *settings, start=5, stop=16)
    assert [row.frames for row in part.rows] == [11, 11]
    assert part.clips[0].frames == 11
    assert whole.clips[0].frames == 40


def test_clips_that_do_not_fit_in_memory_give_the_same(here: Here, clip_path: Path) -> None:
    # x264's macroblock tree, which this preset has not, gives other bytes at each run for frames so small.
    x264 = peers.sweep("x264", [20], "superfast")
    settings = [Setting(IMFN, 4, 50), Setting(IMFN, 8, in_float=True), *x264]
    held = here(clip_path, *settings, stop=13).rows
    # Less than the 13 frames of 64×48 take.
    here.held_bytes = 100_000
    streamed = here(clip_path, *settings, stop=13).rows
    assert steady([replace(row, notes=()) for row in streamed]) == steady(
        [replace(row, notes=()) for row in held]
    )
    assert "speed: reading the clip included" in streamed[0].notes[-1]


def test_memories_in_float_have_no_file(here: Here, clip_path: Path) -> None:
    settings = settings_of([1, 4, 8], [100], in_float=True)
    files, floats = np.split(np.array(here(clip_path, *settings, stop=16).rows, object), 2)
    for row in floats:
        nothing = (row.bytes, row.bits_per_pixel, row.compress_fps, row.restore_fps, row.peak_memory_mb)
        assert nothing == (None,) * 5
        assert row.quality is None
    # Ratio 1 is invertible, and each merge loses something.
    assert floats[0].psnr_rgb == 100
    assert floats[0].psnr_rgb > floats[1].psnr_rgb > floats[2].psnr_rgb
    # The finest step costs little more.
    assert files[2].psnr_rgb == pytest.approx(floats[2].psnr_rgb, abs=0.1)


# -- with a cache --------------------------------------------------------------------------------------------


def test_a_second_run_computes_nothing(here: Here, clip_path: Path, tmp_path: Path) -> None:
    settings = [Setting(IMFN, 4, 50), *peers.sweep("x264", [20, 40])]
    cache = tmp_path / "cache"
    first = here(clip_path, *settings, stop=8, cache=cache)
    assert (len(here.done), first.computed) == (3, 3)
    assert len(list(cache.glob("*.json"))) == 3
    second = here(clip_path, *settings, stop=8, cache=cache)
    assert (len(here.done), second.computed) == (3, 0)
    assert second.rows == first.rows
    # The same content elsewhere is the same clip, under its own name.
    copy = tmp_path / "copy.mkv"
    copy.write_bytes(clip_path.read_bytes())
    third = here(copy, *settings, stop=8, cache=cache)
    assert (len(here.done), third.rows[0].clip) == (3, "copy.mkv")


def test_what_a_row_depends_on_makes_it_another(
    here: Here, clip_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rows(stop: int = 4, ratio: int = 4, quality: int = 50, gop: int = 256) -> int:
        here(clip_path, Setting(IMFN, ratio, quality, gop=gop), stop=stop, cache=tmp_path / "cache")
        return len(here.done)

    assert rows() == 1
    assert rows(stop=5) == 2
    assert rows(ratio=2) == 3
    assert rows(quality=51) == 4
    assert rows(gop=0) == 5
    assert rows() == 5
    monkeypatch.setattr(engine, "__version__", "9.9")
    assert rows() == 6


@pytest.mark.parametrize("held_bytes", [1, 1 << 28])
def test_sound_does_not_count(here: Here, tmp_path: Path, held_bytes: int) -> None:
    """Neither does it where a clip is read twice, and goes to the file as it is read."""
    here.held_bytes = held_bytes
    film, silent = film_with_sound(tmp_path / "a.mp4"), tmp_path / "silent.safetensors"
    (row,) = here(film, Setting(IMFN, 4, 30)).rows
    imfn.compress(film, silent, model=here.model, ratio=4, quality=30, audio=False)
    assert row.bytes == silent.stat().st_size


def test_rows_of_earlier_versions_are_found(here: Here, clip_path: Path, tmp_path: Path) -> None:
    """They called the GOP a group, and a file without GOPs "alone"."""
    cache = tmp_path / "cache"
    (row,) = here(clip_path, Setting(IMFN, 4, 50, gop=0), stop=4, cache=cache).rows
    (file,) = cache.glob("*.json")
    text = file.read_text(encoding="utf-8")
    assert '"group": 0' in text.partition('"row"')[0]
    file.write_text(text.replace('"gop":', '"group":').replace("imfn 4:1 intra", "imfn 4:1 alone"))
    again = here(clip_path, Setting(IMFN, 4, 50, gop=0), stop=4, cache=cache)
    assert (again.rows, again.computed) == ((row,), 0)
    assert row.label == "imfn 4:1 intra"


def test_an_interrupted_run_goes_on(here: Here, clip_path: Path, tmp_path: Path) -> None:
    settings = [Setting(IMFN, 4, quality) for quality in (10, 20, 30)]
    seen: list[tuple[int, int]] = []

    def run(progress: Callable[[int, int], None]) -> engine.Evaluation:
        return here(clip_path, *settings, cache=tmp_path / "cache", progress=progress, stop=8)

    def stop(done: int, total: int) -> None:
        assert total == 3
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(stop)
    assert len(here.done) == 2
    found = run(lambda *done: seen.append(done))
    assert (len(here.done), found.computed) == (3, 1)
    assert seen == [(2, 3), (3, 3)]
    assert [row.quality for row in found.rows] == [10, 20, 30]


def test_a_damaged_row_is_computed_again(here: Here, clip_path: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    for damage in (b"", b"{", b'{"key": {}, "row": {}}', b"\xff\xfe"):
        here(clip_path, Setting(IMFN, 4, 50), stop=4, cache=cache)
        (file,) = cache.glob("*.json")
        file.write_bytes(damage)
    here(clip_path, Setting(IMFN, 4, 50), stop=4, cache=cache)
    assert len(here.done) == 5


# -- failures ------------------------------------------------------------------------------------------------


def test_a_bad_clip_does_not_stop_the_others(here: Here, tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    folder.mkdir()
    (folder / "a.npy").write_bytes(b"\x93NUMPY, or not")
    np.save(folder / "b.npy", np.zeros((3, 16, 16, 3), np.uint8))
    (folder / "c.mp4").write_bytes(bytes(1000))
    found = here(folder, Setting(IMFN, 4, 50))
    assert [row.clip for row in found.rows] == ["b.npy"]
    assert [(failure.clip, failure.codec) for failure in found.failures] == [("a.npy", None), ("c.mp4", None)]
    assert all("\n" not in failure.error for failure in found.failures)
    with pytest.raises(InputError, match=r"^a\.npy: "):
        found.whole()


def test_a_codec_that_refuses_does_not_stop_the_others(
    here: Here, clip_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = [Setting(IMFN, 4, 50), *peers.sweep("x264", [20, 40])]
    monkeypatch.setitem(peers.PEERS, "x264", replace(peers.PEERS["x264"], options={"profile": "none such"}))
    found = here(clip_path, *settings, stop=8)
    assert [row.codec for row in found.rows] == [IMFN]
    (failure,) = found.failures
    assert (failure.clip, failure.codec) == ("clip.mkv", "x264")


def test_settings_are_checked_before_the_work(
    tiny_model: imfn.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RatioError, match="16"):
        check_settings([Setting(IMFN, 16, 50)], tiny_model)
    check_settings([Setting(IMFN, 4, 50, student=True)], tiny_model)
    no_student = ModelError("model 'tiny' carries no student")
    monkeypatch.setattr(imfn.Model, "student", Mock(side_effect=no_student))
    with pytest.raises(ModelError, match="carries no student"):
        check_settings([Setting(IMFN, 4, 50, student=True)], tiny_model)


def test_clips_are_named_by_their_file(tmp_path: Path) -> None:
    for name in ("a/one.npy", "a/two.npy", "b/two.npy"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        np.save(tmp_path / name, np.zeros((2, 8, 8), np.uint8))
    sources = expand_inputs([str(tmp_path), str(tmp_path / "a/one.npy")])
    names = [clip.name for clip in clips_of(sources)]
    assert names == ["one.npy", str(tmp_path / "a/two.npy"), str(tmp_path / "b/two.npy")]
