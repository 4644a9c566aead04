"""Distillation: the learned update comes nearer to the tree, and its file belongs to one model."""

from pathlib import Path

import numpy as np
import pytest
import torch

from imfn_cli.errors import InputError
from imfn_cli.network import Student, Update
from imfn_cli.reports import DistillRow
from imfn_cli.training.budget import Budget
from imfn_cli.training.distiller import Distiller
from imfn_cli.training.pool import Pool
from imfn_cli.zoo import Model, load
from tests.conftest import make_clip


@pytest.fixture(scope="module")
def distilled(learned_dir: Path) -> tuple[Update | None, list[DistillRow], list[DistillRow]]:
    """An update distilled by root matching for a few steps, and how it did before and after."""
    network = load(str(learned_dir), device="cpu").network
    clips = [torch.from_numpy(make_clip(16, 32, 32, seed=seed)) for seed in range(4)]
    pool, held = Pool(clips[:3], network.config), Pool(clips[3:], network.config)
    distiller = Distiller(
        network, pool, held, steps=40, width=24, blocks=1, frames_per_step=16, crop=32, decoder=0, prefix=0
    )
    update, after = distiller.run()
    distiller.students = {level: Student(network, level) for level in distiller.students}
    return update, distiller.evaluate(), after


def test_distilling_comes_nearer_to_the_tree(
    distilled: tuple[Update | None, list[DistillRow], list[DistillRow]],
) -> None:
    _, before, after = distilled
    assert [row.ratio for row in after] == [2, 4, 8]
    for old, new in zip(before, after, strict=True):
        assert old.distance == pytest.approx(old.distance_linear, rel=1e-5)
        assert new.distance < old.distance
        assert new.psnr_tree == pytest.approx(old.psnr_tree)
        assert new.distance_linear == pytest.approx(old.distance_linear)
    assert sum(row.distance for row in after) < 0.98 * sum(row.distance for row in before)


def test_the_tree_stays_as_it_is(learned: Model) -> None:
    before = {name: value.clone() for name, value in learned.network.state_dict().items()}
    pool = Pool([torch.from_numpy(make_clip(8, 16, 16))], learned.network.config)
    Distiller(learned.network, pool, pool, steps=2, width=8, blocks=1, frames_per_step=4, crop=16).run()
    after = learned.network.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_the_time_limit_ends_it(learned: Model) -> None:
    pool = Pool([torch.from_numpy(make_clip(8, 16, 16))], learned.network.config)
    distiller = Distiller(
        learned.network,
        pool,
        pool,
        steps=10**6,
        budget=Budget(2.0),
        width=8,
        blocks=1,
        frames_per_step=4,
        crop=16,
    )
    distiller.run()
    assert 0 < distiller.steps_done < 10**4


def test_an_update_that_gains_nothing_is_left_out(learned: Model) -> None:
    pool = Pool([torch.from_numpy(make_clip(8, 16, 16))], learned.network.config)
    distiller = Distiller(learned.network, pool, pool, steps=1, width=8, blocks=1, frames_per_step=4, crop=16)
    update, rows = distiller.run()
    assert update is None
    assert all(abs(row.psnr_student - row.psnr_linear) < 0.02 for row in rows)


def test_a_resumed_run_is_the_uninterrupted_one(learned: Model, tmp_path: Path) -> None:
    clips = [torch.from_numpy(make_clip(16, 32, 32, seed=seed)) for seed in range(3)]
    pool, held = Pool(clips[:2], learned.network.config), Pool(clips[2:], learned.network.config)

    def distiller(name: str) -> Distiller:
        return Distiller(
            learned.network, pool, held, steps=20, width=8, blocks=1, frames_per_step=8, crop=16,
            checkpoint=tmp_path / name, checkpoint_seconds=0, about={"steps": 20},
        )  # fmt: skip

    whole = distiller("whole")
    _, expected = whole.run()

    class Killed(Exception):
        pass

    def kill(stage: str, step: int, steps: int) -> None:
        if step == 13:
            raise Killed

    with pytest.raises(Killed):
        distiller("cut").run(kill)
    resumed = distiller("cut")
    steps: list[int] = []
    _, found = resumed.run(lambda _, step, __: steps.append(step), resume=True)
    assert steps == list(range(13, 21))
    assert found == expected
    for name, value in whole.update.state_dict().items():
        assert torch.equal(resumed.update.state_dict()[name], value)
    with pytest.raises(InputError, match="nothing to resume"):
        distiller("other").run(resume=True)


def test_windows_are_walked_side_by_side(tiny_model: Model) -> None:
    """The walk over many windows gives what each gives alone."""
    frames = np.concatenate([make_clip(4, 16, 16, seed=seed) for seed in (0, 1)])
    values = torch.from_numpy(frames).permute(0, 3, 1, 2) / 255
    pool = Pool([torch.from_numpy(frames)], tiny_model.network.config)
    student = Student(tiny_model.network, 2)
    both = Distiller(tiny_model.network, pool, pool)._walk(student, values, 4)
    alone = torch.cat([student.compress(values[:4]), student.compress(values[4:])])
    torch.testing.assert_close(both, alone, atol=1e-6, rtol=0)
