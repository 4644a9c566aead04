import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from imfn_cli.network import IMFN, IMFNConfig, LeafTransform

from .conftest import fitted

sides = st.integers(1, 21)


def frames_of(count: int, channels: int, height: int, width: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(count, channels, height, width, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def leaf() -> LeafTransform:
    return fitted(IMFNConfig(8, 8, 3, 192, 1)).leaf


@settings(max_examples=60, deadline=None)
@given(count=st.integers(1, 3), height=sides, width=sides, seed=st.integers(0, 99))
def test_all_channels_give_any_frame_back(
    leaf: LeafTransform, count: int, height: int, width: int, seed: int
) -> None:
    frames = frames_of(count, 3, height, width, seed)
    leaves = leaf(frames)
    assert leaves.shape == (count, 192, *leaf.config.grid(height, width))
    torch.testing.assert_close(leaf.inverse(leaves, height, width), frames, atol=1e-5, rtol=0)


@settings(max_examples=30, deadline=None)
@given(height=sides, width=sides)
def test_frames_are_padded_by_their_border(leaf: LeafTransform, height: int, width: int) -> None:
    frames = frames_of(1, 3, height, width)
    h, w = leaf.config.grid(height, width)
    rows = torch.arange(8 * h).clamp(max=height - 1)
    columns = torch.arange(8 * w).clamp(max=width - 1)
    torch.testing.assert_close(leaf.patches(frames), leaf.patches(frames[:, :, rows][..., columns]))


def test_a_patch_is_rows_then_columns_then_channels(narrow: IMFN) -> None:
    frames = torch.arange(3 * 10 * 6).reshape(1, 3, 10, 6).float()
    patches = narrow.leaf.patches(frames)
    assert patches.shape == (1, 2, 2, 45)
    assert patches[0, 1, 0].tolist() == frames[0, :, 5:10, 0:3].permute(1, 2, 0).flatten().tolist()


def test_fewer_channels_are_the_least_squares_inverse(narrow: IMFN) -> None:
    leaf = narrow.leaf
    leaves = leaf(frames_of(2, 3, 10, 9))
    again = leaf(leaf.inverse(leaves, 10, 9))
    torch.testing.assert_close(again, leaves, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("shape", [(3, 8, 8), (1, 1, 8, 8), (1, 8, 8, 3)])
def test_wrong_shapes_are_named(leaf: LeafTransform, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"frames must be \(T, 3, H, W\)"):
        leaf(torch.zeros(shape))
