import pytest
import torch

from imfn_cli.network import IMFN, IMFNConfig
from imfn_cli.network.fading_memory import FadingMemory, allocation

from .conftest import fitted


@pytest.fixture(scope="module")
def network() -> IMFN:
    """4×4 gray patches, ratios 1 to 16, a mean that is not zero."""
    return fitted(IMFNConfig(4, 4, 1, 16, 4), seed=5)


def walk(memory: FadingMemory, frames: torch.Tensor) -> torch.Tensor:
    state = memory.reset(*frames.shape[2:])
    for frame in frames:
        state = memory.step(state, frame[None])
    return state


def test_the_recursion_has_orthonormal_rows(network: IMFN) -> None:
    memory = FadingMemory(network, 20)
    both = torch.cat((memory._a, memory._b), dim=1)
    torch.testing.assert_close(both @ both.T, torch.eye(16, dtype=torch.float64), atol=1e-12, rtol=0)
    assert torch.linalg.eigvals(memory._a).abs().max() < 1


def test_all_numbers_are_given_out(network: IMFN) -> None:
    functions = allocation(network)
    assert functions.sum() == 16
    assert functions.min() >= 0


def test_the_memory_is_the_projection_of_the_whole_past(network: IMFN) -> None:
    """The recursion against the functions of age themselves, weighted and summed."""
    memory = FadingMemory(network, 8)
    frames = torch.rand(40, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    leaves = network.leaf(frames)[:, :, 0, 0].double()
    wanted = torch.zeros(16, dtype=torch.float64)
    reading = memory._b
    for age, leaf in enumerate(leaves.flip(0)):
        wanted += 2.0 ** (-age / 16) * (reading @ leaf)
        reading = memory._a @ reading
    torch.testing.assert_close(walk(memory, frames)[0, :, 0, 0].double(), wanted, atol=1e-5, rtol=0)


def test_restoring_is_weighted_least_squares(network: IMFN) -> None:
    memory = FadingMemory(network, 8)
    frames = torch.rand(30, 1, 4, 4, generator=torch.Generator().manual_seed(1))
    restored = memory.restore(walk(memory, frames), 30, 4, 4, range(30)).flip(0)
    leaves, found = (network.leaf(one)[:, :, 0, 0].double() for one in (frames, restored))
    weights = (2.0 ** (-0.5 / 8)) ** torch.arange(29, -1, -1).double()[:, None]
    for channel, count in enumerate(memory.functions.tolist()):
        readings = []
        reading = memory._b
        for _ in range(30):
            readings.append(reading[:, channel])
            reading = memory._a @ reading
        basis = torch.stack(readings).flip(0)
        if not count:
            assert found[:, channel].abs().max() < 1e-4
            continue
        best = torch.linalg.lstsq(basis, leaves[:, channel : channel + 1] * weights, driver="gelsd").solution
        torch.testing.assert_close(found[:, channel], (basis @ best / weights)[:, 0], atol=2e-3, rtol=0)


def test_a_still_picture_is_remembered_for_ever(network: IMFN) -> None:
    """What is left of it; at any age the same, also long after the half-life."""
    memory = FadingMemory(network, 4)
    held = (memory.functions > 0).float()[None, :, None, None]
    picture = torch.rand(1, 1, 4, 4, generator=torch.Generator().manual_seed(2))
    wanted = network.leaf.inverse(network.leaf(picture) * held, 4, 4)
    state = walk(memory, picture.expand(500, -1, -1, -1))
    for age in (0, 1, 10, 100, 499):
        restored = memory.restore(state, 500, 4, 4, range(age, age + 1))
        torch.testing.assert_close(restored, wanted, atol=1e-3, rtol=0)


def test_the_recent_past_is_finer(network: IMFN) -> None:
    memory = FadingMemory(network, 8)
    random = torch.Generator().manual_seed(3)
    drift = torch.randn(300, 1, 4, 4, generator=random).cumsum(0) / 10
    restored = memory.restore(walk(memory, drift), 300, 4, 4, range(300)).flip(0)
    errors = (restored - drift).square().mean(dim=(1, 2, 3))
    assert errors[-4:].mean() < 0.7 * errors[-40:-20].mean() < 0.7 * errors[:100].mean()
    assert errors.max() < 10 * drift.square().mean()


@pytest.mark.parametrize("ages", [range(0), range(-1, 2), range(3, 7), range(0, 4, 2)])
def test_wrong_ages(network: IMFN, ages: range) -> None:
    memory = FadingMemory(network)
    with pytest.raises(ValueError, match="of 5 seen"):
        memory.restore(memory.reset(4, 4), 5, 4, 4, ages)


@pytest.mark.parametrize("half_life", [0, 0.5, -3, float("nan"), 1e9])
def test_wrong_half_lives(network: IMFN, half_life: float) -> None:
    with pytest.raises(ValueError, match="half-life"):
        FadingMemory(network, half_life)
