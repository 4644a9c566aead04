import pytest
import torch

from imfn_cli.errors import RatioError
from imfn_cli.evaluation.float_psnr import float_rows
from imfn_cli.media import Source
from imfn_cli.network import IMFN, RootCoding
from imfn_cli.studies.factorisation.study import Contender
from imfn_cli.studies.factorisation.unfactorised import Unfactorised, start_at_linear
from imfn_cli.training.target import leaf_target

WIDTHS = (0, 5, 7)


@pytest.fixture
def rival(tree: IMFN, frames: torch.Tensor) -> Unfactorised:
    return start_at_linear(tree, WIDTHS, frames, seed=0).eval()


def trained(rival: Unfactorised) -> Unfactorised:
    """Branches that do something."""
    torch.manual_seed(1)
    for level in (2, 3):
        for branch in rival.branches(level):
            torch.nn.init.normal_(branch.leave.weight, std=0.3)
    return rival


def test_untrained_it_is_the_linear_tree_at_every_ratio(
    rival: Unfactorised, tree: IMFN, held_out: list[Source]
) -> None:
    wanted = float_rows(Contender("linear", tree.linear_part()), held_out)
    found = float_rows(Contender("rival", rival), held_out)
    assert [(row.clip, row.ratio, row.frames) for row in found] == [
        (row.clip, row.ratio, row.frames) for row in wanted
    ]
    assert {row.ratio for row in found} == {1, 2, 4, 8}
    assert [row.psnr for row in found] == pytest.approx([row.psnr for row in wanted], abs=1e-4)
    assert [row.mse for row in found] == pytest.approx([row.mse for row in wanted], rel=1e-4)


def test_untrained_memories_are_those_of_the_linear_tree(
    rival: Unfactorised, tree: IMFN, frames: torch.Tensor
) -> None:
    for found, wanted in zip(rival.climb(frames, 3), tree.linear_part().climb(frames, 3), strict=True):
        torch.testing.assert_close(found, wanted, atol=1e-5, rtol=0)


def test_a_memory_depends_on_all_of_its_frames_and_no_others(
    rival: Unfactorised, frames: torch.Tensor
) -> None:
    trained(rival)
    before = rival.climb(frames, 3)[3]
    for frame in range(16):
        changed = frames.clone()
        changed[frame] = 1 - changed[frame]
        differs = (rival.climb(changed, 3)[3] - before).abs().amax(dim=(1, 2, 3)) > 1e-3
        assert differs.tolist() == [frame < 8, frame >= 8]


def test_frames_that_fill_no_window_are_left_out(rival: Unfactorised, frames: torch.Tensor) -> None:
    trained(rival)
    memories = rival.climb(frames[:7], 3)
    assert [len(level) for level in memories] == [7, 3, 1, 0]
    torch.testing.assert_close(memories[2], rival.climb(frames[:4], 2)[2])


def test_restores_parts_of_what_it_restores(rival: Unfactorised, frames: torch.Tensor) -> None:
    trained(rival)
    memories = rival.climb(frames, 3)[3]
    whole = rival.restore(memories, 8, 16, 24)
    assert whole.shape == frames.shape
    assert torch.equal(rival.restore(memories, 8, 16, 24, 3, 11), whole[3:11])
    told = rival.restore(memories, 8, 16, 24, coding=RootCoding(3))
    assert torch.equal(told, whole)


def test_errors_of_leaves_are_errors_of_frames(rival: Unfactorised, frames: torch.Tensor) -> None:
    """What training measures without the pixels is what the pixels say."""
    trained(rival)
    memories = rival.climb(frames, 2)[2]
    target = leaf_target(rival, frames)
    error = (rival.restore(memories, 4, 16, 24) - frames).square().sum()
    torch.testing.assert_close(target.error(memories, 2, RootCoding(2)), error, rtol=1e-4, atol=0)


def test_nothing_lies_between(rival: Unfactorised, frames: torch.Tensor) -> None:
    memories = rival.climb(frames, 3)[3]
    assert torch.equal(rival.descend_to(3, memories, 3), memories)
    assert rival.descend_to(0, memories, 3).shape == rival.leaf(frames).shape
    with pytest.raises(ValueError, match="no level 1"):
        rival.descend_to(1, memories, 3)


def test_wrong_ratios_and_frames_are_named(rival: Unfactorised, frames: torch.Tensor) -> None:
    memories = rival.climb(frames, 3)[3]
    with pytest.raises(RatioError, match="nearest: 2 or 4"):
        rival.restore(memories, 3, 16, 24)
    with pytest.raises(ValueError, match="frames 0:17 of 16"):
        rival.restore(memories, 8, 16, 24, 0, 17)


def test_only_branches_are_trained(rival: Unfactorised) -> None:
    trainable = {name for name, p in rival.named_parameters() if p.requires_grad}
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
