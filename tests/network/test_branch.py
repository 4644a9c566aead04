import pytest
import torch

from imfn_cli.network import IMFN, Branch, IMFNConfig, RootCoding, Sweeper

LEARNED = IMFNConfig(4, 4, 1, 16, 3, (24, 24, 32), 1, 2, 3)
REFINED = IMFNConfig(4, 4, 1, 16, 3, (24, 24, 32), 1, 2, 3, leaf_width=20, leaf_blocks=1)
APART = IMFNConfig(4, 4, 1, 16, 3, (8, 8, 8), 1, 1, 1, True)


def frames_of(count: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(count, 1, 9, 14, generator=torch.Generator().manual_seed(seed))


def stirred(config: IMFNConfig, seed: int = 0) -> IMFN:
    """A network whose branches do something: every parameter random."""
    random = torch.Generator().manual_seed(seed)
    network = IMFN(config).requires_grad_(False).eval()
    for name, parameter in network.named_parameters():
        if "_branch" in name:
            parameter.copy_(0.2 * torch.randn(parameter.shape, generator=random))
    return network


@pytest.mark.parametrize("config", [LEARNED, REFINED, APART])
def test_untrained_branches_change_nothing(config: IMFNConfig) -> None:
    learned = IMFN(config).requires_grad_(False).eval()
    linear = IMFN(IMFNConfig(4, 4, 1, 16, 3)).requires_grad_(False).eval()
    learned.load_state_dict(linear.state_dict(), strict=False)
    memories = learned.compress(frames_of(16), 8)
    assert torch.equal(memories, linear.compress(frames_of(16), 8))
    coding = RootCoding(3, 0.1)
    assert torch.equal(
        learned.restore(memories, 8, 9, 14, coding=coding), linear.restore(memories, 8, 9, 14, coding=coding)
    )


@pytest.mark.parametrize("config", [LEARNED, REFINED, APART])
def test_any_batch_gives_the_same(config: IMFNConfig) -> None:
    network = stirred(config)
    frames = frames_of(24)
    memories = network.compress(frames, 8)
    one_by_one = torch.cat([network.compress(part, 8) for part in frames.split(8)])
    torch.testing.assert_close(memories, one_by_one, atol=1e-5, rtol=1e-5)
    coding = RootCoding(3, 0.02)
    whole = network.restore(memories, 8, 9, 14, coding=coding)
    parts = [
        network.restore(part, below, 9, 14, first, last, coding)
        for part, below, first, last in network.descend(memories, 8, 0, 24, 2, coding)
    ]
    torch.testing.assert_close(torch.cat(parts), whole, atol=1e-5, rtol=1e-5)


def test_splits_know_step_and_root() -> None:
    network = stirred(LEARNED)
    memory = torch.randn(1, 16, 2, 2, generator=torch.Generator().manual_seed(1))
    told = [
        network.split(memory, 1, coding)[0] for coding in (RootCoding(1), RootCoding(1, 0.1), RootCoding(3))
    ]
    assert not torch.allclose(told[0], told[1])
    assert not torch.allclose(told[0], told[2])
    assert torch.equal(told[0], network.split(memory, 1)[0])


def test_restoring_tells_every_split_of_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    network = stirred(LEARNED)
    seen: list[tuple[int, RootCoding | None]] = []
    original = IMFN.split

    def noted(self: IMFN, memory: torch.Tensor, level: int, coding: RootCoding | None = None) -> object:
        seen.append((level, coding))
        return original(self, memory, level, coding)

    monkeypatch.setattr(IMFN, "split", noted)
    network.restore(network.compress(frames_of(8), 8), 8, 9, 14)
    assert seen == [(3, RootCoding(3)), (2, RootCoding(3)), (1, RootCoding(3))]


def test_leaves_are_refined_where_memories_were_rounded() -> None:
    network = stirred(REFINED)
    leaf = network.leaf
    leaves = torch.randn(5, 16, 3, 4, generator=torch.Generator().manual_seed(1))
    assert leaf.refine(leaves, RootCoding(2)) is leaves
    coding = RootCoding(2, 0.1)
    refined = leaf.refine(leaves, coding)
    assert refined.shape == leaves.shape
    assert not torch.allclose(refined, leaves)
    # What is added is in steps, and a network told another root or step adds something else.
    branch = leaf.inverse_branch
    assert branch is not None
    added = branch(leaves.permute(0, 2, 3, 1), coding.condition(3)).permute(0, 3, 1, 2)
    torch.testing.assert_close(refined, leaves + 0.1 * added)
    assert not torch.allclose(refined, leaf.refine(leaves, RootCoding(1, 0.1)))
    # Two frames at a time: the same.
    with torch.no_grad():
        torch.testing.assert_close(leaf.refine(leaves, coding, positions=24), refined)
    assert torch.equal(stirred(LEARNED).leaf.refine(leaves, coding), leaves)


def test_restored_frames_are_those_of_refined_leaves() -> None:
    network, coding = stirred(REFINED), RootCoding(2, 0.1)
    memories = network.compress(frames_of(8), 4)
    refined = network.leaf.refine(network.descend_to(0, memories, 2, coding), coding)
    frames = network.restore(memories, 4, 9, 14, 1, 7, coding)
    torch.testing.assert_close(frames, network.leaf.inverse(refined, 9, 14)[1:7])


def test_condition_is_a_number_and_a_unit_vector() -> None:
    assert RootCoding(0).condition(3).tolist() == [[0, 0, 0, 0]]
    vector = RootCoding(2, 1024 / 255).condition(3)
    torch.testing.assert_close(vector, torch.tensor([[1.0, 0, 1, 0]]))
    lowest = RootCoding(2, 1 / 255).condition(3)[0, 0]
    assert 0 < lowest < 0.2


def test_kernel_looks_around_and_one_does_not() -> None:
    for kernel, reach in ((3, 1), (1, 0)):
        torch.manual_seed(0)
        branch = Branch(4, 4, 8, 1, kernel=kernel).requires_grad_(False)
        branch.leave.weight.normal_()
        values = torch.randn(1, 7, 7, 4)
        changed = values.clone()
        changed[0, 3, 3] += 1
        touched = (branch(values) != branch(changed)).any(dim=-1)[0].nonzero() - 3
        assert touched.abs().max() == reach


def test_calibrated_inputs_have_unit_energy() -> None:
    branch = Branch(5, 3, 8, 1, kernel=1)
    deviations = torch.tensor([10.0, 1.0, 0.1, 0.01, 0.0])
    branch.calibrate(deviations, torch.tensor([1.0, 2.0, 3.0]))
    seen = branch.input_scale * deviations
    torch.testing.assert_close(seen.square().mean(), torch.tensor(1.0))
    assert (seen[:-1] >= seen[1:]).all()
    assert torch.isfinite(branch.input_scale).all()
    assert branch.output_scale.tolist() == [1, 2, 3]


def test_interleaved_frames_keep_channels_of_their_own() -> None:
    network = IMFN(APART).requires_grad_(False).eval()
    for level in (1, 2, 3):
        network.sweeper(level).interleave()
    leaves = torch.randn(8, 16, 1, 1, generator=torch.Generator().manual_seed(0))
    memories = leaves
    for level in (1, 2, 3):
        memories = network.merge(memories[0::2], memories[1::2], level)
        by_frame = network.sweeper(level).memories_by_frame(memories.permute(0, 2, 3, 1))
        # Bit-reversed order of time, the first channels of each.
        order = [int(f"{index:0{level}b}"[::-1], 2) for index in range(1 << level)]
        first = leaves[: 1 << level, : 16 >> level, 0, 0][order]
        torch.testing.assert_close(by_frame[: 1 << level, 0, 0], first)


@pytest.mark.parametrize("level", [1, 2, 3])
def test_branches_of_independent_frames_are_shared_and_separate(level: int) -> None:
    network = stirred(APART)
    for above in (1, 2, 3):
        network.sweeper(above).interleave()
    frames = frames_of(1 << level)
    other = frames.clone()
    other[0] = 1 - other[0]
    restored = [
        network.restore(network.compress(given, 1 << level), 1 << level, 9, 14) for given in (frames, other)
    ]
    differs = (restored[0] != restored[1]).flatten(1).any(dim=1)
    assert differs.tolist() == [True] + [False] * ((1 << level) - 1)


def test_pairs_by_frame_match_memories_by_frame() -> None:
    sweeper = IMFN(APART).sweeper(3)
    assert isinstance(sweeper, Sweeper)
    sweeper.interleave()
    pairs = torch.randn(2, 1, 1, 32)
    with torch.no_grad():
        memories = sweeper.memories_by_frame(sweeper.map(pairs))
    torch.testing.assert_close(memories, sweeper.pairs_by_frame(pairs)[..., :2])
