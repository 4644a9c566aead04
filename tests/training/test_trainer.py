import csv
import itertools
import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from imfn_cli.errors import InputError, ModelError
from imfn_cli.media import expand_inputs
from imfn_cli.network import IMFN, IMFNConfig
from imfn_cli.reports import Validation
from imfn_cli.training.klt_fit import fit_maps
from imfn_cli.training.pool import Pool
from imfn_cli.training.processes import Processes
from imfn_cli.training.recipe import Recipe
from imfn_cli.training.samples import WINDOW_SAMPLE, sample_windows
from imfn_cli.training.start import starting_network
from imfn_cli.training.trainer import Stage, Trainer
from imfn_cli.training.validation import log_row

CONFIG = IMFNConfig(4, 4, 1, 8, 2)
RECIPE = Recipe(
    train=("unused",),
    widths=(16, 16),
    merge_blocks=1,
    split_blocks=1,
    kernel=3,
    steps=30,
    crop=16,
    evaluate=10,
    warmup=3,
    learning_rate=5e-3,
    average=0.9,
    flips=False,
)


@pytest.fixture(scope="module")
def pool() -> Pool:
    """Edges that move, which no linear map follows: 6 runs of 24 frames, 16×16."""
    y, x = np.mgrid[:16, :16]
    runs = []
    for seed in range(6):
        random = np.random.default_rng(seed)
        phase = np.arange(24)[:, None, None] * random.uniform(0.5, 1.5)
        wave = np.round(127 + 100 * np.tanh(5 * np.sin(x / 2 + y * random.uniform(0.2, 1) + phase)))
        runs.append(wave.astype(np.uint8))
    return Pool([torch.from_numpy(run[..., None]) for run in runs], CONFIG)


@pytest.fixture(scope="module")
def start(pool: Pool, tmp_path_factory: pytest.TempPathFactory) -> IMFN:
    folder = tmp_path_factory.mktemp("waves")
    for index, run in enumerate(pool.runs):
        np.save(folder / f"{index}.npy", run[..., 0].numpy())
    return fit_maps(expand_inputs([str(folder)]), CONFIG, progress=lambda *_: None)[0]


def trainer_of(
    start: IMFN, pool: Pool, folder: Path, recipe: Recipe = RECIPE, limit: float | None = None
) -> Trainer:
    frames = pool.windows(4, 4, 16, np.random.default_rng(0), flips=False).permute(0, 3, 1, 2) / 255
    network = starting_network(start, recipe, lambda: frames)
    return Trainer(network, recipe, pool, pool, folder, torch.device("cpu"), Processes(), limit)


def run(trainer: Trainer) -> tuple[IMFN, list[Validation]]:
    found: list[Validation] = []
    return trainer.run(lambda *_: None, found.append), found


def test_training_starts_at_the_linear_model_and_beats_it(start: IMFN, pool: Pool, tmp_path: Path) -> None:
    recipe = Recipe(**{**vars(RECIPE), "steps": 150, "evaluate": 50, "local_share": 0.3})
    network, found = run(trainer_of(start, pool, tmp_path, recipe))
    frames = torch.cat(pool.runs).permute(0, 3, 1, 2) / 255
    errors = [
        (model.restore(model.compress(frames, 4), 4, 16, 16) - frames).square().mean().item()
        for model in (start, network)
    ]
    assert errors[1] < 0.95 * errors[0]
    assert [evaluation.step for evaluation in found] == [0, 50, 100, 150]
    assert all(found[-1].psnr[ratio] > found[0].psnr[ratio] + 0.3 for ratio in (2, 4))
    assert found[-1].score < found[0].score
    # The maps are those of the start: the student's exact part, and the floor.
    for name, value in start.state_dict().items():
        assert torch.equal(network.state_dict()[name], value)


def test_stages_follow_the_recipe(start: IMFN, pool: Pool, tmp_path: Path) -> None:
    trainer = trainer_of(start, pool, tmp_path, Recipe(**{**vars(RECIPE), "local_share": 0.4, "steps": 10}))
    seen: list[str] = []
    trainer.run(lambda stage, *_: seen.append(stage), lambda _: None)
    assert seen == ["level 1"] * 2 + ["level 2"] * 2 + ["end to end"] * 6


def test_leaves_come_last_with_a_schedule_of_their_own(start: IMFN, pool: Pool, tmp_path: Path) -> None:
    changes = {"local_share": 0.5, "steps": 20, "leaf_width": 8, "leaf_share": 0.4, "warmup": 1}
    trainer = trainer_of(start, pool, tmp_path, Recipe(**{**vars(RECIPE), **changes}))
    seen: list[tuple[str, float]] = []
    trainer.run(lambda name, *_: seen.append((name, trainer.optimiser.param_groups[0]["lr"])), lambda _: None)
    names = ["level 1"] * 3 + ["level 2"] * 3 + ["end to end"] * 6 + ["leaves"] * 8
    assert [name for name, _ in seen] == names
    rates = [rate / trainer.recipe.learning_rate for _, rate in seen]
    # Half of it in the first step, and the start of a cosine in the second; almost none at each end.
    assert rates[0] == rates[12] == 0.5
    assert rates[11] < 0.05
    assert 0.9 < rates[13] < 1
    assert rates[19] < 0.05


@pytest.mark.parametrize("changes", [{}, {"leaf_width": 8, "leaf_share": 0.6}])
def test_a_resumed_run_is_the_uninterrupted_one(
    start: IMFN, pool: Pool, tmp_path: Path, changes: dict[str, Any]
) -> None:
    recipe = Recipe(**{**vars(RECIPE), **changes})
    whole, expected = run(trainer_of(start, pool, tmp_path / "whole", recipe))

    class Killed(Exception):
        pass

    def kill(stage: str, step: int, steps: int) -> None:
        if step == 17:
            raise Killed

    cut = trainer_of(start, pool, tmp_path / "cut", recipe)
    cut.checkpoint_seconds = 0
    with pytest.raises(Killed):
        cut.run(kill, lambda _: None)
    trainer = trainer_of(start, pool, tmp_path / "cut", recipe)
    trainer.resume()
    assert trainer.step == 16
    resumed, found = run(trainer)
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(resumed.state_dict()[name], value)
    assert [e.psnr for e in found] == [pytest.approx(e.psnr) for e in expected if e.step > 16]
    with (tmp_path / "cut/training/log.csv").open() as file:
        steps = [int(row["step"]) for row in csv.DictReader(file)]
    assert steps == [0, 10, 20, 30]


def test_the_best_weights_are_kept(start: IMFN, pool: Pool, tmp_path: Path) -> None:
    """A learning rate that blows up must not be what is returned."""
    recipe = Recipe(
        **{**vars(RECIPE), "learning_rate": 0.9, "clip": 1e6, "warmup": 0, "average": 0.0, "steps": 20}
    )
    network, found = run(trainer_of(start, pool, tmp_path, recipe))
    assert found[-1].score > found[0].score or not math.isfinite(found[-1].score)
    frames = pool.runs[0][:4].permute(0, 3, 1, 2) / 255
    assert torch.equal(network.compress(frames, 4), start.compress(frames, 4))


def test_a_time_limit_ends_the_run(start: IMFN, pool: Pool, tmp_path: Path) -> None:
    recipe = Recipe(**{**vars(RECIPE), "steps": 10**6})
    trainer = trainer_of(start, pool, tmp_path, recipe, limit=200.0)
    trainer.clock = ticking()
    _, found = run(trainer)
    assert 0 < trainer.step < 10**6
    # Validations count, the last one too.
    assert 190 < trainer.seconds <= 200 + 2
    assert found[-1].seconds == trainer.seconds
    # The learning rate is down by then.
    assert trainer.optimiser.param_groups[0]["lr"] < 0.2 * recipe.learning_rate


def test_under_a_limit_validations_are_smaller(start: IMFN, pool: Pool, tmp_path: Path) -> None:
    most = trainer_of(start, pool, tmp_path)._held.windows
    for limit, windows in ((5.0, 1), (40.0, 3), (1000.0, most)):
        trainer = trainer_of(start, pool, tmp_path, Recipe(**{**vars(RECIPE), "steps": 1}), limit=limit)
        trainer.clock = ticking()
        _, found = run(trainer)
        assert trainer._held.windows == windows
        # One step is made, however little time there is.
        assert [evaluation.step for evaluation in found] == [0, 1]
    # A run that goes on compares with the same windows.
    again = trainer_of(start, pool, tmp_path, RECIPE, limit=5.0)
    again.resume()
    assert again._held.windows == most


def ticking() -> Callable[[], float]:
    """A clock that is a second further whenever it is asked."""
    return partial(next, itertools.count(0.0))


def test_damaged_and_missing_checkpoints_are_named(start: IMFN, pool: Pool, tmp_path: Path) -> None:
    trainer = trainer_of(start, pool, tmp_path)
    with pytest.raises(InputError, match="nothing to resume"):
        trainer.resume()
    (tmp_path / "training").mkdir()
    (tmp_path / "training/checkpoint.pt").write_bytes(b"no checkpoint")
    with pytest.raises(InputError, match="not a checkpoint"):
        trainer.resume()


def test_a_learned_model_is_continued_with_its_branches(start: IMFN, pool: Pool, tmp_path: Path) -> None:
    trained, _ = run(trainer_of(start, pool, tmp_path))
    recipe = Recipe(train=("unused",))
    again = starting_network(trained, recipe, lambda: torch.zeros(4, 1, 16, 16))
    assert again.config == trained.config
    for name, value in trained.state_dict().items():
        assert torch.equal(again.state_dict()[name], value)
    with pytest.raises(ModelError, match="another shape"):
        starting_network(trained, Recipe(train=("x",), widths=(8, 8)), lambda: torch.zeros(4, 1, 16, 16))
    with pytest.raises(ModelError, match="no branches"):
        starting_network(start, recipe, lambda: torch.zeros(4, 1, 16, 16))


def test_samples_for_tables_cover_every_level(start: IMFN, pool: Pool) -> None:
    samples = sample_windows(start, pool, replace(WINDOW_SAMPLE, positions=100))
    assert sorted(samples) == [0, 1, 2]
    assert {memory.shape for level in samples.values() for memory in level} == {(8, 4, 4)}
    assert {len(level) for level in samples.values()} == {7}


def test_mixed_batches_hold_as_many_frames_of_any_level(
    start: IMFN, pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = Recipe(
        **{**vars(RECIPE), "mixed": True, "trees": 3, "level_weights": (1.0, 1.0), "local_share": 0.2}
    )
    drawn: list[tuple[int, int]] = []
    windows = Pool.windows

    def seen(self: Pool, count: int, length: int, *args: object, **options: object) -> torch.Tensor:
        drawn.append((count, length))
        return windows(self, count, length, *args, **options)  # type: ignore[arg-type]

    trainer = trainer_of(start, pool, tmp_path, recipe)
    monkeypatch.setattr(Pool, "windows", seen)
    for level in (1, 2, 0, 0, 0, 0, 0, 0):
        trainer._step(Stage("", level, 0))
    assert drawn[:2] == [(6, 2), (3, 4)]
    assert set(drawn[2:]) == {(6, 2), (3, 4)}


def test_levels_without_branches_are_neither_trained_nor_drawn(
    start: IMFN, pool: Pool, tmp_path: Path
) -> None:
    changes = {"mixed": True, "widths": (0, 16), "local_share": 0.5, "steps": 120, "evaluate": 40}
    recipe = Recipe(**{**vars(RECIPE), **changes})
    trainer = trainer_of(start, pool, tmp_path, recipe)
    assert trainer.stage() == ("level 2", 2, 0)
    network, found = run(trainer)
    assert network.sweeper(1).split_branch is None
    assert found[-1].psnr[4] > found[0].psnr[4]
    assert found[-1].psnr[2] == found[0].psnr[2]


def test_a_branch_that_refines_leaves_is_added_and_trained_alone(
    start: IMFN, pool: Pool, tmp_path: Path
) -> None:
    trained, _ = run(trainer_of(start, pool, tmp_path))
    changes: dict[str, Any] = {
        "widths": (),
        "leaf_width": 16,
        "leaf_blocks": 1,
        "leaf_share": 1.0,
        "local_share": 0.0,
    }
    recipe = Recipe(**{**vars(RECIPE), **changes, "qualities": (30, 50), "steps": 150, "evaluate": 50})
    refined, found = run(trainer_of(trained, pool, tmp_path, recipe))
    assert found[0].refined == pytest.approx(0, abs=1e-6)
    assert found[-1].refined is not None
    assert found[-1].refined > 0.05
    assert log_row(found[-1])["refined"] == pytest.approx(found[-1].refined, abs=1e-4)
    # The tree is taken as it is.
    for name, value in trained.state_dict().items():
        assert torch.equal(refined.state_dict()[name], value)
    # Again from there, and not at all.
    rest = Recipe(**{**vars(recipe), "leaf_width": 0, "leaf_share": 0.0, "steps": 5})
    same, found = run(trainer_of(refined, pool, tmp_path, rest))
    assert same.config == refined.config
    assert found[0].refined is not None
    assert torch.equal(
        same.state_dict()["leaf.inverse_branch.enter.weight"],
        refined.state_dict()["leaf.inverse_branch.enter.weight"],
    )
    with pytest.raises(ModelError, match="another shape"):
        starting_network(
            refined, Recipe(**{**vars(recipe), "leaf_width": 8}), lambda: torch.zeros(4, 1, 16, 16)
        )
