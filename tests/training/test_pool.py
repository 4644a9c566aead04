from pathlib import Path

import numpy as np
import pytest
import torch

from imfn_cli.errors import InputError
from imfn_cli.media import Source, expand_inputs
from imfn_cli.network import IMFNConfig
from imfn_cli.training.pool import Pool, read_pool

CONFIG = IMFNConfig(4, 4, 1, 16, 2)


def numbered(tmp_path: Path, *counts: int, height: int = 12, width: int = 20) -> list[Source]:
    """Clips whose pixels say where they are: frame t of clip i is 50 · i + t everywhere."""
    for index, count in enumerate(counts):
        frames = np.zeros((count, height, width), np.uint8) + 50 * index
        frames += np.arange(count, dtype=np.uint8)[:, None, None]
        np.save(tmp_path / f"clip{index}.npy", frames)
    return expand_inputs([str(tmp_path)])


def test_reads_every_frame_once(tmp_path: Path) -> None:
    pool, seen = read_pool(numbered(tmp_path, 40, 3, 17), CONFIG)
    assert seen == pool.frames == 60
    values = sorted(int(frame[0, 0, 0]) for run in pool.runs for frame in run)
    assert values == sorted([*range(40), *range(50, 53), *range(100, 117)])
    # No run but that of a short clip is shorter than a window.
    assert sorted(len(run) for run in pool.runs)[0] == 3
    assert all(len(run) >= 4 for run in pool.runs if int(run[0, 0, 0, 0]) // 50 != 1)


def test_reading_ends_when_it_is_over(tmp_path: Path) -> None:
    asked: list[bool] = []

    def over() -> bool:
        asked.append(True)
        return len(asked) == 2

    # Runs of 16 frames: two of the first clip.
    pool, seen = read_pool(numbered(tmp_path, 64, 17), CONFIG, over=over)
    assert seen == pool.frames == 32
    assert len(pool.runs) == 2


def test_windows_are_neighbours_in_time(tmp_path: Path) -> None:
    pool, _ = read_pool(numbered(tmp_path, 40, 20), CONFIG)
    windows = pool.windows(50, 4, 8, np.random.default_rng(0), flips=False)
    assert windows.shape == (200, 8, 8, 1)
    times = windows[:, 0, 0, 0].reshape(50, 4).int()
    assert (times.diff(dim=1) == 1).all()
    assert len(set(times[:, 0].tolist())) > 15


def test_flips_turn_time_and_sides(tmp_path: Path) -> None:
    ramp = (
        np.broadcast_to(np.arange(20, dtype=np.uint8), (8, 12, 20))
        + np.arange(8, dtype=np.uint8)[:, None, None]
    )
    np.save(tmp_path / "ramp.npy", ramp)
    pool, _ = read_pool(expand_inputs([str(tmp_path)]), CONFIG)
    windows = pool.windows(80, 4, 8, np.random.default_rng(0), flips=True).reshape(80, 4, 8, 8).int()
    backwards = windows[:, 0, 0, 0] > windows[:, 1, 0, 0]
    mirrored = windows[:, 0, 0, 0] > windows[:, 0, 0, 1]
    for turned in (backwards, mirrored, backwards & mirrored):
        assert 5 < int(turned.sum()) < 75


def test_crops_lie_on_the_grid(tmp_path: Path) -> None:
    column = np.broadcast_to(np.arange(22, dtype=np.uint8), (4, 13, 22))
    np.save(tmp_path / "columns.npy", column)
    pool, _ = read_pool(expand_inputs([str(tmp_path)]), CONFIG)
    lefts = {
        int(pool.windows(1, 4, 8, np.random.default_rng(seed), flips=False)[0, 0, 0, 0]) for seed in range(60)
    }
    assert lefts == {0, 4, 8, 12}


def test_a_short_clip_is_played_back_and_forth(tmp_path: Path) -> None:
    pool, _ = read_pool(numbered(tmp_path, 3), CONFIG)
    window = pool.windows(1, 8, 8, np.random.default_rng(0), flips=False)[:, 0, 0, 0]
    assert window.tolist() == [0, 1, 2, 1, 0, 1, 2, 1]


def test_shuffled_windows_are_draws(tmp_path: Path) -> None:
    pool, _ = read_pool(numbered(tmp_path, 30, 30), CONFIG, shuffled=True)
    times = pool.windows(100, 4, 8, np.random.default_rng(0), flips=False)[:, 0, 0, 0].reshape(100, 4).int()
    assert not (times.diff(dim=1) == 1).all(dim=1).any()
    assert set(times.flatten().tolist()) == {*range(30), *range(50, 80)}


def test_shuffled_frames_must_be_of_one_size(tmp_path: Path) -> None:
    np.save(tmp_path / "other.npy", np.zeros((4, 8, 8), np.uint8))
    with pytest.raises(InputError, match="one size"):
        read_pool(numbered(tmp_path, 4), CONFIG, shuffled=True)


def test_memory_is_bounded_and_fair(tmp_path: Path) -> None:
    sources = numbered(tmp_path, *[48] * 5)
    clips: list[int] = []
    for seed in range(30):
        pool, seen = read_pool(sources, CONFIG, memory=12 * 20 * 48 * 2 / 1e9, seed=seed)
        assert seen == 240
        assert pool.frames <= 96
        clips += [int(run[0, 0, 0, 0]) // 50 for run in pool.runs]
    counts = np.bincount(clips, minlength=5)
    assert counts.min() > 0.4 * counts.mean()


def test_held_out_runs_are_others() -> None:
    runs = [torch.full((4, 4, 4, 1), index, dtype=torch.uint8) for index in range(20)]
    kept, held = Pool(runs, CONFIG).split(10)
    values = [{int(run[0, 0, 0, 0]) for run in pool.runs} for pool in (kept, held)]
    assert values[1] == {0, 10}
    assert values[0] == set(range(20)) - values[1]
    kept, held = Pool([torch.arange(40, dtype=torch.uint8)[:, None, None, None]], CONFIG).split(10)
    assert (kept.frames, held.frames) == (36, 4)
    assert int(held.runs[0][0]) == 36


def test_gray_and_colour_become_what_the_model_takes(tmp_path: Path) -> None:
    colour = np.zeros((4, 8, 8, 3), np.uint8)
    colour[..., 1] = 100
    np.save(tmp_path / "colour.npy", colour)
    sources = expand_inputs([str(tmp_path)])
    gray, _ = read_pool(sources, CONFIG)
    assert set(gray.runs[0].flatten().tolist()) == {59}
    np.save(tmp_path / "colour.npy", colour[..., 1])
    rgb, _ = read_pool(sources, IMFNConfig(4, 4, 3, 16, 2))
    assert rgb.runs[0].shape == (4, 8, 8, 3)


def test_nothing_to_read_is_said() -> None:
    with pytest.raises(InputError, match="no frames to train on"):
        read_pool([], CONFIG)
