import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from imfn_cli.network import (
    IMFN,
    FoldedTree,
    IMFNConfig,
    Student,
    StudentStream,
    Update,
    fold,
    forest_levels,
)

from .conftest import fitted


@pytest.fixture(scope="module")
def tall() -> IMFN:
    """2×2 RGB patches, 6 of 12 numbers kept, every ratio that shipped models have: 1 to 64."""
    return fitted(IMFNConfig(2, 2, 3, 6, 6), seed=2)


@pytest.fixture(scope="module")
def learned() -> IMFN:
    """4×4 gray patches with branches that do something, ratios 1 to 8."""
    config = IMFNConfig(4, 4, 1, 16, 3, widths=(8, 8, 8), kernel=3)
    network = IMFN(config).requires_grad_(False).eval()
    linear = fitted(IMFNConfig(4, 4, 1, 16, 3), seed=3)
    network.load_state_dict(linear.state_dict(), strict=False)
    torch.manual_seed(0)
    for level in (1, 2, 3):
        branch = network.sweeper(level).merge_branch
        assert branch is not None
        branch.leave.weight.normal_(0, 0.3)
    return network


def frames_of(count: int, channels: int, height: int, width: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(count, channels, height, width, generator=torch.Generator().manual_seed(seed))


# -- the linear part is the tree -------------------------------------------------------------------------


@pytest.mark.parametrize("level", range(7))
def test_an_untrained_student_is_the_tree(tall: IMFN, level: int) -> None:
    frames = frames_of(1 << level, 3, 5, 7, level)
    memory = Student(tall, level).compress(frames)
    root = tall.compress(frames, 1 << level)
    assert memory.shape == root.shape
    torch.testing.assert_close(memory, root, atol=1e-5, rtol=0)


@settings(max_examples=25, deadline=None)
@given(data=st.data(), level=st.integers(0, 4), height=st.integers(1, 9), width=st.integers(1, 9))
def test_a_prefix_is_a_tree_whose_missing_leaves_are_the_mean(
    network: IMFN, data: st.DataObject, level: int, height: int, width: int
) -> None:
    seen = data.draw(st.integers(0, 1 << level))
    frames = frames_of(1 << level, 1, height, width)
    student = Student(network, level)
    memory = student.reset(height, width) if not seen else student.compress(frames[:seen])
    # What the zero memory restores to stands where nothing was seen.
    h, w = network.config.grid(height, width)
    nothing = network.restore(torch.zeros(1, 16, h, w), 1 << level, 4 * h, 4 * w)
    filled = torch.nn.functional.pad(frames, (0, 4 * w - width, 0, 4 * h - height), mode="replicate")
    filled = torch.cat((filled[:seen], nothing[seen:]))
    torch.testing.assert_close(memory, network.compress(filled, 1 << level), atol=1e-5, rtol=0)


def test_many_sequences_at_once(network: IMFN) -> None:
    student = Student(network, 3)
    frames = frames_of(24, 1, 6, 9).unflatten(0, (3, 8))
    memory = student.reset(6, 9, batch=3)
    for t in range(8):
        memory = student.step(memory, frames[:, t], t)
    alone = torch.cat([student.compress(one) for one in frames])
    torch.testing.assert_close(memory, alone, atol=1e-6, rtol=0)


def test_t_may_be_a_tensor(network: IMFN) -> None:
    student, frame = Student(network, 2), frames_of(1, 1, 4, 4)
    memory = student.reset(4, 4)
    assert torch.equal(student.step(memory, frame, 3), student.step(memory, frame, torch.tensor(3)))


@pytest.mark.parametrize("t", [-1, 4, 100])
def test_frames_outside_the_window_are_refused(network: IMFN, t: int) -> None:
    student = Student(network, 2)
    with pytest.raises(ValueError, match=f"frame {t} of a window of 4"):
        student.step(student.reset(4, 4), frames_of(1, 1, 4, 4), t)


def test_folding_is_what_the_folded_tree_uses(narrow: IMFN) -> None:
    folded = fold(narrow, 2)
    assert folded.merge.shape == (4, 20, 45)
    # Rows of the whole map are orthonormal, so that its inverse is its transpose.
    rows = folded.merge.permute(1, 0, 2).flatten(1)
    torch.testing.assert_close(rows @ rows.T, torch.eye(20, dtype=torch.float64), atol=1e-5, rtol=0)
    pixels = (255 * frames_of(4, 3, 5, 6)).to(torch.uint8).permute(0, 2, 3, 1).contiguous()
    memory = Student(narrow, 2).compress(pixels.permute(0, 3, 1, 2) / 255)
    torch.testing.assert_close(FoldedTree(narrow, 2).compress(pixels), memory, atol=1e-5, rtol=0)


# -- the learned part ------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [1, 2, 3])
def test_an_untrained_update_adds_nothing(learned: IMFN, level: int) -> None:
    frames = frames_of(1 << level, 1, 9, 8)
    plain = Student(learned, level).compress(frames)
    update = Update(learned.config, 8, 1)
    assert torch.equal(Student(learned, level, update).compress(frames), plain)
    # The tree of the linear parts alone, not the tree.
    linear = IMFN(IMFNConfig(4, 4, 1, 16, 3)).requires_grad_(False)
    linear.load_state_dict(learned.state_dict(), strict=False)
    torch.testing.assert_close(plain, linear.compress(frames, 1 << level), atol=1e-5, rtol=0)
    assert not torch.allclose(plain, learned.compress(frames, 1 << level), atol=1e-3)


@pytest.mark.parametrize("level", range(4))
def test_the_student_of_independent_frames_is_the_tree(level: int) -> None:
    """Branches and all: nothing to distil."""
    config = IMFNConfig(4, 4, 1, 16, 3, widths=(8, 8, 8), kernel=1, independent=True)
    network = IMFN(config).requires_grad_(False).eval()
    torch.manual_seed(4)
    for value in network.state_dict().values():
        if value.is_floating_point() and value.ndim <= 2:
            value.add_(torch.randn_like(value) * 0.1)
    for above in (1, 2, 3):
        network.sweeper(above).interleave()
    frames = frames_of(1 << level, 1, 9, 8)
    assert Student.is_exact(config)
    memory = Student(network, level).compress(frames)
    torch.testing.assert_close(memory, network.compress(frames, 1 << level), atol=1e-5, rtol=0)


def test_a_student_is_exact_up_to_the_first_level_with_branches() -> None:
    config = IMFNConfig(4, 4, 1, 16, 3, widths=(0, 0, 8), kernel=3)
    network = IMFN(config).requires_grad_(False).eval()
    for branch in network.branches(3):
        torch.nn.init.normal_(branch.leave.weight)
    assert [Student.is_exact(config, level) for level in range(4)] == [True, True, True, False]
    assert not Student.is_exact(config)
    frames = frames_of(8, 1, 9, 8)
    for level in range(4):
        memories = torch.cat([Student(network, level).compress(part) for part in frames.split(1 << level)])
        same = torch.allclose(memories, network.compress(frames, 1 << level), atol=1e-5)
        assert same == Student.is_exact(config, level)


def test_an_update_gets_gradients_through_every_step(learned: IMFN) -> None:
    update = Update(learned.config, 8, 1)
    torch.nn.init.normal_(update.branch.leave.weight)
    student = Student(learned, 2, update)
    student.compress(frames_of(4, 1, 8, 8)).square().mean().backward()
    assert all(value.grad is not None for value in update.parameters())
    assert all(not value.requires_grad for value in learned.parameters())


def test_every_frame_of_every_ratio_has_a_condition_of_its_own() -> None:
    rows = torch.cat([Update.conditions(level, 4) for level in range(1, 5)])
    assert rows.shape == (2 + 4 + 8 + 16, 9)
    assert len(rows.unique(dim=0)) == len(rows)
    assert rows.abs().max() <= 1


# -- an endless sequence ---------------------------------------------------------------------------------


@given(count=st.integers(0, 40))
@settings(max_examples=20, deadline=None)
def test_a_stream_gives_a_forest(network: IMFN, count: int) -> None:
    stream = StudentStream(Student(network, 3), network)
    frames = frames_of(count, 1, 6, 5)
    nodes = [(3, root) for frame in frames if (root := stream.push(frame[None])) is not None]
    for index, (_, root) in enumerate(nodes):
        wanted = network.compress(frames[8 * index : 8 * index + 8], 8)
        torch.testing.assert_close(root, wanted, atol=1e-5, rtol=0)
    tail = stream.flush()
    assert [level for level, _ in nodes + tail] == forest_levels(count, 3)
    assert stream.flush() == []
    assert stream.memory is None


def test_the_tail_of_a_still_picture_is_exact(network: IMFN) -> None:
    """The last frame stands in for those that never came."""
    picture = frames_of(1, 1, 4, 4)
    stream = StudentStream(Student(network, 2), network)
    for _ in range(3):
        assert stream.push(picture) is None
    whole = network.restore(network.compress(picture.expand(4, -1, -1, -1), 4), 4, 4, 4)
    restored = [network.restore(memory, 1 << level, 4, 4) for level, memory in stream.flush()]
    torch.testing.assert_close(torch.cat(restored), whole[:3], atol=1e-5, rtol=0)
