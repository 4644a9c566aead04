import pytest
import torch

from imfn_cli.errors import RatioError
from imfn_cli.evaluation.float_psnr import float_rows
from imfn_cli.media import Source
from imfn_cli.network import IMFN, RootCoding
from imfn_cli.studies.factorisation.comparison import Contender
from imfn_cli.studies.factorisation.one_step import OneStepNetwork, start_at_linear
from imfn_cli.training.target import leaf_target

WIDTHS = (0, 5, 7)


@pytest.fixture
def one_step(tree: IMFN, frames: torch.Tensor) -> OneStepNetwork:
    return start_at_linear(tree, WIDTHS, frames, seed=0).eval()


def trained(one_step: OneStepNetwork) -> OneStepNetwork:
    """Branches that do something."""
    torch.manual_seed(1)
    for level in (2, 3):
        for branch in one_step.branches(level):
            torch.nn.init.normal_(branch.leave.weight, std=0.3)
    return one_step


def test_untrained_it_is_the_linear_tree_at_every_ratio(
    one_step: OneStepNetwork, tree: IMFN, held_out: list[Source]
) -> None:
    wanted = float_rows(Contender("linear", tree.linear_part()), held_out)
    found = float_rows(Contender("one step", one_step), held_out)
    assert [(row.clip, row.ratio, row.frames) for row in found] == [
        (row.clip, row.ratio, row.frames) for row in wanted
    ]
    assert {row.ratio for row in found} == {1, 2, 4, 8}
    assert [row.psnr for row in found] == pytest.approx([row.psnr for row in wanted], abs=1e-4)
    assert [row.mse for row in found] == pytest.approx([row.mse for row in wanted], rel=1e-4)


def test_untrained_memories_are_those_of_the_linear_tree(
    one_step: OneStepNetwork, tree: IMFN, frames: torch.Tensor
) -> None:
    for found, wanted in zip(one_step.climb(frames, 3), tree.linear_part().climb(frames, 3), strict=True):
        torch.testing.assert_close(found, wanted, atol=1e-5, rtol=0)


def test_a_memory_depends_on_all_of_its_frames_and_no_others(
    one_step: OneStepNetwork, frames: torch.Tensor
) -> None:
    trained(one_step)
    before = one_step.climb(frames, 3)[3]
    for frame in range(16):
        changed = frames.clone()
        changed[frame] = 1 - changed[frame]
        differs = (one_step.climb(changed, 3)[3] - before).abs().amax(dim=(1, 2, 3)) > 1e-3
        assert differs.tolist() == [frame < 8, frame >= 8]


def test_frames_that_fill_no_window_are_left_out(one_step: OneStepNetwork, frames: torch.Tensor) -> None:
    trained(one_step)
    memories = one_step.climb(frames[:7], 3)
    assert [len(level) for level in memories] == [7, 3, 1, 0]
    torch.testing.assert_close(memories[2], one_step.climb(frames[:4], 2)[2])


def test_restores_parts_of_what_it_restores(one_step: OneStepNetwork, frames: torch.Tensor) -> None:
    trained(one_step)
    memories = one_step.climb(frames, 3)[3]
    whole = one_step.restore(memories, 8, 16, 24)
    assert whole.shape == frames.shape
    assert torch.equal(one_step.restore(memories, 8, 16, 24, 3, 11), whole[3:11])
    told = one_step.restore(memories, 8, 16, 24, coding=RootCoding(3))
    assert torch.equal(told, whole)


def test_errors_of_leaves_are_errors_of_frames(one_step: OneStepNetwork, frames: torch.Tensor) -> None:
    """What training measures without the pixels is what the pixels say."""
    trained(one_step)
    memories = one_step.climb(frames, 2)[2]
    target = leaf_target(one_step, frames)
    error = (one_step.restore(memories, 4, 16, 24) - frames).square().sum()
    torch.testing.assert_close(target.error(memories, 2, RootCoding(2)), error, rtol=1e-4, atol=0)


def test_nothing_lies_between(one_step: OneStepNetwork, frames: torch.Tensor) -> None:
    memories = one_step.climb(frames, 3)[3]
    assert torch.equal(one_step.descend_to(3, memories, 3), memories)
    assert one_step.descend_to(0, memories, 3).shape == one_step.leaf(frames).shape
    with pytest.raises(ValueError, match="no level 1"):
        one_step.descend_to(1, memories, 3)


def test_wrong_ratios_and_frames_are_named(one_step: OneStepNetwork, frames: torch.Tensor) -> None:
    memories = one_step.climb(frames, 3)[3]
    with pytest.raises(RatioError, match="nearest: 2 or 4"):
        one_step.restore(memories, 3, 16, 24)
    with pytest.raises(ValueError, match="frames 0:17 of 16"):
        one_step.restore(memories, 8, 16, 24, 0, 17)


def test_only_branches_are_trained(one_step: OneStepNetwork) -> None:
    trainable = {name for name, p in one_step.named_parameters() if p.requires_grad}
    assert trainable
    assert all("_branch." in name for name in trainable)
    assert {name.split(".")[1] for name in trainable} == {"1", "2"}


def test_the_seed_decides_the_branches(tree: IMFN, frames: torch.Tensor) -> None:
    weights = [
        [branch.enter.weight for branch in start_at_linear(tree, WIDTHS, frames, seed).branches(3)]
        for seed in (0, 0, 1)
    ]
    assert all(torch.equal(a, b) for a, b in zip(weights[0], weights[1], strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(weights[0], weights[2], strict=True))
