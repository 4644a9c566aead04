"""Rows of real clips: against independent computation, from the cache, in parallel, and past failures."""

import json
import multiprocessing
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest

import imfn_cli as imfn
from imfn_cli.errors import ImfnError, InputError, ModelError, RatioError
from imfn_cli.evaluation import engine, measure, peers
from imfn_cli.evaluation.cache import RowCache, content_hash
from imfn_cli.evaluation.document import COLUMNS, SCHEMA, document
from imfn_cli.evaluation.engine import Evaluation, check_settings, clips_of, evaluate, settings_of
from imfn_cli.evaluation.rows import IMFN, Row, Setting
from imfn_cli.media import expand_inputs, open_sequence

ROW_KEYS = {
    *(
        "clip",
        "codec",
        "label",
        "model",
        "ratio",
        "quality",
        "float",
        "student",
        "gop",
        "crf",
        "options",
        "frames",
    ),
    *("psnr_rgb", "psnr_yuv", "psnr_y", "ssim", "ms_ssim", "bytes", "bits_per_pixel"),
    *("compress_fps", "restore_fps", "peak_memory_mb", "psnr_per_frame", "notes"),
}
UNSTEADY: dict[str, Any] = {"compress_fps": 0.0, "restore_fps": 0.0, "peak_memory_mb": 0.0}


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[measure.Task]:
    """Rows are measured in this process; the list grows with each of them."""
    done: list[measure.Task] = []

    def measured(tasks: Sequence[measure.Task], jobs: int) -> Iterator[tuple[measure.Task, Row | str]]:
        for task in tasks:
            done.append(task)
            try:
                with task.clip.open() as sequence:
                    yield task, measure.measure(task, measure.held(sequence), tmp_path)
            except ImfnError as error:
                yield task, str(error)

    monkeypatch.setattr(engine, "_measured", measured)
    return done


def of(
    name: Path | str, *settings: Setting, model: Path, start: int = 0, stop: int | None = None, **more: Any
) -> Evaluation:
    return evaluate(clips_of(expand_inputs([str(name)]), start, stop), settings, model=str(model), **more)


def steady(rows: Sequence[Row]) -> list[Row]:
    return [replace(row, **UNSTEADY) for row in rows]


# -- numbers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ratio", "quality"), [(1, 70), (8, 40)])
def test_a_row_is_what_compress_and_decompress_give(
    here: list[measure.Task], clip_path: Path, tiny_model_dir: Path, tmp_path: Path, ratio: int, quality: int
) -> None:
    (row,) = of(clip_path, Setting(IMFN, ratio, quality), model=tiny_model_dir).rows
    latent, restored = tmp_path / "own.safetensors", tmp_path / "own.npy"
    imfn.compress(clip_path, latent, model=str(tiny_model_dir), ratio=ratio, quality=quality, device="cpu")
    imfn.decompress(latent, restored, model=str(tiny_model_dir), device="cpu")
    with open_sequence(clip_path) as sequence:
        before = np.stack([frame.pixels for frame in sequence]).astype(float)
    errors = ((before - np.load(restored)) ** 2).mean(axis=(1, 2, 3))
    assert row.frames == 40
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


def test_selected_frames_only(here: list[measure.Task], clip_path: Path, tiny_model_dir: Path) -> None:
    settings = [Setting(IMFN, 4, 50), *peers.sweep("x264", [20])]
    whole = of(clip_path, *settings, model=tiny_model_dir)
    part = of(clip_path, *settings, model=tiny_model_dir, start=5, stop=16)
    assert [row.frames for row in part.rows] == [11, 11]
    assert part.clips[0].frames == 11
    assert whole.clips[0].frames == 40


def test_clips_that_do_not_fit_in_memory_give_the_same(
    here: list[measure.Task], clip_path: Path, tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = [Setting(IMFN, 4, 50), Setting(IMFN, 8, in_float=True), *peers.sweep("x264", [20])]
    held = of(clip_path, *settings, model=tiny_model_dir).rows
    monkeypatch.setattr(measure, "HELD_BYTES", 100_000)
    streamed = of(clip_path, *settings, model=tiny_model_dir).rows
    assert steady([replace(row, notes=()) for row in streamed]) == steady(
        [replace(row, notes=()) for row in held]
    )
    assert "speed: reading the clip included" in streamed[0].notes[-1]


def test_memories_in_float_have_no_file(
    here: list[measure.Task], clip_path: Path, tiny_model_dir: Path
) -> None:
    settings = settings_of([1, 4, 8], [100], in_float=True)
    files, floats = np.split(np.array(of(clip_path, *settings, model=tiny_model_dir).rows, object), 2)
    for row in floats:
        nothing = (row.bytes, row.bits_per_pixel, row.compress_fps, row.restore_fps, row.peak_memory_mb)
        assert nothing == (None,) * 5
        assert row.quality is None
    # Ratio 1 is invertible, and each merge loses something.
    assert floats[0].psnr_rgb == 100
    assert floats[0].psnr_rgb > floats[1].psnr_rgb > floats[2].psnr_rgb
    # The finest step costs little more.
    assert files[2].psnr_rgb == pytest.approx(floats[2].psnr_rgb, abs=0.1)


def test_float_frames_take_the_same_trees_as_a_file(clip_frames: np.ndarray, tiny_model: imfn.Model) -> None:
    import torch

    restored = np.stack(list(measure.float_frames(imfn_array(clip_frames[:13]), tiny_model, 8)))
    parts = [clip_frames[:8], clip_frames[8:12], clip_frames[12:13]]
    for part, found in zip(parts, np.split(restored, [8, 12]), strict=True):
        memory = tiny_model.compress_pixels(torch.from_numpy(part), len(part))
        assert np.array_equal(
            found, tiny_model.restore_pixels(memory, len(part), part.shape[1:], 0, len(part)).numpy()
        )


def imfn_array(frames: np.ndarray) -> Any:
    from imfn_cli.media import LoadedArray

    return LoadedArray(frames)


# -- cache ---------------------------------------------------------------------------------------------------


def test_a_second_run_computes_nothing(
    here: list[measure.Task], clip_path: Path, tiny_model_dir: Path, tmp_path: Path
) -> None:
    settings = [Setting(IMFN, 4, 50), *peers.sweep("x264", [20, 40])]
    cache = tmp_path / "cache"
    first = of(clip_path, *settings, model=tiny_model_dir, stop=8, cache=cache)
    assert (len(here), first.computed) == (3, 3)
    assert len(list(cache.glob("*.json"))) == len(list(cache.iterdir())) == 3
    second = of(clip_path, *settings, model=tiny_model_dir, stop=8, cache=cache)
    assert (len(here), second.computed) == (3, 0)
    assert second.rows == first.rows
    # The same content elsewhere is the same clip, under its own name.
    copy = tmp_path / "copy.mkv"
    copy.write_bytes(clip_path.read_bytes())
    third = of(copy, *settings, model=tiny_model_dir, stop=8, cache=cache)
    assert (len(here), third.rows[0].clip) == (3, "copy.mkv")


def test_what_a_row_depends_on_makes_it_another(
    here: list[measure.Task],
    clip_path: Path,
    tiny_model_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def rows(stop: int = 4, ratio: int = 4, quality: int = 50) -> int:
        of(
            clip_path,
            Setting(IMFN, ratio, quality),
            model=tiny_model_dir,
            stop=stop,
            cache=tmp_path / "cache",
        )
        return len(here)

    assert rows() == 1
    assert rows(stop=5) == 2
    assert rows(ratio=2) == 3
    assert rows(quality=51) == 4
    assert rows() == 4
    monkeypatch.setattr(engine, "__version__", "9.9")
    assert rows() == 5


def test_an_interrupted_run_goes_on(
    here: list[measure.Task], clip_path: Path, tiny_model_dir: Path, tmp_path: Path
) -> None:
    settings = [Setting(IMFN, 4, quality) for quality in (10, 20, 30)]

    def stop(done: int, total: int) -> None:
        assert total == 3
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        of(clip_path, *settings, model=tiny_model_dir, cache=tmp_path / "cache", progress=stop, stop=8)
    assert len(here) == 2
    seen = []
    found = of(
        clip_path,
        *settings,
        model=tiny_model_dir,
        cache=tmp_path / "cache",
        stop=8,
        progress=lambda *done: seen.append(done),
    )
    assert (len(here), found.computed) == (3, 1)
    assert seen == [(2, 3), (3, 3)]
    assert [row.quality for row in found.rows] == [10, 20, 30]


def test_a_damaged_row_is_computed_again(
    here: list[measure.Task], clip_path: Path, tiny_model_dir: Path, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    for damage in (b"", b"{", b'{"key": {}, "row": {}}', b"\xff\xfe"):
        of(clip_path, Setting(IMFN, 4, 50), model=tiny_model_dir, stop=8, cache=cache)
        (file,) = cache.iterdir()
        file.write_bytes(damage)
    of(clip_path, Setting(IMFN, 4, 50), model=tiny_model_dir, stop=8, cache=cache)
    assert len(here) == 5


def test_a_cache_needs_a_directory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ImfnError, match="is not a directory; choose another place for --cache"):
        RowCache(tmp_path / "file")


def test_content_is_hashed_not_names(tmp_path: Path) -> None:
    names = ("a/1.npy", "b/2.npy", "c/3.npy")
    for name, value in zip(names, (0, 0, 1), strict=True):
        (tmp_path / name).parent.mkdir()
        np.save(tmp_path / name, np.full((2, 8, 8), value, np.uint8))
    one, same, other = (content_hash(expand_inputs([str(tmp_path / name)])[0]) for name in names)
    assert one == same != other
    with pytest.raises(ImfnError, match="gone"):
        content_hash(expand_inputs([str(tmp_path / "gone.npy")])[0])


# -- processes -----------------------------------------------------------------------------------------------


def test_one_job_and_two_give_the_same(clip_path: Path, tiny_model_dir: Path) -> None:
    settings = [Setting(IMFN, 8, 40), Setting(IMFN, 2, in_float=True), *peers.sweep("x264", [30])]
    one = of(clip_path, *settings, model=tiny_model_dir, jobs=1)
    two = of(clip_path, *settings, model=tiny_model_dir, jobs=2)
    assert len(one.rows) == 3
    assert steady(one.rows) == steady(two.rows)
    assert one.clips == two.clips
    assert multiprocessing.active_children() == []


def test_leaving_early_ends_the_processes(clip_path: Path, tiny_model_dir: Path) -> None:
    def stop(done: int, total: int) -> None:
        if done:
            raise KeyboardInterrupt

    settings = [Setting(IMFN, 8, quality) for quality in range(30)]
    with pytest.raises(KeyboardInterrupt):
        of(clip_path, *settings, model=tiny_model_dir, jobs=1, progress=stop)
    assert multiprocessing.active_children() == []


def test_a_bad_clip_does_not_stop_the_others(
    here: list[measure.Task], clip_path: Path, tiny_model_dir: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "clips"
    folder.mkdir()
    (folder / "a.npy").write_bytes(b"\x93NUMPY, or not")
    np.save(folder / "b.npy", np.zeros((3, 16, 16, 3), np.uint8))
    (folder / "c.mp4").write_bytes(bytes(1000))
    found = of(folder, Setting(IMFN, 4, 50), model=tiny_model_dir)
    assert [row.clip for row in found.rows] == ["b.npy"]
    assert [(failure.clip, failure.codec) for failure in found.failures] == [("a.npy", None), ("c.mp4", None)]
    assert all("\n" not in failure.error for failure in found.failures)
    with pytest.raises(InputError, match=r"^a\.npy: "):
        found.whole()


def test_a_codec_that_refuses_does_not_stop_the_others(
    here: list[measure.Task], clip_path: Path, tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = [Setting(IMFN, 4, 50), *peers.sweep("x264", [20, 40])]
    monkeypatch.setitem(peers.PEERS, "x264", replace(peers.PEERS["x264"], options={"profile": "none such"}))
    found = of(clip_path, *settings, model=tiny_model_dir)
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
    monkeypatch.setattr("imfn_cli.evaluation.extra.find_spec", lambda name: None)
    with pytest.raises(ImfnError, match=r"pip install 'imfn\[eval\]'"):
        check_settings([], None)


# -- names and the document ----------------------------------------------------------------------------------


def test_clips_are_named_by_their_file(tmp_path: Path) -> None:
    for name in ("a/one.npy", "a/two.npy", "b/two.npy"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        np.save(tmp_path / name, np.zeros((2, 8, 8), np.uint8))
    sources = expand_inputs([str(tmp_path), str(tmp_path / "a/one.npy")])
    names = [clip.name for clip in clips_of(sources)]
    assert names == ["one.npy", str(tmp_path / "a/two.npy"), str(tmp_path / "b/two.npy")]


def test_document(here: list[measure.Task], clip_path: Path, tiny_model_dir: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.npy"
    np.save(other, np.load(make_other(tmp_path)))
    settings = settings_of([4, 8], [20, 50], in_float=True, against=peers.sweep("x264", [20, 40]))
    clips = clips_of(expand_inputs([str(clip_path), str(other)]))
    found = evaluate(clips, settings, model=str(tiny_model_dir))
    made = document(found, jobs=2)
    assert json.loads(json.dumps(made)) == made | {
        "rows": [
            {**r, "psnr_per_frame": list(r["psnr_per_frame"]), "notes": list(r["notes"])}
            for r in made["rows"]
        ],
        "clips": [{**c, "notes": list(c["notes"])} for c in made["clips"]],
        "bd": [{**d, "range": list(d["range"]) if d["range"] else None} for d in made["bd"]],
    }
    assert list(made) == [
        "schema",
        "tool",
        "environment",
        "clips",
        "rows",
        "means",
        "bd",
        "bd_method",
        "failures",
    ]
    assert (made["schema"], made["tool"]) == (SCHEMA, f"imfn {imfn.__version__}")
    assert [set(row) for row in made["rows"]] == [ROW_KEYS] * 16
    assert [set(mean) for mean in made["means"]] == [
        ROW_KEYS - {"clip", "psnr_per_frame", "notes"} | {"clips"}
    ] * 8
    assert set(COLUMNS) == ROW_KEYS - {"psnr_per_frame"}
    assert set(made["clips"][0]) >= {"name", "frames", "width", "height", "channels", "frame_rate"}
    assert (made["clips"][0]["width"], made["clips"][0]["frame_rate"]) == (64, 25.0)
    assert set(made["bd"][0]) == {"clip", "anchor", "codec", "bd_rate", "bd_psnr", "range", "note"}
    assert [row["clip"] for row in made["rows"]] == ["clip.mkv"] * 8 + ["other.npy"] * 8
    first, second = (row for row in made["rows"] if (row["ratio"], row["quality"]) == (8, 20))
    mean = next(mean for mean in made["means"] if (mean["ratio"], mean["quality"]) == (8, 20))
    assert mean["frames"] == first["frames"] + second["frames"]
    assert mean["bytes"] == first["bytes"] + second["bytes"]
    for name in ("psnr_rgb", "bits_per_pixel", "compress_fps", "ssim"):
        assert mean[name] == pytest.approx((first[name] + second[name]) / 2, abs=1e-5)
    assert mean["clips"] == 2
    assert mean["ms_ssim"] is None
    assert [Row.from_dict(row) for row in json.loads(json.dumps(made["rows"]))] == list(found.rows)


def make_other(folder: Path) -> Path:
    """Eight frames of noise that drifts."""
    random = np.random.default_rng(3)
    ground = random.integers(0, 256, (40, 48, 3), dtype=np.uint8)
    path = folder / "noise.npy"
    np.save(path, np.stack([np.roll(ground, t, axis=1) for t in range(8)]))
    return path
