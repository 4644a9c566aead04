"""Branches of a tree of vectors, and the student: training, and going on where it was."""

from pathlib import Path
from typing import Any

import pytest
import torch

from imfn_cli.network import IMFN, Update
from imfn_cli.studies.language.measure import restored
from imfn_cli.studies.language.states import States
from imfn_cli.studies.language.student import StudentCompressor, StudentPlan, distil_student
from imfn_cli.studies.language.train_tree import TrainedTree, TreePlan, train_tree
from imfn_cli.studies.vectors.compressors import Compressor, TreeCompressor
from imfn_cli.studies.vectors.fit import fit_vectors

from ..conftest import in_steps

PLAN = TreePlan(minutes=0.25, local_share=0.6, vectors=128, width=16, learning_rate=1e-2)


def waves(seed: int) -> States:
    """Vectors that two numbers describe, a phase and a rate, but no linear map of few numbers."""
    random = torch.Generator().manual_seed(seed)
    phase, rate = torch.rand(2, 64, 1, 1, generator=random)
    angles = (6 * phase + (0.5 + rate) * torch.arange(32)[:, None]) * torch.arange(1, 5)
    vectors = 0.3 * torch.cat((angles.sin(), angles.cos()), dim=-1)
    return States(torch.zeros(64, 33, dtype=torch.int64), vectors, 1.0, "waves")


@pytest.fixture(scope="module")
def train_states() -> States:
    return waves(0)


@pytest.fixture(scope="module")
def held_states() -> States:
    return waves(1)


@pytest.fixture(scope="module")
def linear(train_states: States) -> IMFN:
    return fit_vectors(train_states.flat, 3)


@pytest.fixture(scope="module")
def tree(linear: IMFN, train_states: States) -> TrainedTree:
    return train_tree(linear, PLAN, train_states, clock=in_steps())


def error(compressor: Compressor, states: States, ratio: int) -> float:
    return float((restored(compressor, states.vectors, ratio) - states.vectors).square().mean())


def test_branches_help(linear: IMFN, tree: TrainedTree, held_states: States) -> None:
    networks = linear, tree.by_level, tree.network
    for ratio in (4, 8):
        closed, by_level, whole = (error(TreeCompressor(each, ""), held_states, ratio) for each in networks)
        assert by_level < closed
        assert whole < 0.95 * closed
    assert (tree.by_level_steps, tree.steps) == (72, 120)
    assert tree.by_level_seconds == pytest.approx(9)
    # The maps in closed form stay.
    assert tree.network.sweeper(1).map.weight.equal(linear.sweeper(1).map.weight)


def test_goes_on_where_it_was_stopped(
    linear: IMFN, tree: TrainedTree, train_states: States, tmp_path: Path
) -> None:
    def trained(**options: Any) -> TrainedTree:
        return train_tree(linear, PLAN, train_states, cache=tmp_path, clock=in_steps(), **options)

    for seconds in (5, 12):

        def stop(what: str, done: int, total: int, seconds: int = seconds) -> None:
            if done >= seconds:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            trained(progress=stop, checkpoint_seconds=2.0)
    resumed = trained()
    for mine, theirs in ((resumed.network, tree.network), (resumed.by_level, tree.by_level)):
        for name, value in mine.state_dict().items():
            assert value.equal(theirs.state_dict()[name])
    calls: list[tuple[Any, ...]] = []
    assert trained(progress=lambda *done: calls.append(done)).steps == 120
    assert not calls


def test_the_student_of_a_linear_tree_is_the_tree(linear: IMFN, held_states: States) -> None:
    tree, student = TreeCompressor(linear, ""), StudentCompressor(linear, None)
    windows = held_states.vectors.reshape(-1, 8, 8)
    assert torch.allclose(student.compress(windows), tree.compress(windows), atol=1e-4)
    assert student.parameters_count == tree.parameters_count


def test_the_student_comes_nearer_to_the_tree(
    tree: TrainedTree,
    train_states: States,
    held_states: States,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Whether it is worth its time is not what is asked here.
    monkeypatch.setattr("imfn_cli.training.distiller._WORTH", -100)
    learning, choosing = train_states.split(16)
    plan = StudentPlan(minutes=0.2, vectors=128, width=16, blocks=1)

    def distilled(**options: Any) -> Update | None:
        return distil_student(
            tree.network, plan, learning, choosing, key="tree", cache=tmp_path, clock=in_steps(), **options
        )

    update = distilled()
    assert update is not None
    learned = StudentCompressor(tree.network, update)
    plain = StudentCompressor(tree.network, None)
    windows = held_states.vectors.reshape(-1, 8, 8)
    wanted = TreeCompressor(tree.network, "").compress(windows)
    near, far = ((each.compress(windows) - wanted).square().mean() for each in (learned, plain))
    assert near < far
    assert learned.parameters_count > plain.parameters_count
    # Again: it is taken as it is.
    calls: list[tuple[Any, ...]] = []
    again = distilled(progress=lambda *done: calls.append(done))
    assert not calls
    assert again is not None
    for mine, theirs in zip(again.parameters(), update.parameters(), strict=True):
        assert mine.equal(theirs)
