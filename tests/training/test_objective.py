import math

import numpy as np
import pytest
import torch

from imfn_cli.network import IMFN, IMFNConfig
from imfn_cli.training.objective import climb, joint_loss, local_loss, restoration
from imfn_cli.training.rate import RateModel, rounded

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
    memories = climb(learner, frames_of(16), 3)
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
    memories = climb(learner, frames, 2)[2]
    rate = RateModel(3, 16)
    plain, no_bits = restoration(learner, rate, memories, frames, 2, None)
    fine, many = restoration(learner, rate, memories, frames, 2, 80)
    coarse, few = restoration(learner, rate, memories, frames, 2, 20)
    assert no_bits == 0
    assert plain <= fine < coarse
    assert 0 < few < many


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
