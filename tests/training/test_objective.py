import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from imfn_cli.bitstream.quantiser import step_of_quality
from imfn_cli.network import IMFN, IMFNConfig, RootCoding
from imfn_cli.training.objective import (
    joint_loss,
    local_loss,
    memories_and_targets,
    refining_loss,
    restoration,
    rounded_leaves,
)
from imfn_cli.training.rate import RateModel, rounded
from imfn_cli.training.target import leaf_target, tree_targets

CONFIG = IMFNConfig(4, 4, 1, 16, 3, (12, 12, 12), 1, 1, 3)


@pytest.fixture
def learner() -> IMFN:
    torch.manual_seed(0)
    network = IMFN(CONFIG)
    for name, parameter in network.named_parameters():
        parameter.requires_grad_("_branch" in name)
    return network


def frames_of(count: int) -> torch.Tensor:
    return torch.rand(count, 1, 12, 8, generator=torch.Generator().manual_seed(0))


def trained_levels(network: IMFN) -> set[int]:
    return {
        level
        for level in (1, 2, 3)
        if any(p.grad is not None and p.grad.abs().sum() > 0 for p in network.sweeper(level).parameters())
    }


def test_climb_is_compress(learner: IMFN) -> None:
    memories = learner.climb(frames_of(16), 3)
    assert [len(level) for level in memories] == [16, 8, 4, 2]
    torch.testing.assert_close(memories[3], learner.compress(frames_of(16), 8))


@pytest.mark.parametrize("level", [1, 2, 3])
def test_local_loss_trains_one_level(learner: IMFN, level: int) -> None:
    local_loss(learner, frames_of(16), level).backward()
    assert trained_levels(learner) == {level}


def test_local_loss_is_the_log_of_the_pairs_error(learner: IMFN) -> None:
    pairs = learner.leaf(frames_of(8))
    restored = learner.split(learner.merge(pairs[0::2], pairs[1::2], 1), 1)
    mse = (
        sum((a - b).square().mean().item() for a, b in zip(restored, (pairs[0::2], pairs[1::2]), strict=True))
        / 2
    )
    assert local_loss(learner, frames_of(8), 1).item() == pytest.approx(math.log(mse), abs=1e-3)


def joint(network: IMFN, weights: tuple[float, ...], float_share: float = 0.5) -> torch.Tensor:
    rate = RateModel(3, 16)
    return joint_loss(
        network,
        rate,
        frames_of(16),
        np.random.default_rng(0),
        level=3,
        decode=1.0,
        float_share=float_share,
        qualities=(30, 60),
        weights=weights,
    )


def test_joint_loss_trains_all_levels_below_its_root(learner: IMFN) -> None:
    joint(learner, (1, 1, 1)).backward()
    assert trained_levels(learner) == {1, 2, 3}
    learner.zero_grad(set_to_none=True)
    joint(learner, (1, 1, 0)).backward()
    assert trained_levels(learner) == {1, 2}


def test_floats_cost_no_bits_and_steps_do(learner: IMFN) -> None:
    frames = frames_of(16)
    memories = learner.climb(frames, 2)[2]
    target = leaf_target(learner, frames)
    rate = RateModel(3, 16)
    plain, no_bits = restoration(rate, memories, target, 2, None)
    fine, many = restoration(rate, memories, target, 2, 80)
    coarse, few = restoration(rate, memories, target, 2, 20)
    assert no_bits == 0
    assert plain <= fine < coarse
    assert 0 < few < many


@pytest.mark.parametrize(("channels", "widths"), [(16, (12, 12, 12)), (9, (0, 0, 12)), (16, (0, 12, 12))])
@pytest.mark.parametrize("quality", [None, 30])
def test_errors_of_memories_are_errors_of_frames(
    channels: int, widths: tuple[int, ...], quality: int | None
) -> None:
    """What training measures without walking down to the pixels is what the pixels say."""
    torch.manual_seed(1)
    network = IMFN(IMFNConfig(4, 4, 1, channels, 3, widths, 1, 1, 3))
    for parameter in network.parameters():
        if parameter.requires_grad and parameter.ndim == 2 and not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1)
    frames, rate = frames_of(16), RateModel(3, channels)
    memories, targets = memories_and_targets(network, frames, 3)
    assert len(targets) == 1 + network.config.linear_levels
    chosen = torch.tensor([1])
    step = 0.0 if quality is None else step_of_quality(quality)
    root = memories[3][chosen]
    stored = (root / step).round() * step if step else root
    restored = network.restore(stored, 8, 12, 8, coding=RootCoding(3, step))
    wanted = (restored - frames[8:]).square().mean()
    for target in targets:
        found, _ = restoration(rate, root, target.chosen(3, chosen), 3, quality)
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-6)


def test_levels_without_branches_cost_no_training() -> None:
    network = IMFN(replace(CONFIG, widths=(0, 12, 12)))
    assert tree_targets(network, frames_of(16))[1].lost.shape == (8,)
    assert network.sweeper(1).split_branch is None
    joint(network, (1, 1, 1)).backward()
    assert network.sweeper(2).split_branch is not None
    assert network.leaf.map.weight.grad is None


def test_estimated_bits_follow_the_entropy() -> None:
    """On Laplace noise of known scale a fitted model comes within a tenth of the true entropy."""
    torch.manual_seed(0)
    scale = 3.0
    symbols = torch.distributions.Laplace(0, scale).sample((4, 8, 20, 20))
    edges = torch.arange(-200, 201).float()
    laplace = torch.distributions.Laplace(0, scale)
    mass = laplace.cdf(edges + 0.5) - laplace.cdf(edges - 0.5)
    entropy = float(-(mass * mass.clamp_min(1e-30).log2()).sum()) * symbols.numel()
    rate = RateModel(1, 8)
    optimiser = torch.optim.Adam(rate.parameters(), lr=0.05)
    for _ in range(150):
        optimiser.zero_grad()
        bits = rate(symbols.round(), 1)
        (bits / symbols.numel()).backward()
        optimiser.step()
    assert 0.95 * entropy < bits.item() < 1.1 * entropy


@pytest.mark.parametrize("size", [0.0, 0.1, 0.5, 0.50001, 1.0, 30.0, 1e6])
def test_bits_and_their_gradient_are_finite(size: float) -> None:
    symbols = torch.full((1, 8, 3, 3), size, requires_grad=True)
    rate = RateModel(1, 8)
    bits = rate(symbols, 0)
    bits.backward()
    assert torch.isfinite(bits)
    assert bits >= 0
    assert symbols.grad is not None
    assert torch.isfinite(symbols.grad).all()
    assert rate.weights.grad is not None
    assert torch.isfinite(rate.weights.grad).all()


def test_rounding_passes_gradients() -> None:
    values = torch.tensor([0.4, 0.6, -1.7], requires_grad=True)
    out = rounded(values)
    assert out.tolist() == [0, 1, -2]
    out.sum().backward()
    assert values.grad is not None
    assert values.grad.tolist() == [1, 1, 1]


def test_rounded_leaves_are_what_a_latent_gives_back(learner: IMFN) -> None:
    frames = frames_of(8)
    leaves, target, stored = rounded_leaves(learner, frames, 2, 60)
    assert stored == RootCoding(2, step_of_quality(60))
    torch.testing.assert_close(target, learner.leaf(frames))
    memories = (learner.compress(frames, 4) / stored.step).round() * stored.step
    torch.testing.assert_close(
        learner.leaf.inverse(leaves, 12, 8), learner.restore(memories, 4, 12, 8, coding=stored)
    )


@pytest.mark.parametrize("level", [0, 3])
def test_refining_loss_trains_the_leaf_alone(level: int) -> None:
    network = IMFN(replace(CONFIG, leaf_width=8))
    refining_loss(network, frames_of(8), np.random.default_rng(0), level=level, qualities=(20, 40)).backward()
    branch = network.leaf.inverse_branch
    assert branch is not None
    assert branch.leave.weight.grad is not None
    assert branch.leave.weight.grad.abs().sum() > 0
    assert not trained_levels(network)
    assert network.leaf.map.weight.grad is None or not network.leaf.map.weight.grad.any()
