import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from imfn_cli.network import IMFN, Sweeper


def memories(count: int, channels: int, h: int, w: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, channels, h, w, generator=torch.Generator().manual_seed(seed))


def test_rows_are_orthonormal(network: IMFN) -> None:
    for level in range(1, 5):
        weight = network.sweeper(level).map.weight
        assert weight.shape == (16, 32)
        torch.testing.assert_close(weight @ weight.T, torch.eye(16), atol=1e-5, rtol=0)


@settings(max_examples=30, deadline=None)
@given(count=st.integers(0, 3), h=st.integers(1, 5), w=st.integers(1, 5), level=st.integers(1, 4))
def test_merging_a_split_memory_gives_it_back(network: IMFN, count: int, h: int, w: int, level: int) -> None:
    memory = memories(count, 16, h, w)
    left, right = network.split(memory, level)
    assert left.shape == right.shape == memory.shape
    torch.testing.assert_close(network.merge(left, right, level), memory, atol=1e-5, rtol=0)


def test_split_is_the_least_squares_inverse(network: IMFN) -> None:
    left, right = memories(3, 16, 2, 2, 1), memories(3, 16, 2, 2, 2)
    sweeper = network.sweeper(1)
    stacked = Sweeper.stack(left, right)
    error = stacked - Sweeper.stack(*sweeper.split(sweeper.merge(left, right)))
    # What is lost is orthogonal to everything that a memory can express.
    torch.testing.assert_close(error @ sweeper.map.weight.T, torch.zeros(3, 2, 2, 16), atol=1e-5, rtol=0)


def test_every_position_is_treated_alike(network: IMFN) -> None:
    left, right = memories(1, 16, 3, 4, 1), memories(1, 16, 3, 4, 2)
    whole = network.merge(left, right, 2)
    one = network.merge(left[..., 1:2, 2:3], right[..., 1:2, 2:3], 2)
    torch.testing.assert_close(whole[..., 1:2, 2:3], one)


def test_order_in_time_matters(network: IMFN) -> None:
    left, right = memories(1, 16, 1, 1, 1), memories(1, 16, 1, 1, 2)
    assert not torch.allclose(network.merge(left, right, 1), network.merge(right, left, 1))
